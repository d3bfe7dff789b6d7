//go:build linux

package wire

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is a server connection and its client, closed with the test.
func pair(t *testing.T, idle time.Duration) (*Listener, *Conn, *net.TCPConn) {
	t.Helper()
	ln, err := Listen("127.0.0.1:0", Config{IdleTimeout: idle})
	if err != nil {
		t.Fatal(err)
	}
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close(); ln.Close() })
	return ln, server.(*Conn), client.(*net.TCPConn)
}

// randomFile is an open file of n random bytes, and those bytes.
func randomFile(t *testing.T, n int) (*os.File, []byte) {
	t.Helper()
	content := make([]byte, n)
	_, _ = rand.Read(content)
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, content
}

// readAll collects what the client receives, in the background.
func readAll(client net.Conn) <-chan []byte {
	got := make(chan []byte, 1)
	go func() {
		b, _ := io.ReadAll(client)
		got <- b
	}()
	return got
}

func TestReadFrom(t *testing.T) {
	const size = 5<<20 + 3 // more than one sendfile chunk
	for _, test := range []struct {
		name   string
		source func(f *os.File, content []byte) (io.Reader, []byte)
	}{
		{"whole file", func(f *os.File, content []byte) (io.Reader, []byte) { return f, content }},
		{"part of a file", func(f *os.File, content []byte) (io.Reader, []byte) {
			_, _ = f.Seek(100, io.SeekStart)
			return &io.LimitedReader{R: f, N: 1 << 20}, content[100 : 100+1<<20]
		}},
		{"file shorter than the limit", func(f *os.File, content []byte) (io.Reader, []byte) {
			return &io.LimitedReader{R: f, N: size + 1000}, content
		}},
		{"nothing of a file", func(f *os.File, _ []byte) (io.Reader, []byte) {
			return &io.LimitedReader{R: f, N: 0}, nil
		}},
		{"not a file", func(_ *os.File, content []byte) (io.Reader, []byte) {
			return bytes.NewReader(content), content
		}},
		{"a limit of not a file", func(_ *os.File, content []byte) (io.Reader, []byte) {
			return io.LimitReader(bytes.NewReader(content), 70000), content[:70000]
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, server, client := pair(t, time.Minute)
			f, content := randomFile(t, size)
			source, want := test.source(f, content)
			got := readAll(client)
			n, err := server.ReadFrom(source)
			if err != nil || n != int64(len(want)) {
				t.Fatalf("ReadFrom gave %d, %v; want %d, nil", n, err, len(want))
			}
			if server.BytesWritten() != n {
				t.Errorf("counted %d, sent %d", server.BytesWritten(), n)
			}
			server.Close()
			if !bytes.Equal(<-got, want) {
				t.Error("the client received other bytes than the source has")
			}
		})
	}
}

func TestReadFromLowersTheLimit(t *testing.T) {
	_, server, client := pair(t, time.Minute)
	f, _ := randomFile(t, 1000)
	got := readAll(client)
	limited := &io.LimitedReader{R: f, N: 1500}
	if _, err := server.ReadFrom(limited); err != nil {
		t.Fatal(err)
	}
	if limited.N != 500 {
		t.Errorf("limit left is %d, want 500", limited.N)
	}
	server.Close()
	<-got
}

func TestWriteAndReadAreCounted(t *testing.T) {
	_, server, client := pair(t, time.Minute)
	if _, err := client.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 16)
	if n, err := server.Read(buf); n != 5 || err != nil {
		t.Fatal(n, err)
	}
	got := readAll(client)
	if n, err := server.Write(make([]byte, 3<<20)); n != 3<<20 || err != nil {
		t.Fatal(n, err)
	}
	server.Close()
	if n := len(<-got); n != 3<<20 {
		t.Errorf("client received %d bytes", n)
	}
	if server.BytesRead() != 5 || server.BytesWritten() != 3<<20 {
		t.Errorf("counted %d in and %d out", server.BytesRead(), server.BytesWritten())
	}
}

