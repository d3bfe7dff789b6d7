package logger

import (
	"errors"
	"time"

	"github.com/valyala/fasthttp"
)

// Wrap makes the logger the outermost layer of a server, whose handlers must be
// set already. Every request is then logged, even one that no middleware sees or
// that could not be read, and an Observer sees it before everything else. Handle is
// still needed below, for what only a *fiber.Ctx knows; a request that it skips
// (Config.Next) is observed but not logged.
//
// For a request that could not be read, the record lacks what could not be parsed;
// it lacks everything if the body could not be read, since fasthttp then drops the
// header, unless the error still has it (see requestLine and unreadBody). The
// duration is that of the answer, except for a connection's first
// request, which begins with the connection unless the server has
// ReduceMemoryUsage, under which fasthttp forgets the time.
func (l *Logger) Wrap(server *fasthttp.Server) {
	handler, errorHandler, expectHandler := server.Handler, server.ErrorHandler, server.ExpectHandler
	server.Handler = func(ctx *fasthttp.RequestCtx) {
		v := l.attach(ctx, l, false)
		v.observe()
		handler(ctx)
		if !v.postponed {
			v.handled()
		}
	}
	if errorHandler != nil {
		server.ErrorHandler = func(ctx *fasthttp.RequestCtx, err error) {
			var read requestLine
			if errors.As(err, &read) {
				method, target, proto := read.RequestLine()
				ctx.Request.Header.SetMethod(method)
				ctx.Request.SetRequestURI(target)
				ctx.Request.Header.SetProtocol(proto)
			}
			errorHandler(ctx, err)
			ctx.Response.SetConnectionClose() // as fasthttp will; it adds to the header
			v := l.attach(ctx, l, true)
			v.hear(read)
			v.noteUnreadBody(err)
			v.observe()
			if read != nil {
				err = read // without fasthttp's words around it
			}
			v.record.errText = append(v.record.errText[:0], err.Error()...)
			v.record.noteCause(err)
			v.handled()
		}
	}
	if expectHandler != nil {
		server.ExpectHandler = func(ctx *fasthttp.RequestCtx) int {
			v := l.attach(ctx, l, false)
			status := expectHandler(ctx)
			if status == fasthttp.StatusContinue { // Handler comes next
				v.remove()
				return status
			}
			ctx.SetStatusCode(status) // as fasthttp will
			v.observe()
			v.handled()
			return status
		}
	}
}

// requestLine is an error about a request that could not be read, with as much of
// its request line as was; what was not is empty.
type requestLine interface {
	error
	RequestLine() (method, target, proto string)
}

// unreadBody is an error about a request whose body did not come, with as many
// bytes as did, and since when they were awaited; that is the zero time if not even
// the header came.
type unreadBody interface {
	error
	Content() (received int64, since time.Time)
}

func (v *visit) noteUnreadBody(err error) {
	var body unreadBody
	if !errors.As(err, &body) {
		return
	}
	received, since := body.Content()
	if since.IsZero() {
		return
	}
	v.arrived, v.record.Start = received, since
}
