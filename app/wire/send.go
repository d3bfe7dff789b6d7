package wire

import (
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
)

// copyBufferSize is the buffer of what cannot go by sendfile: large enough to
// keep system calls per GB low, small enough to be held by many at once.
const copyBufferSize = 64 << 10

var copyBuffers = sync.Pool{New: func() any { b := make([]byte, copyBufferSize); return &b }}

// sender is the sending half of a connection. How a file gets from disk to
// socket is in sendfile_*.go.
type sender struct {
	sock     socket
	cut      *cut
	pacing   *Pacing
	written  atomic.Int64
	failed   atomic.Pointer[error]
	patience patience
	cork     cork
	backlog  Backlog
}

// BytesWritten is the number of bytes the kernel took for sending.
func (s *sender) BytesWritten() int64 { return s.written.Load() }

// WriteErr is the first error that ended a write or a ReadFrom, nil while
// there was none: os.ErrDeadlineExceeded (in the sense of errors.Is) when the
// peer took nothing for the idle timeout, a syscall.Errno when it went away,
// or what reading the source gave.
func (s *sender) WriteErr() error {
	if err := s.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// Write sends p whole, for as long as the peer keeps taking bytes. The count
// is what the kernel took, also on error, or what is held back.
func (s *sender) Write(p []byte) (int, error) {
	if s.cork.in() {
		n, err := s.cork.write(p)
		return n, s.keep(err)
	}
	return s.write(p)
}

func (s *sender) write(p []byte) (sent int, err error) {
	for {
		n, allowance := s.pacing.take(len(p)-sent, s.cut)
		took, err := s.push(p[sent : sent+n])
		if allowance != nil {
			allowance.Return(int64(n - took))
		}
		if sent += took; err != nil || sent == len(p) {
			return sent, s.keep(err)
		}
	}
}

// push sends p whole, for as long as the peer keeps taking bytes.
func (s *sender) push(p []byte) (sent int, err error) {
	s.patience.begin(s.sock, s.written.Load())
	for {
		n, err := s.sock.Write(p[sent:])
		sent += n
		written := s.written.Add(int64(n))
		if err = s.patience.judge(s.sock, written, err); err != errCarryOn { //nolint:errorlint // a private mark, never wrapped
			return sent, err
		}
	}
}

// ReadFrom sends r until its end. A file, or an io.LimitedReader of
// one, goes from disk to socket inside the kernel, from the file's position
// on; anything else is copied through a pooled buffer. The count is what the
// kernel took, also on error.
func (s *sender) ReadFrom(r io.Reader) (int64, error) {
	if s.cork.in() {
		n, err := s.cork.readFrom(r)
		return n, s.keep(err)
	}
	if file, limit := fileOf(r); file != nil {
		n, handled, err := s.sendfile(file, limit)
		if handled {
			return n, s.keep(err)
		}
	}
	return s.copyFrom(r)
}

// fileOf finds the file behind r and where its remaining limit is kept; no
// limit is nil. What has a descriptor and is no file is refused by sendfile.
func fileOf(r io.Reader) (syscall.Conn, *int64) {
	switch r := r.(type) {
	case *os.File:
		return r, nil
	case *io.LimitedReader:
		if file, ok := r.R.(syscall.Conn); ok {
			return file, &r.N
		}
	}
	return nil, nil
}

// copyFrom is the way through user space. The methods that would let io.Copy
// choose another one are hidden from it.
func (s *sender) copyFrom(r io.Reader) (int64, error) {
	buf := copyBuffers.Get().(*[]byte) //nolint:forcetypeassert // the pool holds nothing else
	defer copyBuffers.Put(buf)
	n, err := io.CopyBuffer(struct{ io.Writer }{s}, struct{ io.Reader }{r}, *buf)
	return n, s.keep(err)
}

// keep remembers the first error for WriteErr, with why we cut the connection,
// if it is that.
func (s *sender) keep(err error) error {
	if err == nil {
		return nil
	}
	first := s.cut.explain(err)
	s.failed.CompareAndSwap(nil, &first)
	return first
}
