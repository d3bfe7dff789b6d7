//go:build linux && (amd64 || arm64)

package engine

import (
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ofListener marks events of listening sockets. Connections have serials
// from 1 on.
const ofListener = -1

const connEvents = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET

// startAccepting makes the loop wait for connections, beside the other loops.
func (l *loop) startAccepting() error {
	for _, fd := range l.engine.listening {
		if err := l.watch(fd, unix.EPOLLIN|unix.EPOLLEXCLUSIVE, ofListener); err != nil {
			return err
		}
	}
	l.accepts = true
	return nil
}

// unwatchListening makes the loop wait for connections no more.
func (l *loop) unwatchListening() {
	for _, fd := range l.engine.listening {
		l.unwatch(fd)
	}
	l.accepts = false
}

// accept takes the connections that wait at a listening socket, at most as many.
func (l *loop) accept(listening, most int) {
	for range most {
		fd, remote, errno := accept(listening)
		switch errno {
		case 0:
			l.acceptPause = 0
			l.add(fd, remote, l.engine.introduced(listening))
		case syscall.EAGAIN:
			return
		default:
			l.acceptFailed(errno)
			return
		}
	}
}

// acceptFailed pauses accepting, since what is short may be there again later.
func (l *loop) acceptFailed(err error) {
	pause, retry := l.engine.listener.AcceptFailed(err, l.acceptPause)
	l.unwatchListening()
	if !retry { // fasthttp's loop would end here, which is seen; this one would only be deaf
		pause = time.Second
	}
	l.acceptPause = pause
	l.acceptAt = l.now + int64(pause)
	l.needTick(tickMin)
}

// acceptAgain ends the pause.
func (l *loop) acceptAgain() {
	l.acceptAt = 0
	if err := l.startAccepting(); err != nil {
		l.acceptFailed(syscall.ENOMEM)
	}
}

// stopAccepting ends accepting for good, when it has taken what waits. The last
// loop closes the socket.
func (l *loop) stopAccepting() {
	if l.stopping {
		return
	}
	l.stopping = true
	if l.accepts {
		for _, fd := range l.engine.listening {
			l.accept(fd, backlogMax)
		}
		l.unwatchListening()
	}
	l.acceptAt = 0
	if l.engine.accepting.Add(-1) == 0 {
		l.engine.closeListening()
		close(l.engine.refusing)
	}
}

// add carries a new connection, which a proxy may have to introduce first.
func (l *loop) add(fd int, remote netip.AddrPort, introduced bool) {
	share, refusal := l.admit(fd, remote)
	if refusal != nil {
		l.turnAway(fd, remote, refusal)
		return
	}
	c := &Conn{loop: l, fd: fd, remote: remote}
	if !l.carry(c) {
		closeFD(fd)
		l.letGo(share)
		return
	}
	if introduced {
		c.is |= unnamed
	}
	l.open++
	l.engine.listener.AddAs(c, share)
	l.heads.push(c, l.now)
	l.needTick(l.engine.limits().Head / ticksPerTimeout)
}

// carry waits for what happens on a connection.
func (l *loop) carry(c *Conn) bool {
	l.serial = max(l.serial+1, 1)
	c.serial, c.is = l.serial, writable
	if l.watch(c.fd, connEvents&0xffffffff, c.serial) != nil {
		return false
	}
	if c.fd >= len(l.conns) {
		l.conns = append(l.conns, make([]*Conn, max(c.fd+1-len(l.conns), len(l.conns)))...)
	}
	l.conns[c.fd] = c
	return true
}

// release stops watching a connection that a goroutine now serves.
func (l *loop) release(c *Conn) {
	c.leave()
	c.goAway()
	l.conns[c.fd] = nil
	l.unwatch(c.fd)
}

// a wake-up from the listener: a check that we accept, or its close.
func (l *loop) listenerSays() {
	if !l.engine.listener.Accepting() {
		l.stopAccepting()
	}
}
