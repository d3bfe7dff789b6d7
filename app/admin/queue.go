package admin

// This file is what stands between a trace and its client. The runtime keeps
// what nobody takes from it, without end, so a client that is slow must not
// make it wait.

import (
	"context"
	"errors"
	"io"
	"sync"
)

// queueLimit, in bytes, is how far a client may stay behind.
const queueLimit = 8 << 20

// errBehind is why a trace is broken off.
var errBehind = errors.New("the client takes the trace more slowly than it is made")

// queue is an io.Writer that never waits, and an io.ReadCloser at its other
// end. What is written beyond the limit breaks it.
type queue struct {
	failed context.Context // ends when nothing more is taken
	fail   context.CancelCauseFunc

	mu     sync.Mutex
	change *sync.Cond
	parts  [][]byte // of which the first may be read in part
	size   int      // bytes in parts
	over   bool     // there comes no more
	err    error    // it is broken
}

func newQueue() *queue {
	q := &queue{}
	q.change = sync.NewCond(&q.mu)
	q.failed, q.fail = context.WithCancelCause(context.Background())
	return q
}

// Write takes p, or breaks the queue if it is full.
func (q *queue) Write(p []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil && q.size+len(p) > queueLimit {
		q.breakOff(errBehind)
	}
	if q.err != nil {
		return 0, q.err
	}
	q.parts = append(q.parts, append([]byte(nil), p...))
	q.size += len(p)
	q.change.Signal()
	return len(p), nil
}

// Read waits for something to be written.
func (q *queue) Read(p []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		switch {
		case q.err != nil:
			return 0, q.err
		case len(q.parts) > 0:
			n := copy(p, q.parts[0])
			q.size -= n
			if q.parts[0] = q.parts[0][n:]; len(q.parts[0]) == 0 {
				q.parts = q.parts[1:]
			}
			return n, nil
		case q.over:
			return 0, io.EOF
		}
		q.change.Wait()
	}
}

// finish says that there comes no more.
func (q *queue) finish() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.over = true
	q.change.Signal()
}

// Close says that nobody reads any more.
func (q *queue) Close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.breakOff(io.ErrClosedPipe)
	return nil
}

// breakOff ends both sides. The caller holds the lock.
func (q *queue) breakOff(err error) {
	if q.err == nil {
		q.err = err
	}
	q.parts, q.size = nil, 0
	q.fail(q.err)
	q.change.Signal()
}
