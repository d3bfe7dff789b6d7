package logger

// This file is one request's record: what is kept while the response is being
// written, and how the truth about it is found afterwards.

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"reflect"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/rs/zerolog"
	"github.com/valyala/bytebufferpool"
	"github.com/valyala/fasthttp"
)

// record lives from the request to the end of the response. It holds no
// *fiber.Ctx: that one is released before the first body byte is sent.
type record struct {
	log  *Logger
	json *zerolog.Logger // writes to this record
	data *Data           // for custom tags; made when there are any

	ctx     *fasthttp.RequestCtx
	request *countedStream // the request's body; nil if it is in memory
	start   time.Time
	facts   *facts

	isReady  bool // the first phase is over
	logged   bool // the line was written already
	detached bool // a handler reset the user values, and the hook with them

	// Noted by ready, when the handlers are done.
	readyAt   time.Time
	errText   []byte // of what the handlers returned
	status    int
	unread    bool // the request could not be read
	number    uint64
	user      []byte
	requestID []byte
	route     string // for Done
	noBody    bool
	bodyLen   int64 // in memory, or the stream's declared length; -1: not known
	isStream  bool
	stream    BodyStream                // nil: the body cannot tell
	conn      Conn                      // nil: the connection cannot tell
	written0  int64                     // conn's counter before the response
	early     bytebufferpool.ByteBuffer // the line, as far as the request can tell it
	holes     []int                     // where in early the tags of the second phase belong
	ip        []byte

	// Found out by finish, when the response is over.
	end     time.Time
	sent    int64
	size    int64 // -1: not known
	outcome Outcome
	failure error // what ended the response early

	result   Result                    // what Observe is given
	line     []byte                    // JSON, for output and Done
	doneLine []byte                    // what Done is given
	doneDue  bool                      // Done is about to be called for this record
	text     []byte                    // scratch space for one value
	quoted   []byte                    // likewise, for a value in quotes
	custom   bytebufferpool.ByteBuffer // likewise, for a custom tag
}

func newRecord(l *Logger) *record {
	r := &record{log: l}
	if l.template == nil {
		json := zerolog.New(r)
		r.json = &json
	}
	if len(l.cfg.CustomTags) > 0 {
		r.data = &Data{}
	}
	return r
}

// Write takes a line of JSON from zerolog.
func (r *record) Write(line []byte) (int, error) {
	r.line = append(r.line[:0], line...)
	return len(line), nil
}

// ready ends the first phase. It notes what will be gone or changed when the
// response has been written, and renders what only the request can tell. c is
// nil for requests that reached no middleware.
func (r *record) ready(c *fiber.Ctx, err error) {
	resp := &r.ctx.Response
	if r.log.needs.ready {
		r.readyAt = time.Now()
	}
	if r.log.needs.id {
		r.number = r.log.lastID.Add(1)
	}
	r.status = resp.StatusCode()
	r.noteBody(resp)
	if r.conn, _ = r.ctx.Conn().(Conn); r.conn != nil {
		r.written0 = r.conn.BytesWritten()
	}
	switch {
	case !r.log.needs.ip:
	case c != nil && r.facts.proxied:
		r.ip = append(r.ip[:0], c.IP()...)
	default:
		r.ip = appendIP(r.ip[:0], r.ctx)
	}
	r.keep(c, err)
	if r.log.template != nil {
		r.log.template.renderEarly(r, c, err)
	}
	r.isReady = true
}

// keep copies what may point into the *fiber.Ctx: that is another request's by
// the time the line is written.
func (r *record) keep(c *fiber.Ctx, err error) {
	if err != nil {
		r.errText = append(r.errText[:0], err.Error()...)
	}
	if r.log.needs.locals {
		r.user = append(r.user[:0], r.local("username")...) // where Fiber's basicauth puts it
		r.requestID = append(r.requestID[:0], r.local("requestid")...)
	}
	if c != nil && r.log.cfg.Done != nil {
		r.route = c.Route().Path // the app's own, and so not copied
	}
}

