package admin

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/gofiber/fiber/v2"

	"fullbore/app/health"
	"fullbore/app/limit"
	"fullbore/static/reply"
)

// overview is what the first page says.
type overview struct {
	Version   string        `json:"version"`
	Uptime    float64       `json:"uptime_seconds"`
	Ready     bool          `json:"ready"`
	NotReady  string        `json:"not_ready"` // why; "" when it is
	Health    health.Report `json:"health"`
	Transfers int           `json:"transfers"` // in flight
	Rate      float64       `json:"rate"`      // of all of them, bytes a second
	Drain     drainView     `json:"drain"`
	Limits    []limitView   `json:"limits"` // those that are set, or have refused something
	Links     []link        `json:"-"`

	// For people.
	UptimeText string `json:"uptime"`
	RateText   string `json:"-"`
}

// limitView is a limit as the page and JSON show it.
type limitView struct {
	limit.Refused
	Text string `json:"text"` // how near it is, what it refused, and when the last time
}

// limits are those that are set, or have refused something.
func (s *server) limits() []limitView {
	views := []limitView{} // JSON has [], not null
	for _, r := range s.cfg.Refused() {
		if r.N > 0 || r.Most > 0 {
			views = append(views, limitView{r, limitText(r)})
		}
	}
	return views
}

func limitText(r limit.Refused) string {
	var parts []string
	if r.Most > 0 {
		now := humanize.Comma(int64(r.Now)) + " of " + humanize.Comma(int64(r.Most))
		if r.Client != "" {
			now = r.Client + " has " + now
		}
		parts = append(parts, now)
	}
	refused := humanize.Comma(r.N) + " refused"
	if r.Last != nil {
		refused += ", the last " + sinceText(*r.Last) + " ago"
	}
	return strings.Join(append(parts, refused), " · ")
}

// link is a place to look.
type link struct{ Href, Text, About string }

func (s *server) links() []link {
	all := []link{
		{"/transfers", "Transfers", "what is in flight, and a way to end it"},
		{"/downloads", "Downloads", "what clients fetched, in however many requests"},
		{HealthPath, "Health", "the score, its parts and the reasons"},
		{"/metrics", "Metrics", "for Prometheus"},
		{"/debug/pprof/", "Profiles", "for go tool pprof"},
		{ReadyzPath, "Ready", "200 while clients can be sent"},
		{LivezPath, "Live", "200 while the process answers"},
	}
	if s.cfg.Metrics == nil {
		all = append(all[:3], all[4:]...)
	}
	return all
}

func (s *server) overview(c *fiber.Ctx) error {
	o := overview{
		Version: s.cfg.Version, Uptime: time.Since(s.started).Seconds(), Ready: true,
		Health: s.cfg.Health(), Drain: s.drainView(), Limits: s.limits(), Links: s.links(),
	}
	if err := s.cfg.Ready(); err != nil {
		o.Ready, o.NotReady = false, err.Error()
	}
	for _, t := range s.cfg.Transfers.Transfers() {
		o.Transfers++
		o.Rate += t.Rate
	}
	o.UptimeText, o.RateText = durationText(o.Uptime), rateText(o.Rate)
	return s.answer(c, reply.FormatOf(c), "overview", page{Title: "Overview", Here: "/", Body: o}, o.text)
}

func (o overview) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "fullbore %s, up %s\n", o.Version, o.UptimeText)
	fmt.Fprintf(&b, "health %d of 100: %s\n", o.Health.Score, o.Health.State)
	for _, reason := range o.Health.Reasons {
		fmt.Fprintf(&b, "  %s\n", reply.Printable(reason))
	}
	if !o.Ready {
		fmt.Fprintf(&b, "not ready: %s\n", reply.Printable(o.NotReady))
	}
	if o.Drain.Draining {
		fmt.Fprintln(&b, o.Drain.Text)
	}
	fmt.Fprintf(&b, "%s in flight, %s\n", countText(o.Transfers, "transfer"), o.RateText)
	for _, l := range o.Limits {
		fmt.Fprintf(&b, "%s: %s\n", l.Rule, l.Text)
	}
	fmt.Fprintln(&b)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, l := range o.Links {
		row(w, l.Href, l.About)
	}
	_ = w.Flush() // into memory
	return b.String()
}
