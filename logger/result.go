package logger

// What programs get in place of a line: the same figures, so that metrics, the
// list of transfers and the log agree to the byte.

import (
	"net/netip"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/valyala/fasthttp"
)

// Observer is called three times per request and must not block. Begin and Ready
// run on the connection's goroutine, and so does End unless the record was
// detached. With Wrap it sees every request, even one that could not be read, and
// Begin comes before everything else; with Handle alone it sees what the
// middleware sees.
type Observer interface {
	Begin(*Result) // the request has arrived
	Ready(*Result) // the handlers are done, and the response is about to be sent
	End(*Result)   // the response is over, and its line was handed over, if it has one
}

// Result is what is known about one request. The fields of a stage are set before
// the Observer's method is called and constant from then on, so that they and the
// live counters may be read from any goroutine; those of Ready once Responding is
// true. With Handle alone, a middleware above the logger may still change Status
// at the end. Nothing may be read after End has returned.
type Result struct {
	// Ctx belongs to the connection's goroutine. In End its body streams are
	// gone, and it is nil if the record was detached.
	Ctx *fasthttp.RequestCtx

	// State is for the Observer to use.
	State any

	// From Begin on.
	Unread bool       // the request could not be read; Method and Path are unset
	Method string     // in capitals; "other" if neither HTTP has it nor reading WebDAV
	Path   []byte     // decoded; truncated to 512 bytes
	Remote netip.Addr // the client; zero if it has no IP address; see AppendRemote
	Unix   bool       // the client is at the other end of a Unix socket
	Conn   Conn       // nil: the connection does not count
	Peer   Peer       // the connection's, if that is not the client
	Start  time.Time

	// From Ready on.
	Status int
	Kind   string     // the user value KindKey; "" if there is none
	User   []byte     // the local "username"; truncated to 256 bytes
	Stream BodyStream // the response's body stream; nil if it does not count
	Size   int64      // bytes of the whole representation; -1: unknown. For a body in memory only in End
	Ready  time.Time  // when the response could begin

	// In End.
	Sent     int64 // bytes of the body that the kernel took
	Received int64 // bytes of the request's body that were read
	Outcome  Outcome
	Err      error     // what ended the response early; nil if nothing did
	Rule     string    // the limit that refused the request or ended the response; "" if none did
	End      time.Time // when the last byte was taken, or the transfer ended

	flow
	responding atomic.Bool
}

// Peer is who is at the other end of a connection that is not the client's: a proxy. The
// zero Peer says that there is none.
type Peer struct {
	Addr netip.Addr // zero if it has no IP address
	Unix bool       // it is at the other end of a Unix socket
}

// AppendTo appends its address, "unix:" on a Unix socket; nothing if there is none.
func (p Peer) AppendTo(dst []byte) []byte {
	switch {
	case p.Addr.IsValid():
		return p.Addr.AppendTo(dst)
	case p.Unix:
		return append(dst, unixPeer...)
	}
	return dst
}

// flow is what the live counters are computed from.
type flow struct {
	read0    int64 // the connection's counters before the request ...
	written0 int64 // ... and before the response
	request  int64 // declared bytes of the request's body; -1: unknown
	length   int64 // bytes of the body in memory, or as declared; -1: unknown
	offset   int64 // where in its file the body begins ...
	span     int64 // ... and its length there; -1: not a single piece of a file
	bodyless bool  // no body is sent, whatever a handler set
	streamed bool  // the body is not in memory

	header atomic.Int64 // bytes of the response's header; 0: not measured, or not yet
}

// KindKey is the user value, a string, in which a handler says what kind of thing
// it served, such as "file".
const KindKey = "fullbore.kind"

// RuleKey is the user value, a string, in which a handler that refuses a request
// names the limit that made it do so, such as "client-downloads". It counts with a
// status of 400 or more.
const RuleKey = "fullbore.rule"

// Limits in bytes of what is copied for an Observer.
const (
	maxPath = 512
	maxUser = 256

	// largeBody is the size from which the header is measured at Ready, so that
	// live counters are exact: fasthttp has to render it once more for that. A
	// smaller response is mostly over before anybody looks; if it is detached
	// because its client is slow, the header is measured then.
	largeBody = 4 << 20
)

// Responding reports whether the fields from Ready on may be read.
func (r *Result) Responding() bool { return r.responding.Load() }

// Length is how many bytes of body are to be sent; -1: unknown.
func (r *Result) Length() int64 {
	if r.bodyless {
		return 0
	}
	return max(r.length, -1)
}

// Span is the piece of a file that the body consists of, in bytes. ok is false for
// any other body, such as several ranges or a compressed one.
func (r *Result) Span() (offset, length int64, ok bool) { return r.offset, r.span, r.span >= 0 }

// BytesSent is how many bytes of the body the kernel has taken so far: what the
// connection counted since Ready, less the header, which is not measured for a
// body under 4 MiB unless the record is detached. It is 0 if the connection does not
// count.
func (r *Result) BytesSent() int64 {
	if r.Conn == nil {
		return 0
	}
	n := max(r.Conn.BytesWritten()-r.written0-r.header.Load(), 0)
	if length := r.Length(); length >= 0 {
		n = min(n, length)
	}
	return n
}

// BytesReceived is how many bytes of the request's body have arrived so far, less
// what was read together with the header. It is 0 if the connection does not
// count.
func (r *Result) BytesReceived() int64 {
	conn, ok := r.Conn.(interface{ BytesRead() int64 })
	if !ok || r.request == 0 {
		return 0
	}
	n := max(conn.BytesRead()-r.read0, 0)
	if r.request > 0 {
		n = min(n, r.request)
	}
	return n
}

// begin records what is known at Begin of a request that was read.
func (r *Result) begin(ctx *fasthttp.RequestCtx) {
	r.Method = methodOf(ctx.Method())
	r.Path = append(r.Path[:0], cut(ctx.Path(), maxPath)...)
	if conn, ok := r.Conn.(interface{ BytesRead() int64 }); ok {
		r.read0 = conn.BytesRead()
	}
	// fasthttp says -2 if there is no body.
	if r.request = int64(ctx.Request.Header.ContentLength()); r.request < -1 {
		r.request = 0
	}
}

// respond records what is known at Ready.
func (r *Result) respond(ctx *fasthttp.RequestCtx) {
	r.Kind, _ = ctx.UserValue(KindKey).(string)
	if user, ok := ctx.UserValue("username").(string); ok { // where Fiber's basicauth puts it
		r.User = append(r.User[:0], user[:min(len(user), maxUser)]...)
	}
	if body, ok := r.Stream.(interface {
		Range() (offset, length int64, ok bool)
	}); ok {
		if offset, length, ok := body.Range(); ok {
			r.offset, r.span = offset, length
		}
	}
	if length := r.Length(); length < 0 || length >= largeBody {
		r.header.Store(headerLen(ctx))
	}
}

func headerLen(ctx *fasthttp.RequestCtx) int64 { return int64(len(ctx.Response.Header.Header())) }

// cut truncates text to n bytes at most, between characters.
func cut(text []byte, n int) []byte {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// methodOf turns a method into a constant, without an allocation.
func methodOf(method []byte) string {
	for _, known := range [...]string{
		fasthttp.MethodGet, fasthttp.MethodHead, fasthttp.MethodPost, fasthttp.MethodPut, fasthttp.MethodDelete,
		fasthttp.MethodOptions, fasthttp.MethodPatch, fasthttp.MethodConnect, fasthttp.MethodTrace,
		"PROPFIND",
	} {
		if string(method) == known {
			return known
		}
	}
	return "other"
}
