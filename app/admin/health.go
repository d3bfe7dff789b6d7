package admin

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/gofiber/fiber/v2"

	"fullbore/app/health"
	"fullbore/static/reply"
)

// The paths that checks ask for.
const (
	LivezPath  = "/livez"  // 200 for as long as the process can answer at all
	ReadyzPath = "/readyz" // 200 while clients can be sent, else 503
	HealthPath = "/health" // 200 unless the score is 0, then 503
)

func (s *server) readyz(c *fiber.Ctx) error {
	if err := s.cfg.Ready(); err != nil {
		c.Status(fiber.StatusServiceUnavailable)
		return line(c, "not ready: "+reply.Printable(err.Error()))
	}
	return line(c, "ok")
}

// health answers 503 for a score of 0, so that a check that reads no JSON sees
// a server that cannot do its work.
func (s *server) health(c *fiber.Ctx) error {
	h := s.cfg.Health()
	if h.Score == 0 {
		c.Status(fiber.StatusServiceUnavailable)
	}
	format := reply.FormatOf(c)
	if format == reply.JSON {
		return sendJSON(c, struct {
			health.Report
			Drain drainView `json:"drain"`
		}{h, s.drainView()})
	}
	return s.answer(c, format, "health", page{Title: "Health", Here: HealthPath, Body: h}, func() string { return healthText(h) })
}

func healthText(h health.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "score %d of 100: %s\n", h.Score, h.State)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, p := range h.Parts {
		row(w, p.Name, strconv.Itoa(p.Score), reply.Printable(p.Reason))
	}
	_ = w.Flush() // into memory
	return b.String()
}
