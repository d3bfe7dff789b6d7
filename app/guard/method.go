package guard

import (
	"slices"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// KnownMethod reports whether the server knows the request's method, and
// answers 501 if it does not. Fiber would answer 400 and say that the request
// was malformed, which it is not. RFC 9110 section 9.1.
func KnownMethod(ctx *fasthttp.RequestCtx) bool {
	if method := ctx.Method(); string(method) == fiber.MethodGet || slices.Contains(fiber.DefaultMethods, string(method)) {
		return true
	}
	ctx.Error("501 Not Implemented\n", fasthttp.StatusNotImplemented)
	return false
}
