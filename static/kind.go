package static

import (
	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// Kind is what a request was answered from.
type Kind string

// The kinds.
const (
	KindOther   Kind = "other"   // nothing that is there: an error, a redirect, OPTIONS
	KindFile    Kind = "file"    // a file, also when it was not sent (HEAD, 304, 416)
	KindListing Kind = "listing" // a folder's listing
)

// kindKey is the user value that holds the kind.
type kindKey struct{}

// note keeps the kind with the request. Nothing is allocated: both values are
// constants.
func note(c *fiber.Ctx, kind Kind) { c.Context().SetUserValue(kindKey{}, kind) }

// KindOf tells what a request was answered from, for logs and metrics. It may
// be asked until the request is reset.
func KindOf(ctx *fasthttp.RequestCtx) Kind {
	if kind, ok := ctx.UserValue(kindKey{}).(Kind); ok {
		return kind
	}
	return KindOther
}
