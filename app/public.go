package app

// This file is the public server: how it is set up, and through which parts a
// request passes, in which order.

import (
	"errors"
	"time"

	"github.com/gofiber/fiber/v2"
	recovery "github.com/gofiber/fiber/v2/middleware/recover"
	"github.com/valyala/fasthttp"

	"fullbore/app/guard"
	"fullbore/logger"
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
	app.Use(a.transfers.Handle, a.log.Handle)
	app.Use(recovery.New())
	app.Use(a.files.Handle)

	server := app.Server()
	server.Handler = guard.UnknownMethod(server.Handler)
	server.SecureErrorLogMessage = true // or a request that cannot be parsed is copied into its error
	logTheRest(server, a.log)
	server.Handler = a.closeWhenDraining(guard.UnreadBody(server.Handler))
	server.ConnState = notePhase
	server.ExpectHandler = guard.Expectation(server.Handler)
	return app
}

// logTheRest logs what never reaches a middleware: requests that fasthttp
// cannot read, and those with a method that nobody knows.
func logTheRest(server *fasthttp.Server, log *logger.Logger) {
	handle, answer := server.Handler, server.ErrorHandler
	server.Handler = func(ctx *fasthttp.RequestCtx) {
		handle(ctx)
		log.Unseen(ctx)
	}
	server.ErrorHandler = func(ctx *fasthttp.RequestCtx, err error) {
		answer(ctx, err)
		log.ServerError(ctx, err)
	}
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