// sendings are the three ways in which bytes are sent.
func sendings(t *testing.T, size int) map[string]func(*Conn) (int64, error) {
	f, content := randomFile(t, size)
	return map[string]func(*Conn) (int64, error){
		"file":   func(c *Conn) (int64, error) { _, _ = f.Seek(0, io.SeekStart); return c.ReadFrom(f) },
		"reader": func(c *Conn) (int64, error) { return c.ReadFrom(bytes.NewReader(content)) },
		"write":  func(c *Conn) (int64, error) { n, err := c.Write(content); return int64(n), err },
	}
}

func TestPeerThatTakesNothingTimesOut(t *testing.T) {
	for name, send := range sendings(t, 32<<20) {
		t.Run(name, func(t *testing.T) {
			_, server, _ := pair(t, 300*time.Millisecond)
			n, err := send(server)
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("got %v, want a timeout", err)
			}
			if n <= 0 || n != server.BytesWritten() {
				t.Errorf("sent %d, counted %d; want the same, above 0", n, server.BytesWritten())
			}
			if !errors.Is(server.WriteErr(), os.ErrDeadlineExceeded) {
				t.Errorf("WriteErr is %v", server.WriteErr())
			}
		})
	}
}

// A peer that takes 10 KB/s, in small steps, for several times the idle timeout
// has not stalled, though the socket is full nearly all the time.
func TestSlowPeerIsNotCut(t *testing.T) {
	const idle, size = 2 * time.Second, 2 << 20
	for name, send := range sendings(t, size) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, client := pairWithSmallWindow(t, idle)
			_ = server.sock.Stream.(*net.TCPConn).SetWriteBuffer(256 << 10) // far less than is sent
			stop := time.Now().Add(4 * idle)
			received := make(chan int64, 1)
			go func() {
				var total int64
				buf := make([]byte, 1<<10)
				for time.Now().Before(stop) {
					n, err := client.Read(buf)
					total += int64(n)
					if err != nil {
						break
					}
					time.Sleep(100 * time.Millisecond)
				}
				n, _ := io.Copy(io.Discard, client)
				received <- total + n
			}()
			n, err := send(server)
			if err != nil || n != size {
				t.Fatalf("sent %d, %v", n, err)
			}
			server.Close()
			if got := <-received; got != n {
				t.Errorf("received %d of %d", got, n)
			}
		})
	}
}

// pairWithSmallWindow is a pair whose client acknowledges in small steps: its
// buffer is set before the connection is made, or the window is agreed already.
func pairWithSmallWindow(t *testing.T, idle time.Duration) (*Conn, net.Conn) {
	t.Helper()
	ln, err := Listen("127.0.0.1:0", Config{IdleTimeout: idle})
	if err != nil {
		t.Fatal(err)
	}
	dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		ctrl := raw.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 8<<10)
		})
		return errors.Join(ctrl, err)
	}}
	client, err := dialer.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close(); ln.Close() })
	return server.(*Conn), client
}

func TestPeerThatGoesAwayIsAnErrorWithTheCount(t *testing.T) {
	for name, send := range sendings(t, 64<<20) {
		t.Run(name, func(t *testing.T) {
			_, server, client := pair(t, time.Minute)
			go func() {
				_, _ = io.CopyN(io.Discard, client, 1<<20)
				_ = client.SetLinger(0)
				client.Close()
			}()
			n, err := send(server)
			if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
				t.Fatalf("got %v, want a reset or a broken pipe", err)
			}
			if n < 1<<20 || n >= 64<<20 || n != server.BytesWritten() {
				t.Errorf("sent %d, counted %d; want the same, from 1 MiB on", n, server.BytesWritten())
			}
		})
	}
}

