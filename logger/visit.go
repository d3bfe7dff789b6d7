package logger

import (
	"fmt"
	"io"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// visit is a request while its ctx is alive: what is asked of the ctx, and when.
// It is a user value of the request. fasthttp closes every user value that is an
// io.Closer when it resets the request, on every way out, and so after the
// response was written.
type visit struct {
	log    *Logger
	record *record // nil once it was detached
	key    any     // of the user value
	ctx    *fasthttp.RequestCtx
	body   *countedStream // the request's; nil if it is not counted
	line   []byte         // the first phase of it
	number uint64         // of ${id}; 0: not asked for yet

	told     bool // the error of a request that could not be read has its line
	wrapped  bool // Wrap sees to the beginning and the end
	handling bool // Handle has it
	rendered bool // the first phase is over
	orphaned bool // a handler reset the user values, and the hook with them

	route    string // for Done
	doneLine []byte // what Done is given
	doneDue  bool   // Done is about to be called for this visit
}

// attach begins a record.
func (l *Logger) attach(ctx *fasthttp.RequestCtx, key any, unread bool) *visit {
	v := l.visits.Get().(*visit)   //nolint:forcetypeassert // the pool holds nothing else
	r := l.records.Get().(*record) //nolint:forcetypeassert // the pool holds nothing else
	v.record, v.ctx, r.facts = r, ctx, l.lastApp.Load()
	r.Ctx, r.Unread, r.Conn, r.Remote = ctx, unread, connOf(ctx.Conn()), remoteOf(ctx)
	r.span = -1
	if v.key = key; key == nil {
		v.key = v
	}
	v.wrapped = key != nil
	switch begun := ctx.ConnTime(); {
	case unread && ctx.ConnRequestNum() == 0 && !begun.IsZero():
		r.Start = begun
	case v.wrapped && !unread && !ctx.Time().IsZero(): // it is when a "100 Continue" is waited for
		r.Start = ctx.Time()
	case v.wrapped || l.needs.start:
		r.Start = time.Now()
	}
	if l.cfg.CountStreams && !unread {
		v.body = countRequest(&ctx.Request)
	}
	ctx.SetUserValue(v.key, v)
	return v
}

// observe tells the Observer that the request is there.
func (v *visit) observe() {
	if o := v.log.cfg.Observer; o != nil {
		if !v.record.Unread {
			v.record.begin(v.ctx)
		}
		v.log.guard(func() { o.Begin(&v.record.Result) })
	}
}

// claim finds the visit that Wrap has begun, or begins one.
func (l *Logger) claim(c *fiber.Ctx) *visit {
	v, ok := c.Context().UserValue(l).(*visit)
	if !ok || v.handling {
		v = l.attach(c.Context(), nil, false)
		v.observe()
	}
	v.handling = true
	v.record.facts = l.factsOf(c.App())
	return v
}

// render is the first phase of the line: what the request and the response's
// header can tell. c is nil for requests that reached no middleware. err is what
// the handlers returned.
func (v *visit) render(c *fiber.Ctx, err error) {
	r := v.record
	if v.log.needs.ready {
		r.Ready = time.Now()
	}
	if err != nil {
		r.errText = append(r.errText[:0], err.Error()...) // it may point into c
	}
	if c != nil && v.log.cfg.Done != nil {
		v.route = c.Route().Path // the app's own, and so not copied
	}
	v.log.template.renderEarly(v, c, err)
	v.rendered = true
}

// handled notes the response that the handlers have made. Nobody resets some
// requests; they end here.
func (v *visit) handled() {
	r := v.record
	if r.logged { // a panic was
		return
	}
	v.respond()
	switch {
	case v.nobodyResets():
		v.freeze(false)
		r.conclude(v)
		if v.madeByHand() {
			v.remove()
		}
	case v.orphaned:
		v.ctx.SetUserValue(v.key, v)
	}
}

// respond ends the stage before the response. When the handlers panicked there
// is no response to speak of.
func (v *visit) respond() {
	r := v.record
	if !v.rendered {
		v.render(nil, nil)
	}
	switch late := v.ctx.LastTimeoutErrorResponse(); {
	case r.panicked:
		r.Status, r.bodyless, r.Size = v.ctx.Response.StatusCode(), true, -1
	case late != nil:
		r.Status, r.length, r.Size = late.StatusCode(), int64(len(late.Body())), -1
	default:
		v.noteBody()
	}
	if r.Conn != nil {
		r.written0 = r.Conn.BytesWritten()
	}
	o := v.log.cfg.Observer
	if o != nil {
		r.respond(v.ctx)
	}
	r.responding.Store(true)
	if o != nil {
		v.log.guard(func() { o.Ready(&r.Result) })
	}
}

// noteBody notes what kind of body there will be, and sees to it that it is
// counted if that is wanted.
func (v *visit) noteBody() {
	r, resp := v.record, &v.ctx.Response
	r.Status = resp.StatusCode()
	r.bodyless = v.ctx.IsHead() || resp.SkipBody || bodyless(r.Status)
	r.Size = -1
	if r.streamed = resp.IsBodyStream(); !r.streamed {
		r.length = int64(len(resp.Body())) // in memory: nothing is read
		return
	}
	r.length = int64(resp.Header.ContentLength())
	if limited, ok := resp.BodyStream().(*io.LimitedReader); ok && r.length < 0 {
		r.length = max(limited.N, 0) // as fasthttp is about to find out
	}
	if v.log.cfg.CountStreams && !r.bodyless {
		countStream(resp, max(r.length, -1))
	}
	if r.Stream, _ = resp.BodyStream().(BodyStream); r.Stream != nil {
		r.Size = r.Stream.Size()
	}
}

// bodyless statuses carry no body whatever a handler set. RFC 9110 section 6.4.1.
func bodyless(status int) bool {
	return status < 200 || status == fasthttp.StatusNoContent || status == fasthttp.StatusNotModified
}

// passOnPanic logs a panic of the handlers at once, since nobody may be there
// to survive it, and passes it on.
func (v *visit) passOnPanic(c *fiber.Ctx) {
	if v.rendered {
		return
	}
	cause := recover()
	if cause == nil {
		return // runtime.Goexit; there is no response to speak of
	}
	c.Status(fiber.StatusInternalServerError)
	v.render(c, fmt.Errorf("panic: %v", cause))
	v.record.panicked = true
	v.respond()
	v.freeze(false)
	v.record.conclude(v)
	v.log.flush()
	panic(cause)
}

// nobodyResets reports whether fasthttp will not reset this request: it was
// not read by a server but made by hand, as adaptors and benchmarks do, or its
// time was up, and fasthttp has left it to the handler.
func (v *visit) nobodyResets() bool {
	return v.madeByHand() || v.ctx.LastTimeoutErrorResponse() != nil
}

// freeze notes what the record still needs of the ctx. If the response goes on
// without it, that is all that may be asked later.
func (v *visit) freeze(detaching bool) {
	r, resp := v.record, &v.ctx.Response
	if !v.wrapped && !r.logged && v.ctx.LastTimeoutErrorResponse() == nil {
		v.lookAgain()
	}
	r.Received = v.received()
	r.declared = int64(resp.Header.ContentLength())
	_, ours := r.Stream.(*countedStream)
	needed := v.log.needs.wire
	if r.Conn != nil {
		certain := r.Stream != nil && !ours
		needed = !certain && (detaching || r.streamed || r.Conn.WriteErr() != nil)
	}
	if needed { // anew: fasthttp may have added to it since Ready
		r.headerLen = headerLen(v.ctx)
	}
}

// lookAgain notes what a middleware above the logger made of the response
// since, as etag and compress do.
func (v *visit) lookAgain() {
	r, resp := v.record, &v.ctx.Response
	if status := resp.StatusCode(); status != r.Status {
		r.Status = status
	}
	if none := v.ctx.IsHead() || resp.SkipBody || bodyless(r.Status) || r.panicked; none != r.bodyless {
		r.bodyless = none
	}
	if !r.streamed {
		if length := int64(len(resp.Body())); length != r.length {
			r.length = length
		}
	}
}

// Close is the after-response hook. Request, response and connection are still
// whole then.
func (v *visit) Close() error {
	r := v.record
	switch {
	case r == nil: // detached
	case !r.responding.Load(): // a handler has called ResetUserValues
		v.orphaned = true
		return nil
	case !r.logged:
		v.freeze(false)
		if !r.conclude(v) {
			return nil // what has panicked is not used again
		}
	}
	v.recycle()
	return nil
}

// Detach takes the record from the request, whose handlers are done and whose
// response's header is final. It holds nothing of either any more. Close what is
// returned, from any goroutine, when the response is over: what was sent of it is
// asked of the body stream and the connection then. It is nil if the record needs
// the request until the end: if there is a Config.Done, or the line was written
// already.
func (v *visit) Detach() io.Closer {
	r := v.record
	if r == nil || r.logged || !r.responding.Load() || v.log.cfg.Done != nil {
		return nil
	}
	v.freeze(true)
	v.record = nil
	r.detach()
	return r
}

// remove takes the visit from the request before that is reset.
func (v *visit) remove() {
	v.ctx.RemoveUserValue(v.key)
	v.recycle()
}

// recycle gives the visit back, and its record if it is still here.
func (v *visit) recycle() {
	if v.record != nil {
		v.record.recycle()
	}
	l := v.log
	*v = visit{log: l, line: small(v.line)}
	l.visits.Put(v)
}
