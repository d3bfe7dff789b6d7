package guard

import (
	"slices"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// KnownMethod reports whether the server knows the request's method, and answers 501 if
// not, as in RFC 9110 section 9.1. Fiber would answer 400, as if it were malformed.
func KnownMethod(ctx *fasthttp.RequestCtx) bool {
	if method := ctx.Method(); string(method) == fiber.MethodGet || slices.Contains(fiber.DefaultMethods, string(method)) {
		return true
	}
	ctx.Error("501 Not Implemented\n", fasthttp.StatusNotImplemented)
	return false
}
