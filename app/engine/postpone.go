//go:build linux && (amd64 || arm64)

package engine

import (
	"sync/atomic"
	"syscall"

	"github.com/valyala/fasthttp"

	"fullbore/app/wire"
)

// postponed is a request that waits for others, with its handlers done and nothing answered
// yet: a connection, a ctx, and no goroutine.
type postponed struct {
	conn     *Conn
	then     func(left bool)
	ctx      *fasthttp.RequestCtx // nil while the handlers run
	persists bool
	released atomic.Bool
}

// Postpone makes the request that a handler runs for wait, from when the handlers have
// returned until release is called, from any goroutine; more calls do nothing. Then the
// loop calls then, which may still change the response, and has it sent. If the peer
// leaves before, which is also if it ends its sending half, then is called with left, and
// the response is broken off with wire.ErrLeft.
func (c *Conn) Postpone(then func(left bool)) (release func()) {
	p := &postponed{conn: c, then: then}
	c.postponed = p
	return p.release
}

func (p *postponed) release() {
	if !p.released.Swap(true) {
		p.conn.loop.tell(message{conn: p.conn, what: lookAgain})
	}
}

// postpone keeps a request whose handlers are done.
func (l *loop) postpone(c *Conn, ctx *fasthttp.RequestCtx, persists bool) {
	c.postponed.ctx, c.postponed.persists = ctx, persists
	c.leave() // it is not the client that takes time
	l.lookAtPostponed(c)
}

// lookAtPostponed goes on with a request that was postponed, if there is a reason to.
func (l *loop) lookAtPostponed(c *Conn) {
	switch p := c.postponed; {
	case p.ctx == nil: // its handlers run yet
	case c.cutFor.Load() != nil:
		l.giveUp(c, p, syscall.ECONNRESET)
	case c.has(hungUp):
		l.giveUp(c, p, &wire.CutError{Reason: wire.ErrLeft, Err: syscall.ECONNRESET})
	case p.released.Load():
		c.postponed = nil
		p.then(false)
		l.respond(c, p.ctx, p.persists)
	}
}

// giveUp ends a request whose client does not wait any more.
func (l *loop) giveUp(c *Conn, p *postponed, err error) {
	c.postponed = nil
	p.then(true)
	r := newResponse()
	r.ctx, r.close = p.ctx, true
	r.body, _ = bodyOf(p.ctx)
	c.out = r
	c.fail(err)
	l.broken(c)
}
