package wire

// This file is one connection: its counters, and the rule that a peer must
// keep taking bytes. How a file gets from disk to socket is in sendfile_*.go.

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// ticksPerTimeout is how often within the idle timeout a blocked write looks
// whether its peer took anything. A stall ends between 1 and 1+1/ticks
// timeouts after the last byte that was taken.
const ticksPerTimeout = 4

// copyBufferSize is the buffer of what cannot go by sendfile: large enough to
// keep system calls per GB low, small enough to be held by many at once.
const copyBufferSize = 64 << 10

// Conn is one accepted TCP connection. It counts what the kernel took and
// gave, keeps sendfile for files, and ends writes to a peer that takes
// nothing. Counters may be read at any time from any goroutine; Read, Write,
// ReadFrom and the cork are for their owner.
type Conn struct {
	net.Conn
	tcp    *net.TCPConn
	idle   *atomic.Int64 // the listener's idle timeout in nanoseconds, which may change
	onDone func(*Conn)
	once   sync.Once

	read, written atomic.Int64
	writeErr      atomic.Pointer[error]
	cutFor        atomic.Pointer[error] // why it was cut; nil: it was not
	sending       atomic.Bool           // the peer is; see Linger
	phase         atomic.Int32          // fresh, working, resting
	retiring      atomic.Int32          // staying, afterAnswers, evenFresh

	// Owned by the reading goroutine.
	readBy    time.Time // when Read gives up
	readArmed time.Time // when the poller says so; never later

	// Owned by the writing goroutine.
	armed     time.Time // when the write deadline now set will pass
	progress  time.Time // when the peer was last seen to take a byte
	delivered int64     // what it had taken then
	corked    *[]byte   // what is held back; nil while nothing is
}

func newConn(tcp *net.TCPConn, idle *atomic.Int64, onDone func(*Conn)) *Conn {
	return &Conn{Conn: tcp, tcp: tcp, idle: idle, onDone: onDone}
}

// BytesWritten is the number of bytes the kernel took for sending.
func (c *Conn) BytesWritten() int64 { return c.written.Load() }

// BytesRead is the number of bytes received from the peer.
func (c *Conn) BytesRead() int64 { return c.read.Load() }

// WriteErr is the first error that ended a write or a ReadFrom, nil while
// there was none: os.ErrDeadlineExceeded (in the sense of errors.Is) when the
// peer took nothing for the idle timeout, a syscall.Errno when it went away,
// or what reading the source gave.
func (c *Conn) WriteErr() error {
	if err := c.writeErr.Load(); err != nil {
		return *err
	}
	return nil
}

// Read reads from the peer.
func (c *Conn) Read(p []byte) (int, error) {
	for {
		if c.mayEnd() {
			return c.readLast(p)
		}
		n, err := c.tcp.Read(p)
		c.read.Add(int64(n))
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) || !c.readLater() {
			return n, err
		}
	}
}

// SetReadDeadline sets when Read gives up; see net.Conn. A server moves this
// deadline further away several times per request, so the one in the poller is
// left where it is until it passes.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.readBy = t
	if !t.IsZero() && !c.readArmed.IsZero() && !t.Before(c.readArmed) {
		return nil
	}
	c.readArmed = t
	return c.tcp.SetReadDeadline(t)
}

// SetDeadline sets the deadlines of Read and Write; see net.Conn.
func (c *Conn) SetDeadline(t time.Time) error {
	c.readBy, c.readArmed, c.armed = t, t, t
	return c.tcp.SetDeadline(t)
}

// readLater reports whether reading goes on although the deadline has passed:
// if the one that is wanted, to which it is moved, is still to come, or if it
// was passed by retire, of which Read has to think anew.
func (c *Conn) readLater() bool {
	if !c.readBy.IsZero() && !c.readBy.After(time.Now()) {
		return false
	}
	c.readArmed = c.readBy
	return c.tcp.SetReadDeadline(c.readBy) == nil
}

// Write sends p whole, for as long as the peer keeps taking bytes. The count
// is what the kernel took, also on error, or what is held back.
func (c *Conn) Write(p []byte) (int, error) {
	if c.corked != nil {
		return c.hold(p)
	}
	return c.write(p)
}

func (c *Conn) write(p []byte) (int, error) {
	c.begin()
	sent := 0
	for {
		n, err := c.tcp.Write(p[sent:])
		sent += n
		c.written.Add(int64(n))
		if err = c.carryOn(err); err != errCarryOn { //nolint:errorlint // a private mark, never wrapped
			return sent, c.keep(err)
		}
	}
}

