//go:build linux && (amd64 || arm64)

package engine

import (
	"bufio"
	"bytes"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"

	"fullbore/app/head"
)

// loop carries connections: it waits for what happens on all of them at once,
// and does what each needs next. It runs on one goroutine at a time; when a
// handler takes long it goes on on another one, see goOnElsewhere. Everything
// below state belongs to that goroutine.
type loop struct {
	engine    *Engine
	epoll     int
	parked    syscall.RawConn       // of epoll, in Go's own poller
	pollFirst func(fd uintptr) bool // what parked waits with
	file      *os.File              // keeps parked
	wake      int                   // an eventfd
	clock     int                   // a timerfd

	inbox struct {
		sync.Mutex
		messages []message
		asleep   bool // it has to be woken
		over     bool // nobody reads them
	}

	// state is the number of the goroutine that runs the loop, times two, plus
	// one while a handler runs.
	state  atomic.Uint64
	turns  atomic.Uint64 // how many handlers have run
	asleep atomic.Bool   // it has run no handler since it waited last

	conns    []*Conn // by descriptor
	open     int
	serial   int32
	events   []unix.EpollEvent
	nEvents  int  // of events, that are there
	stirred  bool // some of them are not the loop's own: more may come soon
	atEvent  int  // the next one
	read     []message
	atRead   int
	ready    []*Conn // that have more to do
	readyNow []*Conn
	atReady  int
	answers  []*Conn // with a response that is to be sent
	atAnswer int

	now         int64 // nanoseconds since the engine's start
	ticking     time.Duration
	ticked      int64
	heads       list          // a request has to arrive
	rests       list          // the next one may begin
	sends       list          // the peer has to take something
	ends        list          // the peer has to take the rest, or to stop sending
	accepts     bool          // it waits for connections
	acceptAt    int64         // when accepting goes on after a failure; 0: nothing is waited for
	acceptPause time.Duration // the last one
	stopping    bool

	turn      int64 // bytes, see step
	coldUntil int64 // the time until which probes are close, see isCached
	in        []byte
	ctx       *fasthttp.RequestCtx
	head      head.Head
	rd        bytes.Reader
	br        *bufio.Reader

	// The request that a handler runs for.
	current *Conn
	rest    []byte // what came behind it; part of in
}

const (
	// eventsAtOnce is small enough for a turn to stay far from slowTurn when each of
	// them is the end of a connection with a record, which takes 30 µs.
	eventsAtOnce  = 64
	acceptsAtOnce = 16
	backlogMax    = 1 << 16 // what waits for a listener that closes: somaxconn at most

	// readSize is more than a head may have, so that a read finds its end.
	readSize = 48 << 10
)

// run runs the loop until it has ended, or goes on on another goroutine.
func (l *loop) run(number uint64) {
	l.now = l.engine.nanotime()
	for {
		// In this order, each of which may be left in the middle: see
		// goOnElsewhere.
		for l.atEvent < l.nEvents {
			event := &l.events[l.atEvent]
			l.atEvent++
			if !l.happened(event, number) {
				return
			}
		}
		if !l.sendAnswers(number) {
			return
		}
		for l.atRead < len(l.read) {
			m := l.read[l.atRead]
			l.read[l.atRead] = message{}
			l.atRead++
			if !l.told(m, number) {
				return
			}
		}
		for l.atReady < len(l.readyNow) {
			c := l.readyNow[l.atReady]
			l.readyNow[l.atReady] = nil
			l.atReady++
			c.is &^= queued
			if !l.goOn(c, number) {
				return
			}
		}
		// Only after all pending events: no connection is timed out
		// because the process had to wait for its processor.
		if l.ticking > 0 && l.now-l.ticked >= int64(l.ticking) && l.nEvents < len(l.events) {
			l.tick()
		}
		if !l.sendAnswers(number) {
			return
		}
		if l.stopping && l.open == 0 {
			l.engine.ended()
			return
		}
		l.gather()
	}
}

// sendAnswers sends what requests are answered with.
func (l *loop) sendAnswers(number uint64) bool {
	for l.atAnswer < len(l.answers) {
		c := l.answers[l.atAnswer]
		l.answers[l.atAnswer] = nil
		l.atAnswer++
		if !l.goOn(c, number) {
			return false
		}
	}
	l.answers, l.atAnswer = l.answers[:0], 0
	return true
}

// gather waits for something to do.
func (l *loop) gather() {
	if l.nEvents > 0 && l.engine.nanotime()-l.now > int64(slowTurn) {
		l.engine.slow.Add(1)
	}
	l.atEvent, l.atReady, l.atRead = 0, 0, 0
	l.readyNow, l.ready = l.ready, l.readyNow[:0]
	l.nEvents = poll(l.epoll, l.events, 0)
	l.inbox.Lock()
	l.read, l.inbox.messages = l.inbox.messages, l.read[:0]
	idle := l.nEvents == 0 && len(l.readyNow) == 0 && len(l.read) == 0
	l.inbox.asleep = idle
	l.inbox.Unlock()
	if idle && (!l.stirred || !l.waitBriefly()) {
		l.park()
	}
	l.stirred = false
	l.now = l.engine.nanotime()
}

