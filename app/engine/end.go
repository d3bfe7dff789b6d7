//go:build linux && (amd64 || arm64)

package engine

import (
	"net"
	"time"

	"golang.org/x/sys/unix"

	"fullbore/app/wire"
)

// ending is how a connection ends.
type ending uint8

const (
	notEnding ending = iota
	lingering        // the peer still sends data that will not be read
	settling         // the peer has not taken all yet
)

// settleTick is how often the loop's clock ticks while a connection settles.
const settleTick = 20 * time.Millisecond

// end ends a connection in an orderly way: what the peer has not taken yet is
// waited for, and if it still sends, that is read, since the kernel would answer
// it with a reset that destroys the response.
func (l *loop) end(c *Conn) {
	c.leave()
	switch {
	case c.lingers || wire.Unread(c.fd) > 0:
		c.end, c.left = lingering, wire.LingerBytes
	case wire.Queued(c.fd) > 0:
		c.end = settling
	default:
		l.shut(c)
		return
	}
	if unix.Shutdown(c.fd, unix.SHUT_WR) != nil {
		l.shut(c)
		return
	}
	c.is |= readable
	c.delivered, c.progress, c.looked = -1, l.now, 0
	l.ends.push(c, l.now)
	l.needTick(settleTick)
	l.endFurther(c)
}

// endFurther goes on with the end when something has happened.
func (l *loop) endFurther(c *Conn) {
	if c.cutFor.Load() != nil {
		l.cut(c)
		return
	}
	for c.has(readable) && !c.has(closed) {
		n, errno := read(c.fd, l.in)
		switch {
		case errno == unix.EAGAIN:
			c.is &^= readable
			return
		case errno != 0:
			l.shut(c)
		case n == 0 && wire.Queued(c.fd) == 0:
			l.shut(c)
		case n == 0:
			c.is &^= readable
			c.end = settling
			return
		default:
			c.received.Add(int64(n))
			if c.left -= int32(n); c.left < 0 && c.end == lingering {
				l.shut(c)
			}
		}
	}
}

// lookAtEnd looks whether a connection that ends has ended.
func (l *loop) lookAtEnd(c *Conn) {
	age := time.Duration(l.now - c.since)
	if c.end == lingering && age >= wire.LingerTime {
		c.end = settling
	}
	if c.end != settling || time.Duration(l.now-c.looked) < min(max(age/8, wire.SettleLookMin), wire.SettleLookMax) {
		return
	}
	c.looked = l.now
	switch left := wire.Queued(c.fd); {
	case left == 0, wire.Gone(c.fd):
		l.shut(c)
	case left != c.delivered:
		c.delivered, c.progress = left, l.now
	case time.Duration(l.now-c.progress) >= l.engine.limits().Idle:
		l.shut(c)
	}
}

// cut ends a connection at once, with a reset.
func (l *loop) cut(c *Conn) {
	_ = unix.SetsockoptLinger(c.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}) // it is gone already
	if c.out != nil {
		c.fail(net.ErrClosed)
		l.broken(c)
		return
	}
	l.shut(c)
}

// broken ends a response that cannot go on, and the connection with it.
func (l *loop) broken(c *Conn) {
	r := c.out
	c.out = nil
	if r.cork {
		cork(c.fd, 0)
	}
	if r.cold {
		l.finishAside(c, r, broken)
		return
	}
	r.finish(c.failure)
	l.shut(c)
}

// shut closes a connection.
func (l *loop) shut(c *Conn) {
	if c.has(closed) {
		return
	}
	c.is |= closed
	c.leave()
	c.dropIn()
	l.conns[c.fd] = nil
	closeFD(c.fd) // which removes it from epoll: there is no other descriptor of it
	l.forget(c)
}

// forget takes a connection that is closed off the books.
func (l *loop) forget(c *Conn) {
	l.engine.listener.Remove(c)
	l.open--
	if c.has(refused) {
		l.engine.listener.Lingering.End()
	}
}