// noteBody notes what kind of body there will be, and sees to it that it is
// counted if that can be.
func (r *record) noteBody(resp *fasthttp.Response) {
	r.noBody = r.ctx.IsHead() || resp.SkipBody || bodyless(r.status)
	r.isStream = resp.IsBodyStream()
	r.bodyLen = int64(resp.Header.ContentLength())
	if r.isStream {
		if limited, ok := resp.BodyStream().(*io.LimitedReader); ok && r.bodyLen < 0 {
			r.bodyLen = max(limited.N, 0) // as fasthttp is about to find out
		}
		if !r.noBody {
			countStream(resp, max(r.bodyLen, -1))
		}
		r.stream, _ = resp.BodyStream().(BodyStream)
	} else {
		r.bodyLen = int64(len(resp.Body())) // in memory: nothing is read
	}
}

// local is a text among the request's locals.
func (r *record) local(key string) string {
	text, _ := r.ctx.UserValue(key).(string)
	return text
}

// appendIP appends the client's address without the port.
func appendIP(dst []byte, ctx *fasthttp.RequestCtx) []byte {
	if tcp, ok := ctx.RemoteAddr().(*net.TCPAddr); ok {
		if addr := tcp.AddrPort().Addr(); addr.IsValid() {
			return addr.Unmap().AppendTo(dst)
		}
	}
	return append(dst, ctx.RemoteIP().String()...)
}

// bodyless statuses carry no body whatever a handler set. RFC 9110 section 6.4.1.
func bodyless(status int) bool {
	return status < 200 || status == fasthttp.StatusNoContent || status == fasthttp.StatusNotModified
}

// passOnPanic logs a panic of the handlers at once, since nobody may be there
// to survive it, and passes it on.
func (r *record) passOnPanic(c *fiber.Ctx) {
	if r.isReady {
		return
	}
	cause := recover()
	if cause == nil {
		return // runtime.Goexit; there is no response to speak of
	}
	c.Status(fiber.StatusInternalServerError)
	r.ready(c, fmt.Errorf("panic: %v", cause))
	r.isStream, r.stream, r.noBody = false, nil, true // nothing was sent, and this is not the end
	r.finish()
	r.outcome = Failed
	r.write()
	r.log.flush()
	panic(cause)
}

// nobodyResets reports whether fasthttp will not reset this request: it was
// not read by a server but made by hand, as adaptors and benchmarks do, or its
// time was up, and fasthttp has left it to the handler.
func (r *record) nobodyResets() bool {
	return r.madeByHand() || r.ctx.LastTimeoutErrorResponse() != nil
}

// madeByHand reports whether no server read the request. A server counts the
// requests of a connection, but not one yet that expects 100-continue.
func (r *record) madeByHand() bool {
	if r.ctx.ConnRequestNum() > 0 {
		return false
	}
	conn := r.ctx.Conn()
	return conn == nil || reflect.TypeOf(conn) == noConn
}

// noConn is the type of the connection that fasthttp gives a request made by
// RequestCtx.Init.
var noConn = func() reflect.Type {
	var ctx fasthttp.RequestCtx
	ctx.Init(&fasthttp.Request{}, nil, nil)
	return reflect.TypeOf(ctx.Conn())
}()

// endNow writes the line without waiting for the response.
func (r *record) endNow() {
	if timeout := r.ctx.LastTimeoutErrorResponse(); timeout != nil {
		r.status, r.isStream, r.stream, r.bodyLen = timeout.StatusCode(), false, nil, int64(len(timeout.Body()))
	}
	r.finish()
	r.write()
	if r.madeByHand() {
		r.ctx.RemoveUserValue(r)
		r.recycle()
	}
}

// Close is the after-response hook: fasthttp calls it as it resets the
// request. Request, response and connection are still whole then. No recover
// middleware reaches here, so what panics in a Done or an Output is caught.
func (r *record) Close() error {
	if !r.isReady { // a handler has called ResetUserValues
		r.detached = true
		return nil
	}
	defer func() {
		if cause := recover(); cause != nil {
			r.log.trouble(fmt.Errorf("panic while a request was logged: %v", cause))
			return // and the record is not used again
		}
		r.recycle()
	}()
	if !r.logged {
		r.lookAgain()
		r.finish()
		r.write()
	}
	return nil
}