// waitBriefly waits for events without telling Go's scheduler, which costs less
// than to be put to sleep and woken by it. Others that want to run have their
// turn first, and a signal of the runtime ends the wait. It is false if nothing
// has come.
func (l *loop) waitBriefly() bool {
	if l.engine.aside.Load() > 0 { // they need a processor to come back
		return false
	}
	runtime.Gosched()
	l.nEvents = poll(l.epoll, l.events, briefly)
	return l.nEvents > 0
}

// briefly is in milliseconds, as epoll_wait(2) has it.
const briefly = 1

// park waits for events in Go's own poller, which holds no thread.
func (l *loop) park() {
	l.asleep.Store(true)
	// It fails only on a closed file; then there is nothing to wait for.
	_ = l.parked.Read(l.pollFirst)
	l.inbox.Lock()
	l.inbox.asleep = false
	l.inbox.Unlock()
}

// happened deals with an event. Like the others that return a bool, it is false
// when this goroutine does not run the loop any more.
func (l *loop) happened(event *unix.EpollEvent, number uint64) bool {
	switch fd := int(event.Fd); fd {
	case l.wake, l.clock:
		var count [8]byte
		_, _ = read(fd, count[:]) // it is there to wake us
		return true
	default:
		l.stirred = true
		if event.Pad == ofListener {
			l.accept(fd, acceptsAtOnce)
			return true
		}
		c := l.conns[fd]
		if c == nil || c.serial != event.Pad {
			return true // closed since
		}
		if event.Events&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
			c.is |= readable
		}
		if event.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
			c.is |= hungUp
		}
		if event.Events&(unix.EPOLLOUT|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
			c.is |= writable
		}
		return l.goOn(c, number)
	}
}

// goOn does what a connection needs next.
func (l *loop) goOn(c *Conn, number uint64) bool {
	for {
		switch {
		case c.has(closed), c.away.Load():
			return true
		case c.end != notEnding:
			l.endFurther(c)
			return true
		case c.postponed != nil:
			l.lookAtPostponed(c)
			return true
		case c.cutFor.Load() != nil:
			l.cut(c)
			return true
		case c.out != nil:
			if !l.sendOn(c) {
				return true
			}
		case c.in == nil && !c.has(readable):
			return true
		default:
			if more, ours := l.receive(c, number); !ours {
				return false
			} else if !more {
				return true
			}
		}
	}
}

// later lets other connections have a turn first.
func (l *loop) later(c *Conn) {
	if !c.has(queued) {
		c.is |= queued
		l.ready = append(l.ready, c)
	}
}

// sendOn sends more of a response. It is true when all of it is sent and the
// connection goes on.
func (l *loop) sendOn(c *Conn) bool {
	if !c.has(writable) {
		return false
	}
	p := l.step(c)
	switch p {
	case done:
		return l.sent(c)
	case broken:
		l.broken(c)
		return false
	}
	c.out.detach()
	switch p {
	case full:
		l.block(c)
	case over:
		l.later(c)
	case held:
		l.hold(c)
	case absent:
		c.leave()
		c.is &^= writable // so that it is seen if there is room again meanwhile
		l.sendAside(c)
	}
	return false
}

// block waits for room in the socket.
func (l *loop) block(c *Conn) {
	c.is &^= writable
	if c.list == &l.sends {
		return
	}
	limits := l.engine.limits()
	c.progress = l.now
	if limits.Download > 0 {
		c.out.track.Resume(l.now, c.acknowledged())
	}
	l.sends.push(c, l.now)
	l.needTick(limits.Look())
}

// hold waits until a connection's rate allows more. Meanwhile the socket has room: no
// clock runs against the peer, and what it was sent is not held back.
func (l *loop) hold(c *Conn) {
	c.leave()
	if c.out.cork {
		c.out.cork = false
		cork(c.fd, 0)
	}
}

// sent ends a response that is sent. It is true when the connection goes on.
func (l *loop) sent(c *Conn) bool {
	r := c.out
	c.out = nil
	end := r.close
	if r.cork {
		cork(c.fd, 0)
	}
	if r.cold {
		l.finishAside(c, r, done)
		return false
	}
	r.finish(nil)
	return l.finished(c, end)
}

// finished goes on with a connection whose response is over. It is true when that
// has more to do.
func (l *loop) finished(c *Conn, end bool) bool {
	if end {
		l.end(c)
		return false
	}
	l.rested(c)
	return !c.has(closed)
}

// rested puts a connection that owes nothing where it waits for its next
// request, or ends it if it is retired.
func (l *loop) rested(c *Conn) {
	switch {
	case c.in != nil:
		c.leave()
	case c.mayEnd() && !c.has(readable):
		l.end(c)
	case c.list != &l.rests || l.now != c.since:
		l.rests.push(c, l.now)
	}
}
