// Package reply is what answers to people and programs have in common, whether
// they are of the listing or of another listener: the choice of a format,
// problem details, and the look of pages.
package reply

import (
	"encoding/json"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"fullbore/static/accept"
)

// Format is one way to write an answer.
type Format int

// The formats, in the order of our preference.
const (
	Text Format = iota // for terminals and pipes
	HTML               // for browsers
	JSON               // for programs
)

// FormatOf is the format that a request asks for by its query parameter
// "format", else what its client accepts best, else text. It sets Vary.
func FormatOf(c *fiber.Ctx) Format {
	c.Vary(fiber.HeaderAccept)
	switch string(c.Context().QueryArgs().Peek("format")) {
	case "text":
		return Text
	case "html":
		return HTML
	case "json":
		return JSON
	}
	return accepted(accept.List(&c.Request().Header, fiber.HeaderAccept))
}

// accepted is the format for the value of Accept. RFC 9457: who asks for
// problems understands JSON.
func accepted(value string) Format {
	offers := [...]string{fiber.MIMETextPlain, fiber.MIMETextHTML, fiber.MIMEApplicationJSON, problemType}
	return min(Format(accept.MediaType(value, offers[:]...)), JSON)
}

// ContentType is the media type; text for a format that is none of those here.
func (f Format) ContentType() string {
	switch f {
	case HTML:
		return fiber.MIMETextHTMLCharsetUTF8
	case JSON:
		return fiber.MIMEApplicationJSON
	default:
		return fiber.MIMETextPlainCharsetUTF8
	}
}

// Problem is problem details, RFC 9457.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	Rule   string `json:"rule,omitempty"`  // the limit that refused the request
	Place  int    `json:"place,omitempty"` // in a queue, from 1 on
}

const problemType = "application/problem+json"

// NewProblem is the problem of a status; detail is a sentence, "" for none.
func NewProblem(status int, detail string) Problem {
	return Problem{Type: "about:blank", Title: fasthttp.StatusMessage(status), Status: status, Detail: detail}
}

// SendJSON sets type and body of the answer, not its status.
func (p Problem) SendJSON(c *fiber.Ctx) error {
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, problemType)
	c.Response().SetBodyRaw(append(body, '\n'))
	return nil
}
