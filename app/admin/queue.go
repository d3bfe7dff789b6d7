package admin

import (
	"bytes"
	"errors"
	"io"
	"sync"
)

// queueLimit, in bytes, is how far a client may stay behind.
const queueLimit = 8 << 20

// errBehind is why a recording is broken off.
var errBehind = errors.New("the client takes the profile more slowly than it is made")

// queue connects a writer that never waits to a reader. The runtime keeps what
// nobody takes of a trace, without bound, so a slow client must not hold up the
// writer: what does not fit breaks the queue.
type queue struct {
	ended func() // called when no more is taken

	mu     sync.Mutex
	change sync.Cond
	buffer bytes.Buffer
	err    error // of Read, once the buffer is empty; nil: more may come
}

func newQueue(ended func()) *queue {
	q := &queue{ended: ended}
	q.change.L = &q.mu
	return q
}

// Write takes p, or breaks the queue if it is full.
func (q *queue) Write(p []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.buffer.Len()+len(p) > queueLimit {
		q.finish(errBehind)
	}
	if q.err != nil {
		return 0, q.err
	}
	q.change.Signal()
	return q.buffer.Write(p)
}

// Read waits for something to be written.
func (q *queue) Read(p []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.buffer.Len() == 0 && q.err == nil {
		q.change.Wait()
	}
	if q.buffer.Len() == 0 {
		return 0, q.err
	}
	return q.buffer.Read(p)
}

// end says that no more is written, with io.EOF, or why no more is read.
func (q *queue) end(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.finish(err)
}

// finish is end for a caller that holds mu. The first failure stays.
func (q *queue) finish(err error) {
	if q.err == nil || q.err == io.EOF { //nolint:errorlint // the word for a good end
		q.err = err
	}
	if err != io.EOF { //nolint:errorlint // likewise
		q.buffer = bytes.Buffer{}
	}
	q.change.Signal()
	q.ended()
}
