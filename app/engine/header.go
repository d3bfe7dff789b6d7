//go:build linux && (amd64 || arm64)

package engine

import (
	"io"

	"github.com/valyala/fasthttp"
)

// kindOfBody is the way in which a response's body is sent.
type kindOfBody int

const (
	none     kindOfBody = iota // there is none: the header is all
	inMemory                   // fasthttp holds it
	planned                    // a Body
	streamed                   // has to be read
)

// finishHeader completes a response's header as fasthttp's own loop does. It
// reports whether the connection closes after the response.
func (e *Engine) finishHeader(ctx *fasthttp.RequestCtx, persists bool) (closes bool) {
	resp := &ctx.Response
	if ctx.Hijacked() {
		ctx.Hijack(nil)
		ctx.Error("This connection cannot be hijacked.\n", fasthttp.StatusInternalServerError)
		e.logger.Printf("a handler of %q tried to hijack a connection that an event loop carries", ctx.Path())
		persists = false
	}
	if ctx.IsHead() {
		resp.SkipBody = true
	}
	closes = !persists || resp.ConnectionClose() || e.server.DisableKeepalive
	switch {
	case closes:
		resp.SetConnectionClose()
	case !ctx.Request.Header.IsHTTP11():
		resp.Header.SetCanonical(keyConnection, keepAlive)
	}
	if e.name != "" && len(resp.Header.Server()) == 0 {
		resp.Header.SetServer(e.name)
	}
	return closes
}

var keyConnection, keepAlive = []byte(fasthttp.HeaderConnection), []byte("keep-alive")

// bodyOf finds out how the body is sent, and sets its length.
func bodyOf(ctx *fasthttp.RequestCtx) (Body, kindOfBody) {
	resp := &ctx.Response
	skip := resp.SkipBody || bodyless(resp.StatusCode())
	stream := resp.BodyStream()
	length := resp.Header.ContentLength()
	switch {
	case stream == nil:
		if n := len(resp.Body()); n > 0 || !skip {
			resp.Header.SetContentLength(n)
		}
		if skip {
			return nil, none
		}
		return nil, inMemory
	case skip:
		if limited, ok := stream.(*io.LimitedReader); ok && length < 0 {
			length = int(max(limited.N, 0))
		}
		resp.Header.SetContentLength(max(length, -1))
		return nil, none
	}
	if body, ok := stream.(Body); ok && length >= 0 {
		if _, direct := body.Plan(); direct {
			return body, planned
		}
	}
	return nil, streamed
}

// bodyless statuses carry no body whatever a handler set. RFC 9110 section 6.4.1.
func bodyless(status int) bool {
	return status < 200 || status == fasthttp.StatusNoContent || status == fasthttp.StatusNotModified
}
