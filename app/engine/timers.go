//go:build linux && (amd64 || arm64)

package engine

import (
	"time"

	"golang.org/x/sys/unix"

	"fullbore/app/deadline"
	"fullbore/app/wire"
)

// ticksPerTimeout is how often within a timeout connections are checked.
const ticksPerTimeout = deadline.LooksPerLimit

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
	limits := l.engine.limits()
	for c := l.heads.first; c != nil && l.waited(c) >= limits.Head; c = l.heads.first {
		l.headTimeout(c, limits)
	}
	for c := l.rests.first; c != nil && l.waited(c) >= limits.Rest; c = l.rests.first {
		l.end(c)
	}
	for c := l.sends.first; c != nil && l.waited(c) >= limits.Look(); c = l.sends.first {
		l.lookAtProgress(c, limits)
	}
	for c := l.ends.first; c != nil; {
		next := c.next
		l.lookAtEnd(c)
		c = next
	}
	if l.acceptAt > 0 && l.now >= l.acceptAt {
		l.acceptAgain()
	}
	l.slowDown(limits)
}

func (l *loop) waited(c *Conn) time.Duration { return time.Duration(l.now - c.since) }

// slowDown lets the clock tick as often as the lists need it.
func (l *loop) slowDown(limits *deadline.Limits) {
	every := time.Duration(0)
	need := func(needed bool, often time.Duration) {
		if often = min(max(often, tickMin), tickMax); needed && (every == 0 || often < every) {
			every = often
		}
	}
	need(l.heads.n > 0, limits.Head/ticksPerTimeout)
	need(l.rests.n > 0, limits.Rest/ticksPerTimeout)
	need(l.sends.n > 0, limits.Look())
	need(l.ends.n > 0, settleTick)
	need(l.acceptAt > 0, tickMin)
	if every != l.ticking {
		l.setClock(every)
	}
}

// lookAtProgress ends a response whose peer has taken nothing for the idle
// timeout, or too little over a time. Progress is what the peer acknowledged, not what
// fits into our socket: a socket may be fuller than its limit, and has no room then
// although the peer took something.
func (l *loop) lookAtProgress(c *Conn, limits *deadline.Limits) {
	delivered := c.acknowledged()
	if delivered != c.delivered {
		c.delivered, c.progress = delivered, l.now
	}
	switch {
	case time.Duration(l.now-c.progress) >= limits.Idle:
		c.fail(&deadline.Error{Broken: deadline.RuleIdle, Limit: limits.Idle})
	case limits.Download > 0 && c.out.track.Slow(limits, l.now, delivered):
		c.fail(&deadline.Error{Broken: deadline.RuleDownload, Least: limits.Download})
	default:
		l.sends.push(c, l.now)
		return
	}
	l.broken(c)
}

// acknowledged is how many of the bytes that were sent the peer has acknowledged.
func (c *Conn) acknowledged() int64 { return c.sent.Load() - wire.Queued(c.fd) }

// headTimeout ends a connection on which a request has not arrived in time. One
// that has sent nothing is not spoken to.
func (l *loop) headTimeout(c *Conn, limits *deadline.Limits) {
	if c.in == nil {
		l.end(c)
		return
	}
	n := c.takeIn(l.in, &l.head)
	l.refuse(c, l.in[:n], &deadline.Error{Broken: deadline.RuleHead, Limit: limits.Head})
}
