package wire

import (
	"net"
	"time"
)

// Conn is one accepted connection. It counts what the kernel took and
// gave, keeps sendfile for files, and ends writes to a peer that takes
// nothing.
//
// Reading, with Work and Rest, is for one goroutine at a time, and so is
// writing, with the cork. All else may be called at any time from any
// goroutine.
type Conn struct {
	Seat
	Introduced
	receiver
	sender
	ending
	*Pacing
	own      Pacing // what Pacing is, unless an event loop carried the connection
	carrier  Waker  // that one's connection, to which this one goes back; nil: there is none
	sock     socket
	registry *Registry
}

// newConn takes a stream over, which is in no registry yet.
func (l *Listener) newConn(stream Stream) *Conn {
	c := &Conn{sock: socket{stream}, registry: &l.Registry}
	c.receiver.sock, c.sender.sock, c.ending.sock = c.sock, c.sock, c.sock
	c.sender.cut, c.receiver.cut, c.patience.limits = &c.ending.cut, &c.ending.cut, &l.limits
	c.paceBy(&c.own)
	return c
}

// Carrier is what an Allowance has to wake that stays when the connection goes back to
// the event loop that carried it; nil: it was accepted by a goroutine.
func (c *Conn) Carrier() Waker { return c.carrier }

// paceBy makes p the connection's pacing.
func (c *Conn) paceBy(p *Pacing) { c.Pacing, c.sender.pacing, c.receiver.pacing = p, p, p }

// Cut ends the connection at once, as a reset of the peer would: reads and
// writes in progress return, writes with an error that is reason and also what
// the system said. The owner still has to Close, which is when the listener
// forgets the connection. It may be called from any goroutine; the first reason
// stays.
func (c *Conn) Cut(reason error) {
	c.end(reason)
	if a := c.Allowance(); a != nil {
		a.Wake()
	}
}

// LocalAddr is our address.
func (c *Conn) LocalAddr() net.Addr { return c.sock.LocalAddr() }

// RemoteAddr is the peer's address.
func (c *Conn) RemoteAddr() net.Addr { return c.sock.RemoteAddr() }

// NetConn is the connection itself, a Stream. What is read and written there is
// not counted.
func (c *Conn) NetConn() net.Conn { return c.sock.Stream }

// SetDeadline sets the deadlines of Read and Write; see net.Conn.
func (c *Conn) SetDeadline(t time.Time) error {
	c.readBy, c.readArmed, c.patience.armed = t, t, t
	return c.sock.SetDeadline(t)
}

// SetWriteDeadline ends a write that waits at that time, unless its peer took
// something within the idle timeout.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.sock.SetWriteDeadline(t) }

// Reconsider says that the listener's limits are others now: Read returns
// os.ErrDeadlineExceeded once, so that its caller can think of another deadline.
func (c *Conn) Reconsider() {
	c.rouse()
	_ = c.sock.SetWriteDeadline(time.Unix(1, 0)) // which makes a write ask its patience
}

// Close closes the connection. It may be called twice.
//
// If the peer sent data that was never read, say a body that was refused, the kernel
// would answer with a reset, which can destroy the response before the peer
// reads it. So the end is announced first, and for a short while what comes is
// thrown away. RFC 9112 section 9.6. What the peer has not taken yet is waited
// for, so Close may take as long as a slow peer does; see settle.
func (c *Conn) Close() error {
	c.once.Do(func() {
		if c.WriteErr() == nil {
			c.linger()
			c.settle(c.patience.timeout, c.retired)
		}
		c.registry.Remove(c)
	})
	return c.sock.Close()
}
