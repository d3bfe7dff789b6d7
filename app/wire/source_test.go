//go:build linux

package wire

// What may be behind the reader that ReadFrom is given.

import (
	"bytes"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// bare is a file that is no os.File: whatever tells its descriptor is handed
// to the kernel. It cannot be read in another way.
type bare struct {
	t    *testing.T
	file *os.File
}

func (b bare) SyscallConn() (syscall.RawConn, error) { return b.file.SyscallConn() }

func (b bare) Read([]byte) (int, error) {
	b.t.Error("it was read")
	return 0, io.EOF
}

func TestReadFromAnythingWithADescriptor(t *testing.T) {
	_, server, client := pair(t, time.Minute)
	f, content := randomFile(t, 100_000)
	got := readAll(client)
	limited := &io.LimitedReader{R: bare{t, f}, N: 60_000}
	if n, err := server.ReadFrom(limited); n != 60_000 || err != nil || limited.N != 0 {
		t.Errorf("sent %d, %v, %d left", n, err, limited.N)
	}
	server.Close()
	if !bytes.Equal(<-got, content[:60_000]) {
		t.Error("the client received other bytes")
	}
}

// What has a descriptor and is no file cannot go by sendfile, and goes all the
// same.
func TestReadFromWhatIsNoFile(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 10_000)
	for name, open := range map[string]func() (io.Reader, io.WriteCloser){
		"a connection": func() (io.Reader, io.WriteCloser) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			w, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			r, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { r.Close() })
			return r, w
		},
		"a pipe": func() (io.Reader, io.WriteCloser) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { r.Close() })
			return r, w
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, server, client := pair(t, time.Minute)
			got := readAll(client)
			r, w := open()
			written := make(chan error, 1)
			go func() {
				_, err := w.Write(content)
				w.Close()
				written <- err
			}()
			limited := &io.LimitedReader{R: r, N: int64(len(content)) - 5}
			if n, err := server.ReadFrom(limited); n != int64(len(content))-5 || err != nil || limited.N != 0 {
				t.Errorf("sent %d, %v, %d left", n, err, limited.N)
			}
			if err := <-written; err != nil {
				t.Error(err)
			}
			server.Close()
			if !bytes.Equal(<-got, content[:len(content)-5]) {
				t.Error("the client received other bytes")
			}
		})
	}
}
