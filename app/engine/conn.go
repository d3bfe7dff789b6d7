//go:build linux && (amd64 || arm64)

package engine

import (
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"fullbore/app/wire"
)

// Conn is a connection that an event loop carries. It is what a handler gets
// from RequestCtx.Conn: for its counters and addresses, not to read or write.
// The counters, Cut and Block may be used from any goroutine.
type Conn struct {
	wire.Seat
	wire.Introduced
	wire.Pacing
	loop   *loop
	fd     int
	serial int32          // tells connections that had the same descriptor apart
	left   int32          // bytes that are still read while it lingers
	remote netip.AddrPort // zero on a Unix socket

	list       *list // of the loop, in which it waits
	prev, next *Conn
	since      int64 // when that wait began, by loop.now

	received, sent atomic.Int64
	cutFor         atomic.Pointer[error]     // why it was cut; nil: it was not
	handed         atomic.Pointer[wire.Conn] // what serves it meanwhile; nil: the loop does
	away           atomic.Bool               // a goroutine works for it; the loop waits to be told
	retiring       atomic.Int32              // a wire.Retirement

	// The loop's own, or the goroutine's that it is away with.
	in        *arrived   // what has arrived of a request; nil: nothing
	out       *response  // what is being sent; nil: nothing
	postponed *postponed // what waits before that; nil: nothing
	delivered int64      // what the peer had acknowledged at the last look
	progress  int64      // when that was last more than before
	failure   error      // of the last write
	requests  uint32     // that have begun
	is        flags
	backlog   wire.Backlog
	end       ending
	lingers   bool  // the peer is likely to send more
	looked    int64 // when the send queue was last checked, while settling
}

// flags are what a loop knows of a connection.
type flags uint8

const (
	readable flags = 1 << iota // there may be something to read
	writable                   // the socket may have room
	hungUp                     // the peer sends no more
	queued                     // in loop.ready
	closed                     // the descriptor is not ours any more
	refused                    // it is not served, only told why
	unnamed                    // a proxy is still to introduce it
)

func (c *Conn) has(f flags) bool { return c.is&f != 0 }

// BytesRead is how many bytes were received.
func (c *Conn) BytesRead() int64 {
	if w := c.handed.Load(); w != nil {
		return w.BytesRead()
	}
	return c.received.Load()
}

// BytesWritten is how many bytes the kernel took for sending.
func (c *Conn) BytesWritten() int64 {
	if w := c.handed.Load(); w != nil {
		return w.BytesWritten()
	}
	return c.sent.Load()
}

// WriteErr is what ended the response early, nil if nothing did: see
// wire.Conn.WriteErr. It is for the end of a response, not for while it lasts.
func (c *Conn) WriteErr() error {
	if w := c.handed.Load(); w != nil && c.failure == nil {
		return w.WriteErr()
	}
	return c.failure
}

// fail notes what ended a response, with why we cut it, if we did.
func (c *Conn) fail(err error) {
	if reason := c.cutFor.Load(); reason != nil {
		err = &wire.CutError{Reason: *reason, Err: err}
	}
	if c.failure == nil {
		c.failure = err
	}
}

// Cut ends the connection at once, as a reset of the peer would. The first
// reason stays, and is the error in the access record.
func (c *Conn) Cut(reason error) {
	c.cutFor.CompareAndSwap(nil, &reason)
	if w := c.handed.Load(); w != nil {
		w.Cut(reason)
	}
	c.loop.tell(message{conn: c, what: lookAgain})
}

// Wake has the loop look whether more may be sent; see wire.Allowance.
func (c *Conn) Wake() { c.loop.tell(message{conn: c, what: moreAllowed}) }

// Retire ends the connection when nothing is owed on it, see
// wire.Listener.Retire.
func (c *Conn) Retire(how wire.Retirement) {
	c.retiring.Store(int32(how))
	c.loop.tell(message{conn: c, what: lookAgain})
}

// Reconsider does nothing: the loop looks at the limits whenever its clock ticks.
func (c *Conn) Reconsider() {}

// mayEnd reports whether the connection is retired and in a phase in which that
// ends it.
func (c *Conn) mayEnd() bool {
	how := wire.Retirement(c.retiring.Load())
	if how == wire.Staying || c.out != nil || c.in != nil || c.postponed != nil {
		return false
	}
	return c.requests > 0 || how == wire.EvenFresh
}

// goAway says that a goroutine works for the connection, comeBack that the loop
// does again.
func (c *Conn) goAway()   { c.loop.engine.aside.Add(1); c.away.Store(true) }
func (c *Conn) comeBack() { c.loop.engine.aside.Add(-1); c.away.Store(false) }

// MayBlock reports whether the goroutine that runs a handler may sleep without
// anybody waiting for it.
func (c *Conn) MayBlock() bool { return c.away.Load() }

// Block says that the handler that runs for this connection is about to do what
// may take long. The loop goes on with the other connections on a goroutine of
// its own; the caller keeps the one it is on. It is for handlers, and costs
// nothing where they may block anyway.
func (c *Conn) Block() {
	if !c.away.Load() {
		c.loop.goOnElsewhere()
	}
}

// RemoteAddrPort is the peer's address; zero on a Unix socket.
func (c *Conn) RemoteAddrPort() netip.AddrPort { return c.remote }

// RemoteAddr is the peer's address. On a Unix socket it has no name.
func (c *Conn) RemoteAddr() net.Addr {
	if !c.remote.IsValid() {
		return unixPeer
	}
	return net.TCPAddrFromAddrPort(c.remote)
}

var unixPeer = &net.UnixAddr{Net: "unix"}

// LocalAddr is the address of the listener, or that of the connection if the
// listener has many.
func (c *Conn) LocalAddr() net.Addr {
	if w := c.handed.Load(); w != nil { // fd is not ours
		return w.LocalAddr()
	}
	return localAddr(c.fd)
}

var errCarried = errors.New("the connection is carried by an event loop: answer through the RequestCtx")

// Read fails while the loop reads.
func (c *Conn) Read(p []byte) (int, error) {
	if w := c.handed.Load(); w != nil {
		return w.Read(p)
	}
	return 0, errCarried
}

// Write fails while the loop writes. A body that is read aside may use it.
func (c *Conn) Write(p []byte) (int, error) {
	if w := c.handed.Load(); w != nil {
		return w.Write(p)
	}
	return 0, errCarried
}

// Close cuts the connection.
func (c *Conn) Close() error { c.Cut(net.ErrClosed); return nil }

// SetDeadline does nothing; the loop has time limits of its own.
func (c *Conn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing; see SetDeadline.
func (c *Conn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing; see SetDeadline.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }

// Linger does nothing: the loop reads what a peer still sends, see end.go.
func (c *Conn) Linger() {}

// Work does nothing: the loop knows when a request begins.
func (c *Conn) Work() {}

// Rest does nothing: the loop knows when everything is answered.
func (c *Conn) Rest() {}
