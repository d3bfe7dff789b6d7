package wire

import (
	"cmp"
	"net"
	"net/netip"
	"sync/atomic"
)

// Gate decides which connections are served. It is asked by several goroutines at once,
// and must not block.
type Gate interface {
	// Enter is asked about each connection that was accepted, with the number of its
	// descriptor, -1 if that is not known. A refusal is what the peer is told before the
	// connection ends; without one, Leave is called when it ends.
	Enter(fd int) (refusal []byte)
	Leave()

	// Count is asked once it is known whose the connection is; the zero Addr is that of
	// clients without an address. A refusal is as for Enter. Without one, the share's
	// Leave is called when the connection ends, unless it is nil.
	Count(client netip.Addr) (share Share, refusal []byte)
}

// Share is what one client has of the connections.
type Share interface{ Leave() }

// lingeringMost is the default of Lingering.Most.
const lingeringMost = 8

// Lingering counts refused connections that are not closed yet, and bounds them.
type Lingering struct {
	n atomic.Int32

	// Most is how many may wait for their peers to have read why. Where there are more,
	// a peer may see a reset instead. It is to be set before anybody accepts.
	//
	// Optional. Default: 8
	Most int32
}

// Begin reports whether one more may linger. If so, End has to follow.
func (l *Lingering) Begin() bool {
	if l.n.Add(1) > cmp.Or(l.Most, lingeringMost) {
		l.n.Add(-1)
		return false
	}
	return true
}

// End says that it does no more.
func (l *Lingering) End() { l.n.Add(-1) }

// admit asks the gate about a connection. If that is refused, it is told why and ended.
func (e *Entrance) admit(stream Stream) (share Share, ok bool) {
	gate := e.listener.Gate
	if gate == nil {
		return nil, true
	}
	refusal := gate.Enter(descriptorOf(stream))
	if refusal == nil {
		if share, refusal = gate.Count(addressOf(stream)); refusal == nil {
			return share, true
		}
		gate.Leave()
	}
	e.listener.turnAway(stream, refusal)
	return nil, false
}

// turnAway tells a peer why its connection is not served.
func (l *Listener) turnAway(stream Stream, refusal []byte) {
	lingers := l.Lingering.Begin()
	_, err := stream.Write(refusal) // into an empty socket: it does not wait
	if err != nil || !lingers {
		_ = stream.Close() // the peer is gone, or has to be
		if lingers {
			l.Lingering.End()
		}
		return
	}
	go func() {
		defer l.Lingering.End()
		ending := ending{sock: socket{stream}}
		ending.Linger()
		ending.linger()
		_ = stream.Close() // likewise
	}()
}

func descriptorOf(stream Stream) (fd int) {
	fd = -1
	socket{stream}.ask(func(number int) { fd = number })
	return fd
}

// addressOf is the address of a peer; zero if it has none.
func addressOf(c net.Conn) netip.Addr {
	if tcp, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// clientOf is the address of whom a proxy has named, else that of the peer.
func clientOf(c net.Conn) netip.Addr {
	if named, ok := c.(interface{ introduced() *Introduced }); ok {
		if client, ok := named.introduced().ClientAddrPort(); ok {
			return client.Addr()
		}
	}
	return addressOf(c)
}

// Name names the client of a connection that a proxy has introduced, and asks the Gate
// about it; a refusal is as for Gate.Count.
func (l *Listener) Name(m Member, client netip.AddrPort) (refusal []byte) {
	if named, ok := m.(interface{ introduced() *Introduced }); ok {
		named.introduced().client.Store(&client)
	}
	if l.Gate == nil {
		return nil
	}
	share, refusal := l.Gate.Count(client.Addr())
	if share == nil {
		return refusal
	}
	seat := m.seat()
	seat.shard.mu.Lock()
	defer seat.shard.mu.Unlock()
	if seat.share != nil {
		seat.share.Leave()
	}
	seat.share = share
	return nil
}

// Recount counts the connections that are counted for no client yet: the Gate may have
// begun to count. What it refuses is left alone.
func (l *Listener) Recount() {
	if l.Gate == nil {
		return
	}
	l.each(func(m Member) {
		conn, ok := m.(net.Conn)
		if seat := m.seat(); ok && seat.share == nil {
			seat.share, _ = l.Gate.Count(clientOf(conn))
		}
	})
}
