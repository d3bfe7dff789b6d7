//go:build linux && (amd64 || arm64)

package engine

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

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
	_ = unix.Fadvise(r.next().fd, 0, 0, unix.FADV_DONTNEED)
	probe := make([]byte, 1)
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
