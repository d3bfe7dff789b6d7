package app

import (
	"errors"
	"slices"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"fullbore/app/client"
	"fullbore/app/guard"
	"fullbore/app/head"
	"fullbore/app/limit"
	"fullbore/logger"
	"fullbore/static/dav"
	"fullbore/static/listing"
)

// writeBuffer, in bytes, is held by every download for as long as it lasts;
// it has to hold a header.
const writeBuffer = 1 << 10

// newPublic makes the public server: the order in which a request passes
// through the parts. Nothing is served outside of basePath, "" for all. While it
// drains, connections end with their responses.
func newPublic(basePath string, records *accessLog, observer logger.Observer, proxies *client.Proxies, caps *limit.Caps, files *files, draining func() bool, trouble fasthttp.Logger) (*fasthttp.Server, error) {
	log, err := records.newLogger(observer, proxies)
	if err != nil {
		return nil, err
	}
	app := fiber.New(fiber.Config{
		AppName:                      "fullbore",
		ServerHeader:                 "fullbore",
		DisableStartupMessage:        true,
		CaseSensitive:                true,                  // or /PUB would be served for a base path of /pub, beside a proxy's rules
		ReadTimeout:                  0,                     // head, engine and wire apply deadline.Limits instead
		IdleTimeout:                  0,                     // they do
		WriteTimeout:                 0,                     // would limit a whole download
		ReadBufferSize:               head.DefaultLimit + 1, // fasthttp's own judgement is never the one
		WriteBufferSize:              writeBuffer,
		ReduceMemoryUsage:            true, // and so flush each response, which is what makes its record true
		StreamRequestBody:            true,
		DisablePreParseMultipartForm: true,
		RequestMethods:               slices.Concat(fiber.DefaultMethods, guard.DAVMethods),
		ErrorHandler:                 answerError,
		EnableTrustedProxyCheck:      true, // and none is: package client says who they are
	})
	app.Use(log.Handle, caps.Handle)
	app.Use(basePath, files.Handle)

	server := app.Server()
	server.SecureErrorLogMessage = true // or a request that cannot be parsed is copied into its error
	server.ConnState = notePhase
	server.Logger = trouble
	handle := app.Handler()
	server.Handler = func(ctx *fasthttp.RequestCtx) {
		if guard.KnownMethod(ctx, files.dav()) {
			handle(ctx)
		} else {
			count(app, caps, ctx)
		}
		guard.UnreadBody(ctx)
		if draining() {
			ctx.Response.Header.SetConnectionClose()
		}
	}
	answer := server.ErrorHandler
	server.ErrorHandler = func(ctx *fasthttp.RequestCtx, err error) {
		if !answerRefused(app, ctx, err) {
			answer(ctx, err)
		}
		ctx.Response.SkipBody = ctx.IsHead()
		guard.Unread(ctx)
	}
	server.ExpectHandler = guard.Expectation(server.Handler, func(ctx *fasthttp.RequestCtx) bool {
		return string(ctx.Method()) == dav.Method && files.dav()
	})
	log.Wrap(server)
	return server, nil
}

// count is for a request that no middleware sees.
func count(app *fiber.App, caps *limit.Caps, ctx *fasthttp.RequestCtx) {
	c := app.AcquireCtx(ctx)
	defer app.ReleaseCtx(c)
	_ = caps.CountOther(c) // it is the answer's, which is made
}

// answerRefused answers a request whose head was refused.
func answerRefused(app *fiber.App, ctx *fasthttp.RequestCtx, err error) bool {
	var refusal *head.Refusal
	if !errors.As(err, &refusal) {
		return false
	}
	if refusal.InBody {
		client.Tell(ctx, refusal.Way)
	}
	c := app.AcquireCtx(ctx)
	defer app.ReleaseCtx(c)
	return answerError(c, fiber.NewError(refusal.Status)) == nil
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
