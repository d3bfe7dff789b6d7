package logger

// This file is one request's record: what is kept while the response is being
// written, and how the truth about it is found afterwards.

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"
)

// BodyStream is what a response body stream may implement to be logged with
// certainty. Each method is asked once, after the stream was closed.
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
	// BytesRead is the number of bytes received on this connection.
	BytesRead() int64
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
	SourceChanged Outcome = "source_changed" // the file shrank or vanished
	Failed        Outcome = "error"          // anything else
)

// record lives from the handler's return to the end of the response. It holds
// no *fiber.Ctx: that one is released before the first body byte is sent.
type record struct {
	log    *Logger
	ctx    *fasthttp.RequestCtx
	start  time.Time
	ready  time.Time // when the handlers were done and the first byte could go
	err    error     // what the handlers returned
	status int
	number uint64

	unparsed bool // there is no request to speak of, only that there was one
	noBody   bool
	bodyLen  int64 // in memory, or the stream's declared length; -1: not known
	isStream bool
	stream   BodyStream // nil: the body cannot tell
	conn     Conn       // nil: the connection cannot tell
	written0 int64      // conn's counter before the response

	// Filled in by finish.
	end     time.Time
	sent    int64
	size    int64 // -1: not known
	outcome Outcome
	failure error // what ended the response early

	scratch []byte
	idBuf   []byte
}

// begin notes what will be gone or changed when the response has been written.
func (r *record) begin(ctx *fasthttp.RequestCtx, start time.Time, err error) {
	resp := &ctx.Response
	r.number = r.log.lastID.Add(1)
	r.ctx, r.start, r.ready, r.err = ctx, start, time.Now(), err
	r.status = resp.StatusCode()
	r.noBody = ctx.IsHead() || resp.SkipBody || bodyless(r.status)
	r.isStream = resp.IsBodyStream()
	r.bodyLen = int64(resp.Header.ContentLength())
	if r.isStream {
		r.stream, _ = resp.BodyStream().(BodyStream)
	} else {
		r.bodyLen = int64(len(resp.Body())) // in memory: nothing is read
	}
	if r.conn, _ = ctx.Conn().(Conn); r.conn != nil {
		r.written0 = r.conn.BytesWritten()
	}
}

// bodyless statuses carry no body whatever a handler set. RFC 9110 section 6.4.1.
func bodyless(status int) bool {
	return status < 200 || status == fasthttp.StatusNoContent || status == fasthttp.StatusNotModified
}

// Close is the after-response hook: fasthttp calls it as it resets the
// request. Request, response and connection are still whole then.
func (r *record) Close() error {
	r.finish()
	r.log.write(r)
	*r = record{log: r.log, scratch: r.scratch[:0], idBuf: r.idBuf[:0]}
	r.log.records.Put(r)
	return nil
}

func (r *record) finish() {
	r.end = time.Now()
	r.size = -1
	switch {
	case r.stream != nil:
		r.sent, r.size, r.failure = r.stream.BytesSent(), r.stream.Size(), r.stream.Err()
	case r.noBody:
	default:
		r.sent = r.sentWithoutStream()
		if !r.isStream {
			r.size = r.bodyLen
		}
	}
	if r.failure == nil && r.conn != nil {
		r.failure = r.conn.WriteErr()
	}
	r.outcome = outcomeOf(r.failure)
}

// sentWithoutStream is the body's byte count when the body has no counter: what
// the connection took less the header, if the connection can tell and there is
// a reason to ask it; else the length in memory or the one declared.
//
// An intact connection took an in-memory body whole, or will with the next
// flush when requests are pipelined, so that its counter would tell less.
func (r *record) sentWithoutStream() int64 {
	if r.conn == nil || (!r.isStream && r.conn.WriteErr() == nil) {
		return max(r.bodyLen, 0)
	}
	header := int64(len(r.ctx.Response.Header.Header()))
	sent := max(r.conn.BytesWritten()-r.written0-header, 0)
	if r.bodyLen >= 0 {
		sent = min(sent, r.bodyLen)
	}
	return sent
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

// received is the request body's declared length, but not more than came in on
// the connection: a body that was refused may not have been sent. Unknown is
// 0, never negative.
func (r *record) received() int64 {
	n := max(int64(r.ctx.Request.Header.ContentLength()), 0)
	if r.conn != nil {
		n = min(n, r.conn.BytesRead())
	}
	return n
}

// What the request line says, or nothing if it could not be parsed: fasthttp
// would give defaults.

func (r *record) method() []byte   { return r.parsed(r.ctx.Method()) }
func (r *record) path() []byte     { return r.parsed(r.ctx.Path()) }
func (r *record) url() []byte      { return r.parsed(r.ctx.RequestURI()) }
func (r *record) protocol() []byte { return r.parsed(r.ctx.Request.Header.Protocol()) }

func (r *record) parsed(value []byte) []byte {
	if r.unparsed {
		return nil
	}
	return value
}

// remote is the client's address without the port, in a buffer that lives as
// long as the record.
func (r *record) remote() []byte {
	tcp, ok := r.ctx.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return append(r.scratch[:0], r.ctx.RemoteAddr().String()...)
	}
	r.scratch = tcp.AddrPort().Addr().Unmap().AppendTo(r.scratch[:0])
	return r.scratch
}

// id names the request: unique among the processes started at different
// milliseconds and the requests within one.
func (r *record) id() []byte {
	r.idBuf = append(r.idBuf[:0], r.log.idPrefix...)
	r.idBuf = strconv.AppendUint(r.idBuf, r.number, 36)
	return r.idBuf
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
func (r *record) ttfb() time.Duration     { return r.ready.Sub(r.start) }

func milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}

// writeJSON writes the record as one JSON object; zerolog escapes what clients
// sent.
func (r *record) writeJSON(e *zerolog.Event) {
	req := &r.ctx.Request
	e.Bytes("time", r.end.UTC().AppendFormat(make([]byte, 0, 32), "2006-01-02T15:04:05.000Z07:00")).
		Bytes("id", r.id()).
		Bytes("remote", r.remote()).
		Bytes("user", nil).
		Bytes("method", r.method()).
		Bytes("host", req.Header.Host()).
		Bytes("path", r.path()).
		Bytes("query", r.ctx.URI().QueryString()).
		Bytes("proto", r.protocol()).
		Int("status", r.status).
		Bytes("range", r.servedRange()).
		Int64("size", r.size).
		Int64("bytes_sent", r.sent).
		Int64("bytes_received", r.received()).
		Float64("ttfb_ms", milliseconds(r.ttfb())).
		Float64("duration_ms", milliseconds(r.duration())).
		Str("outcome", string(r.outcome)).
		Bytes("referer", req.Header.Referer()).
		Bytes("user_agent", req.Header.UserAgent()).
		Str("error", r.errText()).
		Send()
}
