package wire

// A corked header waits for its body, so that a small response takes one system call and
// few packets. TCP_CORK takes two more system calls. See tcp(7).

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
)

const (
	// corkSize is the most that is held back, in bytes: a body of 64 KiB with
	// its header.
	corkSize = 68 << 10

	// maxCorked is how many connections may hold something back at a time,
	// which bounds the memory for it. It is held only while a write that the
	// peer does not take waits.
	maxCorked = 64
)

var (
	// A byte more than is held, to find out that a source has come to its end.
	corks     = sync.Pool{New: func() any { b := make([]byte, 0, corkSize+1); return &b }}
	corkCount atomic.Int32
)

// errCorkFull says that more was written to a corked connection than it holds.
var errCorkFull = errors.New("more than a corked connection holds back")

// cork holds back what is written. The zero value holds nothing.
type cork struct{ held *[]byte }

// in reports whether what is written is held back.
func (c *cork) in() bool { return c.held != nil }

// Cork holds back what is written, up to 68 KiB, until Uncork sends it at once. It
// returns false if too many connections are corked already. Each successful Cork needs
// an Uncork or a DropCork.
func (s *sender) Cork() bool {
	if corkCount.Add(1) > maxCorked {
		corkCount.Add(-1)
		return false
	}
	s.cork.held = corks.Get().(*[]byte) //nolint:forcetypeassert // the pool holds nothing else
	return true
}

// Held is how many bytes are held back.
func (s *sender) Held() int {
	if !s.cork.in() {
		return 0
	}
	return len(*s.cork.held)
}

// Uncork sends what was held back. The count is what the kernel took, also on
// error.
func (s *sender) Uncork() (int64, error) {
	if !s.cork.in() {
		return 0, nil
	}
	n, err := s.write(*s.cork.held)
	s.DropCork()
	return int64(n), err
}

// DropCork discards what is held back and cannot be completed. The next write goes out
// as if it had never been written.
func (s *sender) DropCork() {
	if !s.cork.in() {
		return
	}
	*s.cork.held = (*s.cork.held)[:0]
	corks.Put(s.cork.held)
	s.cork.held = nil
	corkCount.Add(-1)
}

func (c *cork) write(p []byte) (int, error) {
	if len(*c.held)+len(p) > corkSize {
		return 0, errCorkFull
	}
	*c.held = append(*c.held, p...)
	return len(p), nil
}

func (c *cork) readFrom(r io.Reader) (total int64, err error) {
	for {
		held := *c.held
		n, err := r.Read(held[len(held) : corkSize+1])
		if len(held)+n > corkSize {
			return total, errCorkFull
		}
		*c.held = held[:len(held)+n]
		total += int64(n)
		switch {
		case err == io.EOF:
			return total, nil
		case err != nil:
			return total, err
		}
	}
}