// ReadFrom sends what r gives until its end. A file, or an io.LimitedReader of
// one, goes from disk to socket inside the kernel, from the file's position
// on; anything else is copied through a pooled buffer. The count is what the
// kernel took, also on error.
func (c *Conn) ReadFrom(r io.Reader) (int64, error) {
	if c.corked != nil {
		return c.holdFrom(r)
	}
	if file, limit := fileOf(r); file != nil {
		n, handled, err := c.sendfile(file, limit)
		if handled {
			return n, c.keep(err)
		}
	}
	return c.copyFrom(r)
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

var copyBuffers = sync.Pool{New: func() any { b := make([]byte, copyBufferSize); return &b }}

// copyFrom is the way through user space. The methods that would let io.Copy
// choose another one are hidden from it.
func (c *Conn) copyFrom(r io.Reader) (int64, error) {
	buf := copyBuffers.Get().(*[]byte) //nolint:forcetypeassert // the pool holds nothing else
	defer copyBuffers.Put(buf)
	n, err := io.CopyBuffer(struct{ io.Writer }{c}, struct{ io.Reader }{r}, *buf)
	return n, c.keep(err)
}

// keep remembers the first error for WriteErr, with why we cut the connection,
// if it is that.
func (c *Conn) keep(err error) error {
	if err != nil {
		if reason := c.cutFor.Load(); reason != nil {
			err = &cutError{*reason, err}
		}
		first := err
		c.writeErr.CompareAndSwap(nil, &first)
	}
	return err
}

// begin starts a write: the peer is given the whole idle timeout anew. The
// deadline in the poller is moved only when the one that is set comes before
// the next look, since moving it costs more than a small write's bookkeeping.
func (c *Conn) begin() {
	now := time.Now()
	c.progress = now
	if tick := c.tick(); c.armed.Sub(now) < tick/2 {
		c.arm(now.Add(tick))
	}
}

func (c *Conn) idleTimeout() time.Duration { return time.Duration(c.idle.Load()) }

func (c *Conn) tick() time.Duration { return max(c.idleTimeout()/ticksPerTimeout, time.Millisecond) }

func (c *Conn) arm(at time.Time) {
	c.armed = at
	// It fails only on a closed connection, and then the write says so.
	_ = c.tcp.SetWriteDeadline(at)
}

// stallError says that the peer took nothing for the idle timeout. Its text is
// made when somebody asks: fmt would need more stack than the transfer did.
type stallError struct {
	idle time.Duration
	err  error
}

func (e *stallError) Error() string {
	return "peer took nothing for " + e.idle.String() + ": " + e.err.Error()
}

func (e *stallError) Unwrap() error { return e.err }

// errCarryOn says that the deadline passed while the peer still takes bytes.
var errCarryOn = errors.New("carry on")

// carryOn turns a passed deadline into errCarryOn as long as the peer took
// something within the idle timeout, and into a timeout when it did not.
// Other errors pass through.
func (c *Conn) carryOn(err error) error {
	if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	now := time.Now()
	// Progress is what the peer acknowledged, not what fits into our socket: a
	// socket may be fuller than its limit, and then has no room yet although
	// the peer took something.
	if d := c.written.Load() - c.queued(); d != c.delivered {
		c.delivered, c.progress = d, now
	}
	if idle := c.idleTimeout(); now.Sub(c.progress) >= idle {
		return &stallError{idle, err}
	}
	c.arm(now.Add(c.tick()))
	return errCarryOn
}

// How long and how many bytes Close waits for what the peer still sends.
const (
	lingerTime  = time.Second
	lingerBytes = 1 << 20
)

// Close closes the connection. It may be called twice.
//
// If the peer sent what nobody read, say a body that was refused, the kernel
// would answer with a reset, which can destroy the response before the peer
// reads it. So the end is announced first, and for a short while what comes is
// thrown away. RFC 9112 section 9.6. What the peer has not taken yet is waited
// for, so Close may take as long as a slow peer does; see settle.
func (c *Conn) Close() error {
	c.once.Do(func() {
		if !c.isCut() && (c.sending.Load() || c.unread()) {
			c.linger()
		}
		c.settle()
		c.onDone(c)
	})
	return c.tcp.Close()
}

// linger ends our half and reads the peer's until it ends too, within bounds.
// Errors only mean that there is nobody left to be kind to.
func (c *Conn) linger() {
	if c.WriteErr() != nil || c.tcp.CloseWrite() != nil {
		return
	}
	_ = c.tcp.SetReadDeadline(time.Now().Add(lingerTime))
	buf := copyBuffers.Get().(*[]byte) //nolint:forcetypeassert // the pool holds nothing else
	defer copyBuffers.Put(buf)
	for left := lingerBytes; left > 0; {
		n, err := c.tcp.Read(*buf)
		if err != nil {
			return
		}
		left -= n
	}
}

// Linger says that the peer is still sending what nobody will read, so that
// Close takes care of it also when nothing of it has arrived yet.
func (c *Conn) Linger() { c.sending.Store(true) }

// cutError is what a write gives on a connection that we have cut.
type cutError struct{ reason, err error }

func (e *cutError) Error() string   { return e.reason.Error() }
func (e *cutError) Unwrap() []error { return []error{e.reason, e.err} }

func (c *Conn) isCut() bool { return c.cutFor.Load() != nil }

// Cut ends the connection at once, as a reset of the peer would: reads and
// writes in progress return, writes with an error that is reason and also what
// the system said. The owner still has to Close, which is when the listener
// forgets the connection. It may be called from any goroutine; the first reason
// stays.
//
// It does not close the socket itself, since that would wait for a write to
// end, and one from a slow disk to a fast peer ends only with the file. Errors
// are not looked at: a connection that is gone already is cut.
func (c *Conn) Cut(reason error) {
	c.cutFor.CompareAndSwap(nil, &reason)
	_ = c.tcp.SetLinger(0) // what is queued goes with the Close
	_ = c.tcp.CloseRead()
	_ = c.tcp.CloseWrite()
}
