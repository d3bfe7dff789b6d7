package logger

import (
	"fmt"
	"io"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// visit is a request while its ctx is alive. It is a user value of the request:
// fasthttp closes every user value that is an io.Closer when it resets the
// request, which it always does after the response.
type visit struct {
	log     *Logger
	record  *record // nil once detached
	key     any     // of the user value
	ctx     *fasthttp.RequestCtx
	body    *countedStream // the request's; nil if not counted
	line    []byte         // the first phase's
	scratch []byte         // of values that are made of others
	number  uint64         // of ${id}; 0: none yet
	arrived int64          // bytes of the body of a request that could not be read

	told     bool // the request could not be read, but its request line is known, except
	noMethod bool // if it has none, or none that could be read
	noTarget bool
	noProto  bool
	wrapped  bool // begun and ended by Wrap
	handling bool // claimed by Handle
	rendered bool // the first phase is done, unless it waits
	waits    bool // the line is rendered at once in the end, if there is still a request
	orphaned bool // a handler reset the user values, including the hook

	postponed bool // see Postpone

	route    string // for Done
	doneLine []byte // for Done
	doneDue  bool   // Done is still to be called
}

// attach begins a record.
func (l *Logger) attach(ctx *fasthttp.RequestCtx, key any, unread bool) *visit {
	v := l.visits.Get().(*visit)   //nolint:forcetypeassert // the pool holds nothing else
	r := l.records.Get().(*record) //nolint:forcetypeassert // the pool holds nothing else
	v.record, v.ctx, r.facts = r, ctx, l.lastApp.Load()
	r.Ctx, r.Unread, r.Conn = ctx, unread, connOf(ctx.Conn())
	r.Remote, r.Unix = remoteOf(ctx)
	if l.cfg.Client != nil {
		v.introduce(!unread)
	}
	r.span = -1
	if v.key = key; key == nil {
		v.key = v
	}
	v.wrapped = key != nil
	switch begun := ctx.ConnTime(); {
	case unread && ctx.ConnRequestNum() == 0 && !begun.IsZero():
		r.Start = begun
	case v.wrapped && !unread && !ctx.Time().IsZero(): // zero before a "100 Continue"
		r.Start = ctx.Time()
	default:
		r.Start = time.Now()
	}
	if l.cfg.CountStreams && !unread {
		v.body = countRequest(&ctx.Request)
	}
	ctx.SetUserValue(v.key, v)
	return v
}

// introduce asks who the client is.
func (v *visit) introduce(read bool) {
	r := v.record
	v.log.guard(func() {
		if client, proxied := v.log.cfg.Client(v.ctx, read); proxied {
			r.Peer = Peer{r.Remote, r.Unix}
			r.Remote, r.Unix = client, !client.IsValid()
		}
	})
}

// observe calls the Observer's Begin.
func (v *visit) observe() {
	if o := v.log.cfg.Observer; o != nil {
		if !v.record.Unread {
			v.record.begin(v.ctx)
		}
		v.log.guard(func() { o.Begin(&v.record.Result) })
	}
}

// claim returns the visit that Wrap has begun, or begins one.
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

// render renders the line's first phase. c is nil if the request reached no
// middleware. err is what the handlers returned.
func (v *visit) render(c *fiber.Ctx, err error) {
	r := v.record
	r.Ready = time.Now()
	if err != nil {
		r.errText = append(r.errText[:0], err.Error()...) // err may point into c
		r.noteCause(err)
	}
	if c != nil && v.log.cfg.Done != nil {
		v.route = c.Route().Path // the app's, so no copy is needed
	}
	// Other user values are reset in their order: those of a handler, such as the user,
	// before a visit that does not come from Wrap.
	if v.waits = v.log.template.bare && v.wrapped && !v.proxied(c); !v.waits {
		v.log.template.renderEarly(v, c, err)
	}
	v.rendered = true
}

// Postpone says that the handlers of a request, whose server was wrapped, are not done
// when they return, for it has to wait. The record goes on when resume is called, by
// whoever has the ctx then, before anything is sent; the response may be another one by
// then. c is for tags that ask it. Without a record, resume does nothing.
func Postpone(ctx *fasthttp.RequestCtx) (resume func(c *fiber.Ctx)) {
	resume = func(*fiber.Ctx) {}
	ctx.VisitUserValuesAll(func(_, value any) {
		if v, ok := value.(*visit); ok && v.wrapped {
			v.postponed, resume = true, v.resume
		}
	})
	return resume
}

// resume ends the stage before the response, which was postponed.
func (v *visit) resume(c *fiber.Ctx) {
	v.postponed = false
	v.render(c, nil)
	v.handled()
}

// handled records the response that the handlers made. Requests that are never
// reset end here.
func (v *visit) handled() {
	r := v.record
	if r.logged { // as a panic
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

// respond ends the stage before the response. After a panic there is no response.
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
	v.noteRule()
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

// noteBody records what kind of body there will be, and has it counted if
// CountStreams is set.
func (v *visit) noteBody() {
	r, resp := v.record, &v.ctx.Response
	r.Status = resp.StatusCode()
	r.bodyless = v.ctx.IsHead() || resp.SkipBody || bodyless(r.Status)
	r.Size = -1
	if r.streamed = resp.IsBodyStream(); !r.streamed {
		r.length = int64(len(resp.Body())) // in memory: reads no stream
		return
	}
	r.length = int64(resp.Header.ContentLength())
	if limited, ok := resp.BodyStream().(*io.LimitedReader); ok && r.length < 0 {
		r.length = max(limited.N, 0) // as fasthttp will
	}
	if v.log.cfg.CountStreams && !r.bodyless {
		countStream(resp, max(r.length, -1))
	}
	if r.Stream, _ = resp.BodyStream().(BodyStream); r.Stream != nil {
		r.Size = r.Stream.Size()
	}
}

// bodyless statuses have no body, whatever a handler set: RFC 9110 section 6.4.1.
func bodyless(status int) bool {
	return status < 200 || status == fasthttp.StatusNoContent || status == fasthttp.StatusNotModified
}

// passOnPanic logs a panic of the handlers at once, since the process may not
// survive it, and panics again.
func (v *visit) passOnPanic(c *fiber.Ctx) {
	if v.rendered {
		return
	}
	cause := recover()
	if cause == nil {
		return // runtime.Goexit; there is no response
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

// nobodyResets reports whether fasthttp will not reset this request: it was made by
// hand, as by adaptors and benchmarks, or it timed out and belongs to its handler.
func (v *visit) nobodyResets() bool {
	return v.madeByHand() || v.ctx.LastTimeoutErrorResponse() != nil
}

// freeze copies what the record still needs from the ctx, which a detached record
// loses.
func (v *visit) freeze(detaching bool) {
	r, resp := v.record, &v.ctx.Response
	if !v.wrapped && !r.logged && v.ctx.LastTimeoutErrorResponse() == nil {
		v.lookAgain()
	}
	r.Received = v.received()
	r.declared = int64(resp.Header.ContentLength())
	_, ours := r.Stream.(*countedStream)
	needed := v.log.template.wire
	if r.Conn != nil {
		certain := r.Stream != nil && !ours
		needed = !certain && (detaching || r.streamed || r.Conn.WriteErr() != nil)
	}
	if needed { // again: fasthttp may have added to it since Ready
		r.headerLen = headerLen(v.ctx)
	}
}

// lookAgain picks up what a middleware above the logger, such as etag or compress,
// changed since. It writes only what differs: others may be reading.
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
// intact.
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
			return nil // not reused after a panic
		}
	}
	v.recycle()
	return nil
}

// Detach separates the record from the request, once the handlers are done and the
// response's header is final. The record then holds nothing of either. Close what
// is returned, from any goroutine, when the response is over; it then asks the body
// stream and the connection what was sent. Detach returns nil if the record needs
// the request to the end: if Config.Done is set, or if the line is already written.
func (v *visit) Detach() io.Closer {
	r := v.record
	if r == nil || r.logged || !r.responding.Load() || v.log.cfg.Done != nil {
		return nil
	}
	v.freeze(true)
	if v.log.cfg.Observer != nil && r.header.Load() == 0 {
		r.header.Store(headerLen(v.ctx))
	}
	if v.waits {
		v.log.template.renderEarly(v, nil, nil)
	}
	v.record = nil
	r.detach()
	return r
}

// remove detaches the visit from the request before the request is reset.
func (v *visit) remove() {
	v.ctx.RemoveUserValue(v.key)
	v.recycle()
}

// recycle returns the visit to the pool, and its record unless it was detached.
func (v *visit) recycle() {
	if v.record != nil {
		v.record.recycle()
	}
	l := v.log
	*v = visit{log: l, line: small(v.line), scratch: v.scratch[:0]}
	l.visits.Put(v)
}
