//go:build linux && (amd64 || arm64)

package engine

import (
	"io"

	"github.com/valyala/fasthttp"

	"fullbore/app/head"
)

// refuse answers what is not a request, or not a whole one, and ends the
// connection. p is what has arrived of it, in l.in. cause is what ended it, nil if the
// judgement in l.head says why.
func (l *loop) refuse(c *Conn, p []byte, cause error) {
	if cause != nil && c.has(unnamed) {
		l.introduce(c, len(p), cause)
		return
	}
	refusal := l.head.Refusal(p)
	if cause != nil {
		if refusal = l.head.Ended(p, cause); refusal == nil { // empty lines
			l.end(c)
			return
		}
	}
	l.answerRefused(c, refusal)
}

// errUnfinished ends a head that is not whole.
var errUnfinished = io.EOF

// disagree refuses a head that was judged to be in order, and that fasthttp does
// not take.
func (l *loop) disagree(c *Conn, p []byte, err error) {
	refusal := l.head.Refusal(p)
	refusal.Status, refusal.Reason, refusal.Err = fasthttp.StatusBadRequest, "the head cannot be parsed", err
	l.answerRefused(c, refusal)
}

// answerRefused has the server's ErrorHandler answer, as fasthttp's own loop
// does, and says the same in its log.
func (l *loop) answerRefused(c *Conn, refusal *head.Refusal) {
	e, ctx := l.engine, l.ctx
	e.logger.Printf("error when serving connection %q<->%q: %v", c.LocalAddr(), c.remote, refusal)
	ctx.Init2(c, e.logger, true)
	if answer := e.server.ErrorHandler; answer != nil {
		answer(ctx, refusal)
	} else {
		ctx.Error(fasthttp.StatusMessage(refusal.Status)+"\n", refusal.Status)
	}
	c.lingers = true // the rest of it may still come
	c.dropIn()
	c.leave()
	l.respond(c, ctx, false)
}
