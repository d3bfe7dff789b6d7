package guard

import (
	"slices"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// UnknownMethod answers a method that the server does not know with 501, and
// hands other requests on. Fiber would answer 400 and say that the request was
// malformed, which it is not. RFC 9110 section 9.1.
func UnknownMethod(handler fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		if method := ctx.Method(); string(method) != fiber.MethodGet && !slices.Contains(fiber.DefaultMethods, string(method)) {
			ctx.Error("501 Not Implemented\n", fasthttp.StatusNotImplemented)
			return
		}
		handler(ctx)
	}
}
