package wire

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync/atomic"
)

// Introduction reads what a proxy says at the beginning of a connection: whom it is for.
// p is what has come of the peer so far, at least a byte; ended is what ended it, nil if
// more may come; a peer without an address is one on a Unix socket. length is how many bytes of p say it, 0 if p is only a part of that: then
// it is called again with more. named is false if the connection is the peer's own; a
// client without an address is one on a Unix socket. An error ends the connection.
type Introduction func(peer netip.Addr, p []byte, ended error) (length int, client netip.AddrPort, named bool, err error)

// Introduced is whom a proxy has named as the client of a connection, which embeds it.
// The zero value is nobody. It is safe for concurrent use.
type Introduced struct {
	client atomic.Pointer[netip.AddrPort]
}

// ClientAddrPort is the client that was named, if one was; the zero AddrPort if it has no
// address.
func (i *Introduced) ClientAddrPort() (client netip.AddrPort, named bool) {
	if client := i.client.Load(); client != nil {
		return *client, true
	}
	return netip.AddrPort{}, false
}

func (i *Introduced) introduced() *Introduced { return i }

// inherit takes over what was said of another connection, if that can have been.
func (i *Introduced) inherit(from any) {
	if other, ok := from.(interface{ introduced() *Introduced }); ok {
		i.client.Store(other.introduced().client.Load())
	}
}

// awaiting is a connection whose first bytes are a proxy's.
type awaiting struct {
	*Conn
	listener *Listener
	held     []byte // what came of the introduction, or with it and was not read yet
	over     bool   // the introduction is
	err      error  // what it ended with
}

// NetConn is the connection itself, without what was said of it.
func (c *awaiting) NetConn() net.Conn { return c.Conn }

// Read reads what comes behind the introduction.
func (c *awaiting) Read(p []byte) (int, error) {
	for !c.over && c.err == nil && len(p) > 0 {
		if err := c.listen(p); err != nil {
			return 0, err
		}
	}
	if c.err != nil || len(p) == 0 {
		return 0, c.err
	}
	if len(c.held) > 0 {
		n := copy(p, c.held)
		if c.held = c.held[n:]; len(c.held) == 0 {
			c.held = nil
		}
		return n, nil
	}
	return c.Conn.Read(p)
}

// spareRoom, in bytes, is enough for most introductions.
const spareRoom = 512

// listen reads on in the introduction, and waits by way of p, so that nothing is held for
// who says nothing. p may be a single byte: what came with it is read at once.
func (c *awaiting) listen(p []byte) error {
	n, ended := c.Conn.Read(p)
	c.held = append(slices.Grow(c.held, n+spareRoom), p[:n]...)
	for ended == nil && len(c.held) < cap(c.held) && c.sock.unread() > 0 {
		n, ended = c.Conn.Read(c.held[len(c.held):cap(c.held)])
		c.held = c.held[:len(c.held)+n]
	}
	if len(c.held) == 0 {
		c.held = nil
		return ended
	}
	end := ended
	if errors.Is(ended, os.ErrDeadlineExceeded) {
		end = nil // the caller may wait on; see Late
	}
	length, client, named, err := c.listener.Introduction(addressOf(c.Conn), c.held, end)
	switch {
	case err != nil:
		c.err, c.held = err, nil
		return err
	case length == 0:
		return ended
	}
	c.over, c.held = true, c.held[length:]
	if named {
		c.err = c.meet(client)
	}
	return c.err
}

// Late is what is wrong when err is that nothing came in time: the introduction may have
// come in part.
func (c *awaiting) Late(err error) error {
	if c.over || c.err == nil && len(c.held) == 0 {
		return err
	}
	if c.err == nil {
		_, _, _, c.err = c.listener.Introduction(addressOf(c.Conn), c.held, err)
		c.held = nil
	}
	return c.err
}

// meet tells the client if its connection is one too many, and ends that.
func (c *awaiting) meet(client netip.AddrPort) error {
	refusal := c.listener.Name(c.Conn, client)
	if refusal == nil {
		return nil
	}
	c.Linger()
	if _, err := c.Write(refusal); err != nil {
		return err
	}
	return io.EOF
}
