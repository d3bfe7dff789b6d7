// Package guard protects the server from requests, before and after they are
// answered.
package guard

import (
	"io"

	"github.com/valyala/fasthttp"

	"fullbore/app/wire"
)

// drainLimit is how much of a request body that nobody read is read and thrown
// away to keep the connection, in bytes. Beyond it a new connection is cheaper.
const drainLimit = 256 << 10

// UnreadBody deals with what a handler left unread of a request's body.
// fasthttp, when it streams bodies, would parse the rest as the next request,
// which is request smuggling. A short body of a known length is read to its
// end; for any other one the connection closes after the response.
//
// Call it after everything that may answer, since each answer leaves the same
// rest behind.
func UnreadBody(ctx *fasthttp.RequestCtx) {
	if drained(&ctx.Request) {
		return
	}
	ctx.Response.Header.SetConnectionClose()
	if link, ok := wire.LinkOf(ctx.Conn()); ok {
		link.Linger()
	}
}

func drained(req *fasthttp.Request) bool {
	if !req.IsBodyStream() {
		return true
	}
	length := req.Header.ContentLength()
	if length < 0 || length > drainLimit { // negative: chunked
		return false
	}
	// The stream ends by itself after length bytes, counting those that a
	// handler took.
	_, err := io.Copy(io.Discard, req.BodyStream())
	return err == nil
}

// Expectation answers a request that waits for "100 Continue" before it sends
// its body, on a server whose handlers read no body: with the final response,
// at once. Use it as a fasthttp.Server's ExpectHandler. RFC 9110 section 10.1.1.
func Expectation(handler fasthttp.RequestHandler) func(*fasthttp.RequestCtx) int {
	return func(ctx *fasthttp.RequestCtx) int {
		handler(ctx)
		return ctx.Response.StatusCode()
	}
}