// A peer as fast as the disk never fills the socket, so that nothing but the
// cut itself makes the loop look up.
func TestCutEndsAWriteThatNeverWaits(t *testing.T) {
	ln, server, client := pair(t, time.Minute)
	f, err := os.Create(filepath.Join(t.TempDir(), "sparse"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(1 << 40); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.CopyBuffer(io.Discard, struct{ io.Reader }{client}, make([]byte, 1<<20)) }()
	done := make(chan error, 1)
	go func() {
		_, err := server.ReadFrom(f)
		done <- err
	}()
	for server.BytesWritten() < 64<<20 {
		time.Sleep(time.Millisecond)
	}
	ln.Cut(errors.New("a test"))
	if err := <-done; err == nil {
		t.Error("ReadFrom went on to the end")
	}
	server.Close()
}

// Closing with unread bytes makes the kernel send a reset, which would take
// the answer away from the peer.
func TestAnswerSurvivesWhatNobodyRead(t *testing.T) {
	_, server, client := pair(t, time.Minute)
	if _, err := client.Write(make([]byte, 300<<10)); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Read(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Write([]byte("refused")); err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	go func() { closed <- server.Close() }()
	answer, err := io.ReadAll(client)
	if err != nil || string(answer) != "refused" {
		t.Errorf("the client read %q, %v", answer, err)
	}
	client.Close()
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

func TestCutEndsAWrite(t *testing.T) {
	ln, server, _ := pair(t, time.Minute)
	f, _ := randomFile(t, 32<<20)
	done := make(chan error, 1)
	go func() {
		_, err := server.ReadFrom(f)
		done <- err
	}()
	for server.BytesWritten() == 0 {
		time.Sleep(time.Millisecond)
	}
	if n := ln.Cut(errors.New("a test")); n != 1 {
		t.Errorf("cut %d connections, want 1", n)
	}
	if err := <-done; !errors.Is(err, net.ErrClosed) && !errors.Is(err, syscall.EPIPE) {
		t.Errorf("ReadFrom gave %v, want net.ErrClosed or a broken pipe", err)
	}
	if ln.WaitClosed(time.Millisecond) {
		t.Error("closed, though its owner did not close it")
	}
	server.Close()
	if ln.Open() != 0 {
		t.Errorf("%d connections are still counted as open", ln.Open())
	}
}

func TestListenerClose(t *testing.T) {
	ln, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan error, 1)
	go func() {
		_, err := ln.Accept()
		accepted <- err
	}()
	for range 2 {
		if err := ln.Close(); err != nil {
			t.Error(err)
		}
	}
	// fasthttp tells an orderly end by these words.
	if err := <-accepted; !errors.Is(err, net.ErrClosed) || !strings.Contains(err.Error(), "use of closed network connection") {
		t.Errorf("Accept gave %v", err)
	}
}

func BenchmarkReadFromFile(b *testing.B) {
	ln, err := Listen("127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	server, err := ln.Accept()
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	go func() { _, _ = io.CopyBuffer(io.Discard, struct{ io.Reader }{client}, make([]byte, 1<<20)) }()
	f, err := os.Create(filepath.Join(b.TempDir(), "sparse"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	const size = 256 << 20
	if err := f.Truncate(size); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = f.Seek(0, io.SeekStart)
		if _, err := server.(*Conn).ReadFrom(f); err != nil {
			b.Fatal(err)
		}
	}
}

func TestReadDeadline(t *testing.T) {
	_, server, client := pair(t, time.Minute)
	buf := make([]byte, 1)
	read := func() error { _, err := server.Read(buf); return err }
	soon := func(d time.Duration) time.Time { return time.Now().Add(d) }

	t.Log("one that was moved away does not end a Read")
	_ = server.SetReadDeadline(soon(10 * time.Millisecond))
	_ = server.SetReadDeadline(soon(time.Hour))
	time.AfterFunc(100*time.Millisecond, func() { _, _ = client.Write([]byte("x")) })
	if err := read(); err != nil {
		t.Fatal(err)
	}
	t.Log("one that was moved closer does")
	_ = server.SetReadDeadline(soon(10 * time.Millisecond))
	if err := read(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	t.Log("and once it has passed, the next one counts")
	_ = server.SetReadDeadline(soon(time.Hour))
	_, _ = client.Write([]byte("x"))
	if err := read(); err != nil {
		t.Fatal(err)
	}
	t.Log("none is none")
	_ = server.SetReadDeadline(soon(10 * time.Millisecond))
	_ = server.SetReadDeadline(time.Time{})
	time.AfterFunc(100*time.Millisecond, func() { _, _ = client.Write([]byte("x")) })
	if err := read(); err != nil {
		t.Fatal(err)
	}
	_ = server.SetDeadline(soon(10 * time.Millisecond))
	if err := read(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("SetDeadline: got %v", err)
	}
}
