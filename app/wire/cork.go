package wire

// This file lets a response's header wait for its body, so that a small one is
// a single system call and as few packets as possible. TCP_CORK would do the
// latter for two system calls more. See tcp(7).

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

// Cork begins to hold back what is written, up to 68 KiB, until Uncork sends it
// as one. It is false, and does nothing, when too many connections hold back
// already. Each Cork needs an Uncork or a DropCork.
func (c *Conn) Cork() bool {
	if corkCount.Add(1) > maxCorked {
		corkCount.Add(-1)
		return false
	}
	c.corked = corks.Get().(*[]byte) //nolint:forcetypeassert // the pool holds nothing else
	return true
}

// Uncork sends what was held back. The count is what the kernel took, also on
// error.
func (c *Conn) Uncork() (int64, error) {
	if c.corked == nil {
		return 0, nil
	}
	n, err := c.write(*c.corked)
	c.DropCork()
	return int64(n), err
}

// DropCork forgets what is held back, for who cannot complete it. The next
// write goes out as if it had never been written.
func (c *Conn) DropCork() {
	if c.corked == nil {
		return
	}
	*c.corked = (*c.corked)[:0]
	corks.Put(c.corked)
	c.corked = nil
	corkCount.Add(-1)
}

// hold takes what Write is given.
func (c *Conn) hold(p []byte) (int, error) {
	if len(*c.corked)+len(p) > corkSize {
		return 0, c.keep(errCorkFull)
	}
	*c.corked = append(*c.corked, p...)
	return len(p), nil
}

// holdFrom takes what ReadFrom is given.
func (c *Conn) holdFrom(r io.Reader) (total int64, err error) {
	for {
		held := *c.corked
		n, err := r.Read(held[len(held) : corkSize+1])
		if len(held)+n > corkSize {
			return total, c.keep(errCorkFull)
		}
		*c.corked = held[:len(held)+n]
		total += int64(n)
		switch {
		case err == io.EOF:
			return total, nil
		case err != nil:
			return total, c.keep(err)
		}
	}
}
