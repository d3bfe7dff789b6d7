package admin

// This file is how answers are written: a page for people with a browser, JSON
// for programs, text for a terminal, as the client accepts or asks for.

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// The formats.
const (
	formatText = "text"
	formatHTML = "html"
	formatJSON = "json"
)

// formatOf is ?format=, else the best of what the client accepts, else text.
func formatOf(c *fiber.Ctx) string {
	switch asked := c.Query("format"); asked {
	case formatText, formatHTML, formatJSON:
		return asked
	}
	c.Vary(fiber.HeaderAccept)
	switch c.Accepts(fiber.MIMETextPlain, fiber.MIMETextHTML, fiber.MIMEApplicationJSON, "application/problem+json") {
	case fiber.MIMETextHTML:
		return formatHTML
	case fiber.MIMEApplicationJSON, "application/problem+json":
		return formatJSON
	default:
		return formatText
	}
}

// line answers with one line of text.
func line(c *fiber.Ctx, text string) error {
	return send(c, fiber.MIMETextPlainCharsetUTF8, []byte(text+"\n"))
}

// send answers with a body that is not kept by the server.
func send(c *fiber.Ctx, contentType string, body []byte) error {
	c.Set(fiber.HeaderContentType, contentType)
	c.Response().SetBodyRaw(body)
	return nil
}

func sendJSON(c *fiber.Ctx, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return send(c, fiber.MIMEApplicationJSON, append(body, '\n'))
}

// sendPage answers with a template.
func (s *server) sendPage(c *fiber.Ctx, name string, p page) error {
	p.Drain = s.drainView()
	p.Version = s.cfg.Version
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, name, p); err != nil {
		return err
	}
	return send(c, fiber.MIMETextHTMLCharsetUTF8, b.Bytes())
}

// problem is RFC 9457 problem details.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
}

// details are a sentence for a status.
var details = map[int]string{
	fiber.StatusNotFound:            "There is nothing here.",
	fiber.StatusMethodNotAllowed:    "This page knows no such method.",
	fiber.StatusInternalServerError: "Something went wrong in the server.",
}

// answerError is the app's error handler.
func (s *server) answerError(c *fiber.Ctx, err error) error {
	p := problem{Type: "about:blank", Status: fiber.StatusInternalServerError}
	var known *fiber.Error
	if errors.As(err, &known) {
		p.Status = known.Code
	}
	p.Title = fasthttp.StatusMessage(p.Status)
	p.Detail = details[p.Status]
	// Fiber's own message for a path that nobody knows says no more than that.
	if known != nil && known.Message != p.Title && !strings.HasPrefix(known.Message, "Cannot "+c.Method()+" ") {
		p.Detail = known.Message
	}
	c.Status(p.Status)
	switch formatOf(c) {
	case formatHTML:
		return s.sendPage(c, "error", page{Title: strconv.Itoa(p.Status) + " " + p.Title, Body: p})
	case formatJSON:
		body, err := json.Marshal(p)
		if err != nil {
			return err
		}
		return send(c, "application/problem+json", append(body, '\n'))
	default:
		text := strconv.Itoa(p.Status) + " " + p.Title
		if p.Detail != "" {
			text += ": " + p.Detail
		}
		return line(c, text)
	}
}
