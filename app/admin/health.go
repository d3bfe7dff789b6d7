package admin

// This file is how well the server is, in three answers: whether it lives,
// whether it can be sent clients, and how it feels.

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/gofiber/fiber/v2"
)

// The paths that checks ask for.
const (
	LivezPath  = "/livez"  // 200 for as long as the process can answer at all
	ReadyzPath = "/readyz" // 200 while clients can be sent, else 503
	HealthPath = "/health" // 200 unless the score is 0, then 503
)

// perfect is the best score.
const perfect = 100

// Part is one thing that can be well or not.
type Part struct {
	Name   string `json:"name"`
	Score  int    `json:"score"`  // 0 does not work, to 100 is well
	Reason string `json:"reason"` // why it is below 100; "" if it is not
}

// Health is the whole: as bad as its worst part.
type Health struct {
	Score   int      `json:"score"` // 0..100, the lowest of the parts
	State   string   `json:"state"` // the score in a word, see StateOf
	Reasons []string `json:"reasons"`
	Parts   []Part   `json:"parts"`
}

// The states of health.
const (
	StateOK       = "ok"       // 80..100
	StateDegraded = "degraded" // 40..79
	StateCritical = "critical" // 1..39
	StateFailed   = "failed"   // 0
)

// StateOf is a score in a word.
func StateOf(score int) string {
	switch {
	case score >= 80:
		return StateOK
	case score >= 40:
		return StateDegraded
	case score > 0:
		return StateCritical
	default:
		return StateFailed
	}
}

// NewHealth sums up parts. Scores outside of 0..100 are brought to the nearer
// end.
func NewHealth(parts []Part) Health {
	h := Health{Score: perfect, Parts: slices.Clone(parts), Reasons: []string{}}
	if h.Parts == nil {
		h.Parts = []Part{}
	}
	for i := range h.Parts {
		p := &h.Parts[i]
		p.Score = min(max(p.Score, 0), perfect)
		h.Score = min(h.Score, p.Score)
		if p.Reason != "" {
			h.Reasons = append(h.Reasons, p.Name+": "+p.Reason)
		}
	}
	h.State = StateOf(h.Score)
	return h
}

func (s *server) readyz(c *fiber.Ctx) error {
	if err := s.cfg.Ready(); err != nil {
		c.Status(fiber.StatusServiceUnavailable)
		return line(c, "not ready: "+printable(err.Error()))
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
	switch formatOf(c) {
	case formatHTML:
		return s.sendPage(c, "health", page{Title: "Health", Here: HealthPath, Body: h})
	case formatText:
		return send(c, fiber.MIMETextPlainCharsetUTF8, []byte(healthText(h)))
	default:
		return sendJSON(c, struct {
			Health
			Drain drainView `json:"drain"`
		}{h, s.drainView()})
	}
}

func healthText(h Health) string {
	var b strings.Builder
	fmt.Fprintf(&b, "score %d of 100: %s\n", h.Score, h.State)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, p := range h.Parts {
		row(w, p.Name, strconv.Itoa(p.Score), printable(p.Reason))
	}
	_ = w.Flush() // into memory
	return b.String()
}

// row writes one line of a table.
func row(w *tabwriter.Writer, cells ...string) {
	_, _ = w.Write([]byte(strings.TrimRight(strings.Join(cells, "\t"), "\t") + "\n")) // into memory
}
