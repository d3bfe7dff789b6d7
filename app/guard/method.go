package guard

import (
	"slices"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// DAVMethods are those that WebDAV (RFC 4918) adds.
var DAVMethods = []string{"PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK"}

// KnownMethod reports whether the server knows the request's method, and answers 501 if
// not, as in RFC 9110 section 9.1. Fiber would answer 400, as if it were malformed. dav
// says whether those of WebDAV are known.
func KnownMethod(ctx *fasthttp.RequestCtx, dav bool) bool {
	method := ctx.Method()
	switch {
	case string(method) == fiber.MethodGet, slices.Contains(fiber.DefaultMethods, string(method)),
		slices.Contains(DAVMethods, string(method)) && dav:
		return true
	}
	ctx.Error("501 Not Implemented\n", fasthttp.StatusNotImplemented)
	return false
}
