package static

import "github.com/gofiber/fiber/v2"

// What a request was answered from.
const (
	kindFile    = "file"    // a file, also when it was not sent (HEAD, 304, 416)
	kindListing = "listing" // a folder's listing
)

// kindKey is the user value that tells logs and metrics what a request was
// answered from. There is none for what is not there: an error, a redirect,
// OPTIONS.
const kindKey = "fullbore.kind"

// note keeps the kind, a constant, with the request; so nothing is allocated.
func note(c *fiber.Ctx, kind any) { c.Context().SetUserValue(kindKey, kind) }
