//go:build linux && (amd64 || arm64)

package engine

import (
	"bufio"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"
)

// inRun gives a connection the response that a reader would have in the middle
// of a run, with a file of that size that is not in memory.
func inRun(t *testing.T, size int64) *Conn {
	t.Helper()
	s, l := stopped(t, hello)
	c := s.accepted(l)
	name := filepath.Join(t.TempDir(), "file")
	if err := errors.Join(os.WriteFile(name, nil, 0o600), os.Truncate(name, size)); err != nil {
		t.Fatal(err)
	}
	r := newResponse()
	r.body, r.total, r.unasked = newFileBody(t, name), size, coldRun
	c.out = r
	t.Cleanup(func() { l.broken(c) })
	return c
}

// onDisk writes a byte of a file, and has it on disk only.
func onDisk(t *testing.T, name string, offset int64) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, err = f.WriteAt([]byte{1}, offset)
	if err := errors.Join(err, f.Sync(), unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)); err != nil {
		t.Fatal(err)
	}
}

func TestReaderKeepsAConnectionForARun(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Conn)
		want   bool
	}{
		"in the middle":      {func(*Conn) {}, true},
		"run over":           {func(c *Conn) { c.out.unasked = 0 }, false},
		"remote file":        {func(c *Conn) { c.out.unasked, c.out.cold = 0, true }, true},
		"end of the segment": {func(c *Conn) { c.out.advance(1 << 20) }, false},
		"cut":                {func(c *Conn) { c.Cut(errors.New("test")) }, false},
	} {
		c := inRun(t, 1<<20)
		if test.change(c); c.staysCold() != test.want {
			t.Errorf("%s: %v", name, !test.want)
		}
	}
}

// What is in memory further on is for the loop to send.
func TestRunGoesOnIfTheFileIsNotInMemory(t *testing.T) {
	c := inRun(t, 2*coldRun)
	r := c.out
	probe := make([]byte, 1)
	onDisk(t, r.body.(*fileBody).file.Name(), coldRun-1) //nolint:forcetypeassert // inRun's
	if _, errno := probeCached(r.next().fd, probe, coldRun-1); errno != syscall.EAGAIN {
		t.Skipf("this file system keeps files in memory: %v", errno)
	}
	for _, want := range []int64{coldRun, 0} {
		r.unasked = 0
		if r.lookAhead(); r.unasked != want {
			t.Errorf("%d bytes without asking, not %d", r.unasked, want)
		}
		if _, err := unix.Pread(r.next().fd, probe, coldRun-1); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPieceFitsTheDisk(t *testing.T) {
	r := &response{}
	for range 20 {
		r.adaptPiece(0)
	}
	if r.piece != coldPieceMax {
		t.Errorf("%d bytes of a fast disk", r.piece)
	}
	for range 20 {
		r.adaptPiece(time.Second)
	}
	if r.piece != coldPieceMin {
		t.Errorf("%d bytes of a slow disk", r.piece)
	}
}

// stuckBody is a file whose server does not answer when it is closed.
type stuckBody struct {
	*fileBody
	closing chan<- struct{}
	answer  <-chan struct{}
}

func (b *stuckBody) Close() error {
	if b.refs.Load() == 1 { // the last one
		b.closing <- struct{}{}
		<-b.answer
	}
	return b.fileBody.Close()
}

func TestCloseThatWaitsHoldsNobodyUp(t *testing.T) {
	const n = 8 // for every loop
	folder, err := os.MkdirTemp("/dev/shm", "fullbore")
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	name := filepath.Join(folder, "file")
	if err := errors.Join(os.WriteFile(name, nil, 0o600), os.Truncate(name, 1<<20)); err != nil {
		t.Fatal(err)
	}
	closing, answer := make(chan struct{}, n), make(chan struct{})
	s := serve(t, func(ctx *fasthttp.RequestCtx) {
		if string(ctx.Path()) == "/hello" {
			hello(ctx)
			return
		}
		b := newFileBody(t, name)
		if _, errno := probeCached(int(b.file.Fd()), make([]byte, 1), 0); errno != syscall.EOPNOTSUPP {
			ctx.SetStatusCode(fasthttp.StatusNotImplemented)
			_ = b.Close()
			return
		}
		ctx.SetBodyStream(&stuckBody{b, closing, answer}, int(b.size))
	})
	release := sync.OnceFunc(func() { close(answer) })
	t.Cleanup(release) // before the server's
	conns := make([]net.Conn, n)
	for i := range conns {
		conns[i] = s.dial()
		s.send(conns[i], getRequest)
		r := bufio.NewReader(conns[i])
		if resp, _ := s.answer(r); resp.StatusCode != fasthttp.StatusOK {
			t.Skip("this file system can tell what is cached")
		}
	}
	for range closers {
		<-closing
	}
	for range n {
		c := s.dial()
		s.send(c, "GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
		s.answer(bufio.NewReader(c))
	}
	release()
	for _, c := range conns { // which go on
		s.send(c, "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n")
		if _, body := s.answer(bufio.NewReader(c)); body != "hello /hello" {
			t.Errorf("%q", body)
		}
	}
}
