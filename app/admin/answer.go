package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"fullbore/static/reply"
)

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

// answer answers in the format: with the template of that name, with the page's
// body as JSON, or with a text.
func (s *server) answer(c *fiber.Ctx, format reply.Format, name string, p page, text func() string) error {
	switch format {
	case reply.HTML:
		return s.sendPage(c, name, p)
	case reply.JSON:
		return sendJSON(c, p.Body)
	default:
		return send(c, fiber.MIMETextPlainCharsetUTF8, []byte(text()))
	}
}

// details are a sentence for a status.
var details = map[int]string{
	fiber.StatusNotFound:            "There is nothing here.",
	fiber.StatusMethodNotAllowed:    "This page knows no such method.",
	fiber.StatusInternalServerError: "Something went wrong in the server.",
}

// answerError is the app's error handler.
func (s *server) answerError(c *fiber.Ctx, err error) error {
	status := fiber.StatusInternalServerError
	var known *fiber.Error
	if errors.As(err, &known) {
		status = known.Code
	}
	p := reply.NewProblem(status, details[status])
	// Fiber's own message for a path that nobody knows says no more than that.
	if known != nil && known.Message != p.Title && !strings.HasPrefix(known.Message, "Cannot "+c.Method()+" ") {
		p.Detail = known.Message
	}
	c.Status(status)
	switch reply.FormatOf(c) {
	case reply.HTML:
		return s.sendPage(c, "error", page{Title: strconv.Itoa(status) + " " + p.Title, Body: p})
	case reply.JSON:
		return p.SendJSON(c)
	default:
		text := strconv.Itoa(status) + " " + p.Title
		if p.Detail != "" {
			text += ": " + p.Detail
		}
		return line(c, text)
	}
}
