//go:build linux && (amd64 || arm64)

package engine

import (
	"unsafe"

	"github.com/valyala/fasthttp"

	"fullbore/app/head"
)

// smallBody, in bytes, is copied behind its header and sent with it in one piece.
// What is larger is sent by the kernel, or from memory where it is.
const smallBody = 16 << 10

// answer answers the request whose head is whole in l.in[:n], or has it
// answered. more says that all is sent and the connection goes on.
func (l *loop) answer(c *Conn, n int, number uint64) (more, ours bool) {
	whole, rest := l.in[:l.head.Length], l.in[l.head.Length:n]
	if !l.head.Plain {
		l.handOver(c, l.in[:n])
		return false, true
	}
	c.requests++
	c.leave()
	ctx, persists := l.ctx, l.head.Persist
	ctx.Init2(c, l.engine.logger, true)
	l.rd.Reset(whole)
	l.br.Reset(&l.rd)
	if err := ctx.Request.Header.Read(l.br); err != nil {
		l.disagree(c, whole, err)
		return false, true
	}
	if !l.handle(c, ctx, rest, number) {
		// The loop is another goroutine's by now. The request is still ours.
		l.engine.answerAside(c, ctx, persists)
		return false, false
	}
	l.keepRest(c, rest)
	if c.postponed != nil {
		l.ctx = acquireCtx()
		l.postpone(c, ctx, persists)
		return false, true
	}
	l.respond(c, l.engine.timedOut(c, ctx), persists)
	return false, true
}

// keepRest remembers what came behind a request.
func (l *loop) keepRest(c *Conn, rest []byte) { c.keep(rest, &head.Head{}) }

// handle runs the handlers. It is false when the loop has gone on without this
// goroutine meanwhile.
func (l *loop) handle(c *Conn, ctx *fasthttp.RequestCtx, rest []byte, number uint64) bool {
	l.current, l.rest = c, rest
	l.state.Store(number<<1 | 1)
	if l.asleep.Load() {
		l.asleep.Store(false)
		l.engine.monitor.loopAwake()
	}
	l.engine.server.Handler(ctx)
	if !l.state.CompareAndSwap(number<<1|1, number<<1) {
		return false
	}
	l.turns.Add(1)
	return true
}

// goOnElsewhere leaves the request that is being handled to the goroutine that
// handles it, and goes on with everything else on a new one. It is called by
// that handler when it is about to sleep, and by the monitor when it does. It is
// false if no handler runs.
func (l *loop) goOnElsewhere() bool {
	state := l.state.Load()
	if state&1 == 0 || !l.state.CompareAndSwap(state, state+1) { // the next number, with no handler
		return false
	}
	c := l.current
	c.goAway()
	l.keepRest(c, l.rest)
	l.current, l.rest = nil, nil
	l.ctx = acquireCtx()
	l.turns.Add(1)
	go l.run(state>>1 + 1)
	return true
}

// respond has what the handlers have left in ctx sent, once all requests that came
// together are handled: handlers find more of what they need in the processor's caches
// behind each other than behind the megabytes of a response.
func (l *loop) respond(c *Conn, ctx *fasthttp.RequestCtx, persists bool) {
	if ctx == l.ctx {
		l.ctx = acquireCtx()
	}
	closes := l.engine.finishHeader(ctx, persists)
	body, kind := bodyOf(ctx)
	if kind == streamed {
		l.release(c)
		go l.engine.stream(c, ctx, closes)
		return
	}
	r := newResponse()
	r.ctx, r.close = ctx, closes
	c.out = r
	if err := r.put(kind, body); err != nil {
		c.fail(err)
		l.broken(c)
		return
	}
	l.answers = append(l.answers, c)
}

// put makes a buffer of the header, and of a small body behind it. The error is that
// of putBody.
func (r *response) put(kind kindOfBody, body Body) (err error) {
	length := int64(0)
	switch kind {
	case inMemory: // or Response.Body would read it
		length = int64(len(r.ctx.Response.Body()))
	case planned:
		length, _ = body.Plan()
	}
	room := headRoom
	if length <= smallBody {
		room += int(length)
	}
	r.buf = getBuffer(room)
	out := r.ctx.Response.Header.AppendBytes(*r.buf)
	switch kind {
	case inMemory:
		out = r.putMemory(out, r.ctx.Response.Body())
	case planned:
		out, err = r.putBody(out, body)
	}
	*r.buf, r.head = out, out
	return err
}

// headRoom, in bytes, is enough for most headers.
const headRoom = 1 << 10

// putMemory puts a body in memory behind the header, if it is small.
func (r *response) putMemory(out, body []byte) []byte {
	if len(body) <= smallBody {
		return append(out, body...)
	}
	r.text, r.total = unsafe.String(unsafe.SliceData(body), len(body)), int64(len(body))
	return out
}

// putBody makes body what goes behind the header, and puts it there if it is small
// and no disk has to be waited for: one system call and as few packets as
// possible. The error is the source's, which is not what it was; nothing was sent
// then.
func (r *response) putBody(out []byte, body Body) (whole []byte, err error) {
	r.body = body
	if r.total, _ = body.Plan(); r.total > smallBody {
		return out, nil
	}
	whole, err = body.AppendTo(out)
	r.tail = int64(len(whole) - len(out))
	return whole, err
}

// detach makes a response that takes longer give up what it does not need: most of its
// buffer, and its ctx if that can be.
func (r *response) detach() {
	r.shrink()
	ctx := r.ctx
	switch {
	case ctx == nil || r.bound:
	case r.takeOver(ctx):
		contexts.Put(ctx)
	default:
		r.bound = true
	}
}

// takeOver makes the response independent of ctx, and releases what ctx holds.
// It returns false, and keeps ctx, if a hook needs ctx until the end.
func (r *response) takeOver(ctx *fasthttp.RequestCtx) bool {
	possible := r.body != nil || r.text == ""
	ctx.VisitUserValuesAll(func(_, value any) {
		switch value.(type) {
		case Detacher:
		case interface{ Close() error }:
			possible = false
		}
	})
	if !possible {
		return false
	}
	ctx.VisitUserValuesAll(func(_, value any) {
		if d, ok := value.(Detacher); ok {
			if after := d.Detach(); after != nil {
				r.after = append(r.after, after)
			} else {
				possible = false
			}
		}
	})
	if !possible {
		return false
	}
	if r.body != nil {
		r.body.Retain()
	}
	reset(ctx)
	r.ctx = nil
	return true
}
