package listing

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"fullbore/static/accept"
	"fullbore/static/reply"
)

// Formats that only folders have.
const (
	formatURLs  = reply.JSON + 1 + iota // by the query alone
	formatIndex                         // for programs that follow links
)

// simpleIndex is what pip asks for rather than text/html, which it takes too (PEP 691).
const simpleIndex = "application/vnd.pypi.simple.v1+html"

// formatOf is the format that a request asks for by its query parameter "format", else
// by Accept and User-Agent, which Vary then names.
func formatOf(c *fiber.Ctx) reply.Format {
	switch string(c.Context().QueryArgs().Peek("format")) {
	case "text":
		return reply.Text
	case "html":
		return reply.HTML
	case "json":
		return reply.JSON
	case "urls":
		return formatURLs
	case "index":
		return formatIndex
	}
	c.Vary(fiber.HeaderAccept, fiber.HeaderUserAgent)
	header := &c.Request().Header
	return negotiated(accept.List(header, fiber.HeaderAccept), string(header.UserAgent()))
}

// negotiated is the rich page for clients that name text/html, as browsers do, text for
// those that name it, JSON for those that prefer it. A program that takes anything gets
// the plain index, from which all of them can mirror; curl, which does not, gets text.
func negotiated(value, userAgent string) reply.Format {
	offers := [...]string{fiber.MIMETextHTML, fiber.MIMETextPlain, fiber.MIMEApplicationJSON, simpleIndex}
	best, fit := accept.Best(value, offers[:]...)
	switch {
	case offers[best] == fiber.MIMEApplicationJSON:
		return reply.JSON
	case offers[best] == fiber.MIMETextPlain, fit == accept.Refused:
		return reply.Text
	case offers[best] == fiber.MIMETextHTML && fit == accept.Named:
		return reply.HTML
	case strings.HasPrefix(userAgent, "curl/") && accept.MediaType(value, fiber.MIMETextPlain, fiber.MIMETextHTML) == 0:
		return reply.Text
	}
	return formatIndex
}

// contentType is the media type of a format.
func contentType(f reply.Format) string {
	if f == formatIndex {
		f = reply.HTML
	}
	return f.ContentType()
}
