// Package guard protects the server from what requests may do to it.
package guard

import (
	"io"
	"time"

	"github.com/valyala/fasthttp"

	"fullbore/app/wire"
)

// drainLimit is how many bytes of an unread request body are discarded to keep the
// connection. Beyond it a new connection is cheaper.
const drainLimit = 256 << 10

// drainTime is how long that may take: the answer waits for it.
const drainTime = 10 * time.Second

// UnreadBody deals with what a handler left unread of a request's body. fasthttp, when
// it streams bodies, would parse the rest as the next request, which is request
// smuggling. A short body of known length is drained; for any other the connection
// closes after the response.
//
// Call it after everything that may answer: any answer can leave a rest behind.
func UnreadBody(ctx *fasthttp.RequestCtx) {
	if drained(ctx) {
		return
	}
	Unread(ctx)
}

// Unread ends the connection after the response and says that more of the request may
// come, which nobody reads. A connection that is closed over that is reset, and the
// client may lose the response; RFC 9112 section 9.6.
func Unread(ctx *fasthttp.RequestCtx) {
	ctx.Response.Header.SetConnectionClose()
	if link, ok := wire.LinkOf(ctx.Conn()); ok {
		link.Linger()
	}
}

func drained(ctx *fasthttp.RequestCtx) bool {
	req := &ctx.Request
	if !req.IsBodyStream() {
		return true
	}
	length := req.Header.ContentLength()
	if length < 0 || length > drainLimit { // negative: chunked
		return false
	}
	if ctx.SetReadDeadline(time.Now().Add(drainTime)) != nil {
		return false
	}
	// The stream ends after length bytes, including those that a handler read.
	_, err := io.Copy(io.Discard, req.BodyStream())
	return err == nil && ctx.SetReadDeadline(time.Time{}) == nil
}

// Expectation is a fasthttp.Server's ExpectHandler. A request that waits for "100
// Continue" gets its final response at once, unless its body is read. RFC 9110 section
// 10.1.1.
func Expectation(handler fasthttp.RequestHandler, reads func(*fasthttp.RequestCtx) bool) func(*fasthttp.RequestCtx) int {
	return func(ctx *fasthttp.RequestCtx) int {
		if reads(ctx) {
			return fasthttp.StatusContinue
		}
		handler(ctx)
		return ctx.Response.StatusCode()
	}
}