// lookAgain notes what a middleware above the logger made of the response
// since, as etag and compress do. The response to a request that could not be
// read is gone already.
func (r *record) lookAgain() {
	if r.unread {
		return
	}
	resp := &r.ctx.Response
	r.status = resp.StatusCode()
	r.noBody = r.ctx.IsHead() || resp.SkipBody || bodyless(r.status)
	if !r.isStream {
		r.bodyLen = int64(len(resp.Body()))
	}
}

// recycle gives the record back, and keeps its buffers unless a request made
// them large.
func (r *record) recycle() {
	r.ctx, r.request, r.facts, r.stream, r.conn, r.failure = nil, nil, nil, nil, nil, nil
	r.isReady, r.logged, r.detached, r.unread = false, false, false, false
	r.errText, r.user, r.requestID = small(r.errText), small(r.user), small(r.requestID)
	r.doneLine, r.doneDue, r.route = nil, false, ""
	r.result = Result{}
	if r.data != nil {
		r.data.ChainErr = nil
	}
	r.early.B, r.line, r.text = small(r.early.B), small(r.line), small(r.text)
	r.quoted, r.custom.B = small(r.quoted), small(r.custom.B)
	r.log.records.Put(r)
}

// small is an empty buffer with the memory of b, if that is not much.
func small(b []byte) []byte {
	const much = 8 << 10
	if cap(b) > much {
		return nil
	}
	return b[:0]
}

// write renders the second phase and writes the line.
func (r *record) write() {
	r.logged = true
	line := r.line[:0]
	if t := r.log.template; t != nil {
		line = t.render(r)
		r.log.output(line)
	} else {
		r.writeJSON(r.log.event(r))
		if r.log.cfg.Logger == nil {
			line = r.line
			r.log.output(line)
		}
	}
	if r.log.cfg.Done != nil {
		r.log.callDone(r, line)
	}
	if r.log.cfg.Observe != nil {
		r.observe()
	}
}

// What the request line says, or nothing if it could not be parsed: fasthttp
// would give defaults.

func (r *record) method() []byte { return r.parsed(r.ctx.Method()) }
func (r *record) path() []byte   { return r.parsed(r.ctx.Path()) }
func (r *record) url() []byte    { return r.parsed(r.ctx.RequestURI()) }
func (r *record) proto() []byte  { return r.parsed(r.ctx.Request.Header.Protocol()) }

func (r *record) parsed(value []byte) []byte {
	if r.unread && len(r.ctx.Request.Header.Host()) == 0 {
		return nil
	}
	return value
}

// id names the request: unique among the processes started at different
// milliseconds and the requests within one.
func (r *record) id() []byte {
	r.text = append(r.text[:0], r.log.idPrefix...)
	r.text = strconv.AppendUint(r.text, r.number, 36)
	return r.text
}

// servedRange is the byte range of the response, "0-99", or nothing.
func (r *record) servedRange() []byte {
	contentRange := r.ctx.Response.Header.Peek(fasthttp.HeaderContentRange)
	span, _, _ := bytes.Cut(bytes.TrimPrefix(contentRange, []byte("bytes ")), []byte("/"))
	if string(span) == "*" {
		return nil
	}
	return span
}

// trouble is what went wrong, in the handlers or on the way to the client.
func (r *record) trouble() []byte {
	if r.failure != nil {
		return []byte(r.failure.Error())
	}
	return r.errText
}

func (r *record) duration() time.Duration { return r.end.Sub(r.start) }
func (r *record) ttfb() time.Duration     { return r.readyAt.Sub(r.start) }

// rate is in bytes a second, from the first byte to the last.
func (r *record) rate() int64 {
	if took := r.end.Sub(r.readyAt); took > 0 {
		return int64(float64(r.sent) / took.Seconds())
	}
	return 0
}
