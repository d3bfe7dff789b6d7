package logger

// This file is one request's record: what is kept while the response is being
// written, and how the truth about it is found afterwards.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/rs/zerolog"
	"github.com/valyala/bytebufferpool"
	"github.com/valyala/fasthttp"
)

// BodyStream is what a response body stream may implement to be logged with
// certainty. Each method is asked after the stream was closed.
type BodyStream interface {
	// BytesSent is the number of body bytes the kernel took.
	BytesSent() int64
	// Err is what ended the body early, nil if nothing did: an error that is
	// os.ErrDeadlineExceeded for a client that took nothing for too long,
	// io.ErrUnexpectedEOF for a source that had less than it promised, or
	// whatever reading or writing gave.
	Err() error
	// Size is the whole representation's size in bytes, of which a range may
	// be sent; negative if it is not known.
	Size() int64
}

// Conn is what a connection may implement so that bodies without a counter of
// their own are logged with certainty too.
type Conn interface {
	// BytesWritten is the number of bytes the kernel took on this connection.
	BytesWritten() int64
	// WriteErr is the first error of a write, nil if there was none.
	WriteErr() error
}

// Outcome says how a response ended.
type Outcome string

// The outcomes.
const (
	Complete      Outcome = "complete"       // all bytes of the response were taken
	Aborted       Outcome = "aborted"        // the client went away
	Timeout       Outcome = "timeout"        // the client took nothing for too long
	SourceChanged Outcome = "source_changed" // the source had less than it promised
	Failed        Outcome = "error"          // anything else
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
	done    bool // ready, or written already
	logged  bool // written before the end, because of a panic

	// Noted by ready, when the handlers are done.
	readyAt   time.Time
	err       error // what the handlers returned
	status    int
	unread    bool // the request could not be read
	number    uint64
	user      string
	requestID string
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

	line []byte // JSON, for output and Done
	text []byte // scratch space for one value
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
	r.done, r.err = true, err
	if r.log.needs.ready {
		r.readyAt = time.Now()
	}
	if r.log.needs.id {
		r.number = r.log.lastID.Add(1)
	}
	r.status = resp.StatusCode()
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

	if r.conn, _ = r.ctx.Conn().(Conn); r.conn != nil {
		r.written0 = r.conn.BytesWritten()
	}
	switch {
	case !r.log.needs.ip:
	case c != nil && r.log.proxied:
		r.ip = append(r.ip[:0], c.IP()...)
	default:
		r.ip = appendIP(r.ip[:0], r.ctx)
	}
	if r.log.needs.locals {
		r.user = r.local("username") // where Fiber's basicauth puts it
		r.requestID = r.local("requestid")
	}
	if r.log.template != nil {
		r.log.template.renderEarly(r, c)
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
	if r.done {
		return
	}
	cause := recover()
	if cause == nil {
		return // runtime.Goexit; there is no response to speak of
	}
	c.Status(fiber.StatusInternalServerError)
	r.ready(c, fmt.Errorf("panic: %v", cause))
	r.noBody, r.stream = true, nil // nothing was sent, and this is not the end
	r.finish()
	r.outcome = Failed
	r.write()
	r.logged = true
	if out, ok := r.log.cfg.Output.(interface{ Flush() error }); ok {
		_ = out.Flush() // the panic is worse
	}
	panic(cause)
}

// Close is the after-response hook: fasthttp calls it as it resets the
// request. Request, response and connection are still whole then.
func (r *record) Close() error {
	if r.done && !r.logged {
		r.finish()
		r.write()
	}
	r.recycle()
	return nil
}

// recycle gives the record back, and keeps its buffers unless a request made
// them large.
func (r *record) recycle() {
	r.ctx, r.request, r.err, r.stream, r.conn, r.failure = nil, nil, nil, nil, nil, nil
	r.user, r.requestID = "", ""
	r.done, r.logged, r.unread = false, false, false
	r.early.B, r.line, r.text = small(r.early.B), small(r.line), small(r.text)
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
	if done := r.log.cfg.Done; done != nil && r.log.app != nil {
		c := r.log.app.AcquireCtx(r.ctx)
		defer r.log.app.ReleaseCtx(c)
		done(c, line)
	}
}

// finish finds out how the response went. Of the answers that there are the
// most certain one wins: the stream's own, then the connection's, then what
// was declared.
func (r *record) finish() {
	if r.log.needs.end {
		r.end = time.Now()
	}
	r.sent, r.size = 0, -1
	if r.conn != nil {
		r.failure = r.conn.WriteErr()
	}
	switch {
	case r.stream != nil:
		r.askStream()
	case r.isStream && !r.noBody:
		r.sent = max(r.bodyLen, 0)
		if r.conn != nil {
			r.askConn()
		}
	case !r.isStream:
		r.askMemory()
	}
	r.outcome = outcomeOf(r.failure)
}

// askMemory is for a body in memory. An intact connection took it whole, or
// will with the next flush when requests are pipelined. It is a whole
// representation unless it says what went wrong.
func (r *record) askMemory() {
	if r.status < fasthttp.StatusMultipleChoices && !bodyless(r.status) {
		r.size = r.bodyLen
	}
	if r.noBody {
		return
	}
	r.sent = r.bodyLen
	if r.failure != nil {
		r.sent = min(r.sentOnConn(), r.bodyLen)
	}
}

// askStream takes a stream's word for what was sent. A stream that we count
// ourselves knows what was read from it, not what became of that: when anything
// goes wrong, fasthttp throws away what waits in its buffer.
func (r *record) askStream() {
	r.sent, r.size = r.stream.BytesSent(), r.stream.Size()
	err := r.stream.Err()
	if _, ours := r.stream.(*countedStream); ours && r.conn != nil && (err != nil || r.failure != nil) {
		r.sent = min(r.sent, r.sentOnConn())
		if r.failure != nil {
			return
		}
	}
	if err != nil && !r.noBody {
		r.failure = err
	}
}

// askConn finds what was sent of a stream that does not count, by what the
// connection took. Of a complete response as much as fasthttp's buffer holds
// may wait to be flushed, when requests are pipelined.
func (r *record) askConn() {
	sent := r.sentOnConn()
	switch {
	case r.bodyLen < 0:
		r.sent = sent
	case r.failure != nil || sent+r.log.writeBuffer < r.bodyLen:
		r.sent = min(sent, r.bodyLen)
		if r.failure == nil {
			r.failure = fmt.Errorf("body stream had fewer bytes than declared: %w", io.ErrUnexpectedEOF)
		}
	}
}

// sentOnConn is what the connection took since the handlers were done, less
// the header.
func (r *record) sentOnConn() int64 {
	return max(r.conn.BytesWritten()-r.written0-r.headerLen(), 0)
}

func (r *record) headerLen() int64 { return int64(len(r.ctx.Response.Header.Header())) }

// wire is the number of bytes of the whole response, header and framing
// included, that the connection took; if it cannot tell, header and body.
func (r *record) wire() int64 {
	if r.conn != nil {
		return r.conn.BytesWritten() - r.written0
	}
	return r.headerLen() + r.sent
}

func outcomeOf(err error) Outcome {
	switch {
	case err == nil:
		return Complete
	case errors.Is(err, os.ErrDeadlineExceeded):
		return Timeout
	case errors.Is(err, io.ErrUnexpectedEOF):
		return SourceChanged
	case errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET), errors.Is(err, net.ErrClosed):
		return Aborted
	default:
		return Failed
	}
}

// received is the number of bytes of the request's body that were read: of a
// stream what was taken from it, else what fasthttp has in memory. Never
// negative.
func (r *record) received() int64 {
	req := &r.ctx.Request
	declared := int64(req.Header.ContentLength())
	switch {
	case r.unread:
		return 0
	case r.request != nil:
		return r.request.read
	case declared > 0 && !req.MayContinue():
		return declared // or the handlers would not have been called
	case declared == 0 || len(req.Header.MultipartFormBoundary()) > 0:
		return max(declared, 0) // a parsed form would be written out again by Body
	}
	return int64(len(req.Body()))
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

// errText is what went wrong, in the handlers or on the way to the client.
func (r *record) errText() string {
	switch {
	case r.failure != nil:
		return r.failure.Error()
	case r.err != nil:
		return r.err.Error()
	}
	return ""
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
