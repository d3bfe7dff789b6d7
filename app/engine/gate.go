//go:build linux && (amd64 || arm64)

package engine

import (
	"net/netip"

	"fullbore/app/wire"
)

// admit asks the listener's gate about a new connection.
func (l *loop) admit(fd int, remote netip.AddrPort) (share wire.Share, refusal []byte) {
	gate := l.engine.listener.Gate
	if gate == nil {
		return nil, nil
	}
	if refusal = gate.Enter(fd); refusal != nil {
		return nil, refusal
	}
	if share, refusal = gate.Count(remote.Addr().Unmap()); refusal != nil {
		gate.Leave()
	}
	return share, refusal
}

// letGo gives back what admit has given.
func (l *loop) letGo(share wire.Share) {
	if share != nil {
		share.Leave()
	}
	if gate := l.engine.listener.Gate; gate != nil {
		gate.Leave()
	}
}

// turnAway tells a peer why its connection is not served, and ends that. So that the peer
// reads it, what it sends is read for a moment, unless many do that already.
func (l *loop) turnAway(fd int, remote netip.AddrPort, refusal []byte) {
	lingering := &l.engine.listener.Lingering
	_, errno := send(fd, refusal, false)
	if errno != 0 || !lingering.Begin() {
		closeFD(fd)
		return
	}
	c := &Conn{loop: l, fd: fd, remote: remote, lingers: true}
	if !l.carry(c) {
		closeFD(fd)
		lingering.End()
		return
	}
	c.is |= refused
	l.open++
	l.end(c)
}
