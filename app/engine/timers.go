//go:build linux && (amd64 || arm64)

package engine

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	"fullbore/app/wire"
)

// ticksPerTimeout is how often within a timeout connections are checked.
const ticksPerTimeout = 4

// The clock of a loop ticks within these bounds, and not at all while no connection
// waits for it.
const (
	tickMin = 5 * time.Millisecond
	tickMax = 250 * time.Millisecond
)

// needTick makes the clock tick at least this often.
func (l *loop) needTick(every time.Duration) {
	every = min(max(every, tickMin), tickMax)
	if l.ticking == 0 || every < l.ticking {
		l.setClock(every)
	}
}

func (l *loop) setClock(every time.Duration) {
	l.ticking = every
	spec := unix.ItimerSpec{Interval: unix.NsecToTimespec(int64(every)), Value: unix.NsecToTimespec(int64(every))}
	_ = unix.TimerfdSettime(l.clock, 0, &spec, nil) // it cannot fail with these values
}

// tick checks the connections that have waited longest.
func (l *loop) tick() {
	l.ticked = l.now
	e := l.engine
	for c := l.heads.first; c != nil && l.waited(c) >= e.headTimeout; c = l.heads.first {
		l.headTimeout(c)
	}
	for c := l.rests.first; c != nil && l.waited(c) >= e.restTimeout; c = l.rests.first {
		l.end(c)
	}
	idle := e.idleTimeout()
	for c := l.sends.first; c != nil && l.waited(c) >= idle/ticksPerTimeout; c = l.sends.first {
		l.lookAtProgress(c, idle)
	}
	for c := l.ends.first; c != nil; {
		next := c.next
		l.lookAtEnd(c)
		c = next
	}
	if l.acceptAt > 0 && l.now >= l.acceptAt {
		l.acceptAgain()
	}
	l.slowDown(idle)
}

func (l *loop) waited(c *Conn) time.Duration { return time.Duration(l.now - c.since) }

// slowDown lets the clock tick as often as the lists need it.
func (l *loop) slowDown(idle time.Duration) {
	every := time.Duration(0)
	need := func(needed bool, often time.Duration) {
		if often = min(max(often, tickMin), tickMax); needed && (every == 0 || often < every) {
			every = often
		}
	}
	need(l.heads.n > 0, l.engine.headTimeout/ticksPerTimeout)
	need(l.rests.n > 0, l.engine.restTimeout/ticksPerTimeout)
	need(l.sends.n > 0, idle/ticksPerTimeout)
	need(l.ends.n > 0, settleTick)
	need(l.acceptAt > 0, tickMin)
	if every != l.ticking {
		l.setClock(every)
	}
}

// lookAtProgress ends a response whose peer has taken nothing for the idle
// timeout. Progress is what the peer acknowledged, not what fits into our
// socket: a socket may be fuller than its limit, and has no room then although
// the peer took something.
func (l *loop) lookAtProgress(c *Conn, idle time.Duration) {
	if delivered := c.sent.Load() - wire.Queued(c.fd); delivered != c.delivered {
		c.delivered, c.progress = delivered, l.now
	}
	if time.Duration(l.now-c.progress) >= idle {
		c.fail(&wire.StallError{Idle: idle, Err: os.ErrDeadlineExceeded})
		l.broken(c)
		return
	}
	l.sends.push(c, l.now)
}

// headTimeout ends a connection on which a request has not arrived in time. One
// that has sent nothing is not spoken to.
func (l *loop) headTimeout(c *Conn) {
	if c.in == nil {
		l.end(c)
		return
	}
	n := c.takeIn(l.in, &l.head)
	l.refuse(c, l.in[:n], errHeadTimeout)
}
