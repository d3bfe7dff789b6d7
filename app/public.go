package app

// This file is the public server: how it is set up, and through which parts a
// request passes, in which order.

import (
	"errors"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"fullbore/app/guard"
	"fullbore/static/listing"
)

const (
	headerTimeout    = 10 * time.Second // for a request's header to arrive
	keepAliveTimeout = 75 * time.Second // for the next request to begin

	// writeBuffer, in bytes, is held by every download for as long as it lasts;
	// it has to hold a header.
	writeBuffer = 1 << 10
)

// newPublic is the order in which a request passes through the parts.
func (a *App) newPublic() *fiber.App {
	app := fiber.New(fiber.Config{
		AppName:                      "fullbore",
		ServerHeader:                 "fullbore",
		DisableStartupMessage:        true,
		ReadTimeout:                  headerTimeout,
		IdleTimeout:                  keepAliveTimeout,
		WriteTimeout:                 0, // would limit a whole download; wire watches for progress instead
		WriteBufferSize:              writeBuffer,
		ReduceMemoryUsage:            true, // and so flush each response, which is what makes its record true
		StreamRequestBody:            true,
		DisablePreParseMultipartForm: true,
		ErrorHandler:                 answerError,
	})
	app.Use(a.log.Handle)
	app.Use(a.files.Handle)

	server := app.Server()
	server.SecureErrorLogMessage = true // or a request that cannot be parsed is copied into its error
	server.ConnState = notePhase
	handle := server.Handler
	server.Handler = func(ctx *fasthttp.RequestCtx) {
		if guard.KnownMethod(ctx) {
			handle(ctx)
		}
		guard.UnreadBody(ctx)
		if a.draining.begun.Load() != nil {
			ctx.Response.Header.SetConnectionClose()
		}
	}
	server.ExpectHandler = guard.Expectation(server.Handler)
	a.log.Wrap(server)
	return app
}

// answerError tells the client the status and no more; what went wrong inside
// is in the log.
func answerError(c *fiber.Ctx, err error) error {
	status := fiber.StatusInternalServerError
	var known *fiber.Error
	if errors.As(err, &known) {
		status = known.Code
	}
	return listing.AnswerError(c, status)
}
