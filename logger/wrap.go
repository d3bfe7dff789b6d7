package logger

import (
	"errors"

	"github.com/valyala/fasthttp"
)

// Wrap makes the logger the outermost part of a server, which must have its
// handlers already. So every request is logged, also one that no middleware sees
// or that could not be read, and an Observer knows of it before all else. Handle
// is still needed below, for what only a *fiber.Ctx knows; a request that it
// skips (Config.Next) is not logged, but observed.
//
// Of a request that could not be read, what could not be parsed is empty in the
// record; so is everything if the body is what could not be read, since fasthttp
// then forgets the header. The duration is that of the answer, but for a
// connection's first request, which began with the connection, unless the server
// has ReduceMemoryUsage, with which fasthttp forgets when that was.
func (l *Logger) Wrap(server *fasthttp.Server) {
	handler, errorHandler, expectHandler := server.Handler, server.ErrorHandler, server.ExpectHandler
	server.Handler = func(ctx *fasthttp.RequestCtx) {
		v := l.attach(ctx, l, false)
		v.observe()
		handler(ctx)
		v.handled()
	}
	if errorHandler != nil {
		server.ErrorHandler = func(ctx *fasthttp.RequestCtx, err error) {
			var read requestLine
			if errors.As(err, &read) {
				method, target := read.RequestLine()
				ctx.Request.Header.SetMethod(method)
				ctx.Request.SetRequestURI(target)
			}
			errorHandler(ctx, err)
			ctx.Response.SetConnectionClose() // as fasthttp is about to do; it is part of the header
			v := l.attach(ctx, l, true)
			v.told = read != nil
			v.observe()
			v.record.errText = append(v.record.errText[:0], err.Error()...)
			v.handled()
		}
	}
	if expectHandler != nil {
		server.ExpectHandler = func(ctx *fasthttp.RequestCtx) int {
			v := l.attach(ctx, l, false)
			status := expectHandler(ctx)
			if status == fasthttp.StatusContinue { // and Handler is about to see it
				v.remove()
				return status
			}
			ctx.SetStatusCode(status) // as fasthttp is about to do
			v.observe()
			v.handled()
			return status
		}
	}
}

// requestLine is an error of a request that could not be read which tells what
// was read of it.
type requestLine interface {
	error
	RequestLine() (method, target string)
}
