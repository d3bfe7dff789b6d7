package logger

// What the logger tells programs, as a line tells people: the same truth, so
// that metrics, the list of transfers and the log agree to the byte.

import (
	"net/netip"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/valyala/fasthttp"
)

// Observer is told of each request, three times, and must not block. Begin and
// Ready come from the connection's goroutine; End too, unless the record was
// detached. With Wrap that is every request, also one that could not be read,
// and Begin comes before everything else; with Handle alone it is what the
// middleware sees.
type Observer interface {
	Begin(*Result) // the request is there
	Ready(*Result) // the handlers are done, and the response is about to be sent
	End(*Result)   // the response is over, and its line was written
}

// Result is what is known of one request. The fields of a stage are set before
// the Observer is told of it and constant from then on, so that they and the
// live counters may be read from any goroutine, those of Ready if Responding
// says so. With Handle alone, what a middleware above the logger makes of the
// response changes Status at the end. Nothing may be read after End returned.
type Result struct {
	// Ctx is the request's, nil in End if the record was detached. Its body
	// streams are gone in End. It is the connection's goroutine's own.
	Ctx *fasthttp.RequestCtx

	// State is the Observer's own.
	State any

	// From Begin on.
	Unread bool       // the request could not be read; Method and Path are not known
	Method string     // in capitals; "other" if HTTP has no such method
	Path   []byte     // decoded; cut at 512 bytes
	Remote netip.Addr // the connection's peer; zero if it has no IP address
	Conn   Conn       // nil: the connection does not count
	Start  time.Time

	// From Ready on.
	Status int
	Kind   string     // the user value KindKey; "" if there is none
	User   []byte     // the local "username"; cut at 256 bytes
	Stream BodyStream // the response's body stream; nil if it cannot tell what was sent
	Size   int64      // bytes of the whole representation; -1: not known. Of a body in memory in End only
	Ready  time.Time  // when the response could begin

	// In End.
	Sent     int64 // bytes of the body that the kernel took
	Received int64 // bytes of the request's body that were read
	Outcome  Outcome
	Err      error     // what ended the response early; nil if nothing did
	End      time.Time // when the last byte was taken, or the transfer ended

	flow
	responding atomic.Bool
}

// flow is what moves on the connection for one request.
type flow struct {
	read0    int64 // the connection's counters before the request ...
	written0 int64 // ... and before the response
	request  int64 // declared bytes of the request's body; -1: not known
	length   int64 // bytes of the body in memory, or as declared; -1: not known
	header   int64 // bytes of the response's header; 0: not measured
	offset   int64 // where in its file the body begins ...
	span     int64 // ... and how long it is there; -1: it is not one piece of a file
	bodyless bool  // whatever a handler set, no body is sent
	streamed bool  // the body is not in memory
}

// KindKey is the user value, a string, with which a handler tells what it
// answered from, such as "file".
const KindKey = "fullbore.kind"

// Bounds of what is copied of a request for an Observer, in bytes.
const (
	maxPath = 512
	maxUser = 256

	// largeBody is a response whose header is measured, so that what is shown
	// of it while it lasts is exact. A smaller one is over before anybody looks.
	largeBody = 64 << 10
)

// Responding reports whether the fields from Ready on may be read.
func (r *Result) Responding() bool { return r.responding.Load() }

// Length is how many bytes of a body are to be sent; -1: not known.
func (r *Result) Length() int64 {
	if r.bodyless {
		return 0
	}
	return max(r.length, -1)
}

// Span is the piece of a file that the body consists of, in bytes. It is not ok
// if the body is something else, such as several ranges, or compressed.
func (r *Result) Span() (offset, length int64, ok bool) { return r.offset, r.span, r.span >= 0 }

// BytesSent is how many bytes of the body the kernel took so far: what the
// connection counted since Ready, less the header, whose length is not known of
// a body under 64 KiB. It is 0 if the connection does not count.
func (r *Result) BytesSent() int64 {
	if r.Conn == nil {
		return 0
	}
	n := max(r.Conn.BytesWritten()-r.written0-r.header, 0)
	if length := r.Length(); length >= 0 {
		n = min(n, length)
	}
	return n
}

// BytesReceived is how many bytes of the request's body came so far, less what
// was read together with its header. It is 0 if the connection does not count.
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

// begin notes what an Observer is told of a request that was read.
func (r *Result) begin(ctx *fasthttp.RequestCtx) {
	r.Method = methodOf(ctx.Method())
	r.Path = append(r.Path[:0], cut(ctx.Path(), maxPath)...)
	if conn, ok := r.Conn.(interface{ BytesRead() int64 }); ok {
		r.read0 = conn.BytesRead()
	}
	// Below -1 is fasthttp's way to say that there is no body.
	if r.request = int64(ctx.Request.Header.ContentLength()); r.request < -1 {
		r.request = 0
	}
}

// respond notes what an Observer is told of the response.
func (r *Result) respond(ctx *fasthttp.RequestCtx) {
	r.Kind, _ = ctx.UserValue(KindKey).(string)
	if user, ok := ctx.UserValue("username").(string); ok { // where Fiber's basicauth puts it
		r.User = append(r.User[:0], user[:min(len(user), maxUser)]...)
	}
	if body, ok := r.Stream.(interface {
		Segments() int
		Segment(i int) (text string, fd int, offset, length int64)
	}); ok && body.Segments() == 1 {
		if text, _, offset, length := body.Segment(0); text == "" {
			r.offset, r.span = offset, length
		}
	}
	if length := r.Length(); length < 0 || length >= largeBody {
		r.header = headerLen(ctx)
	}
}

func headerLen(ctx *fasthttp.RequestCtx) int64 { return int64(len(ctx.Response.Header.Header())) }

// cut shortens text to n bytes at most, and not within a character.
func cut(text []byte, n int) []byte {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// methodOf is a constant of the same text.
func methodOf(method []byte) string {
	for _, known := range [...]string{
		fasthttp.MethodGet, fasthttp.MethodHead, fasthttp.MethodPost, fasthttp.MethodPut, fasthttp.MethodDelete,
		fasthttp.MethodOptions, fasthttp.MethodPatch, fasthttp.MethodConnect, fasthttp.MethodTrace,
	} {
		if string(method) == known {
			return known
		}
	}
	return "other"
}
