package admin

import (
	"embed"
	"fmt"
	"html/template"
	"time"

	"github.com/gofiber/fiber/v2"

	"fullbore/static/reply"
)

//go:embed assets
var assets embed.FS

var templates = template.Must(reply.Templates().ParseFS(assets, "assets/*.html"))

// page is what every template shows, and what one shows besides.
type page struct {
	Title   string
	Here    string // the path of the page, "" for an error
	Version string
	Drain   drainView
	Body    any
}

// drainView is a drain.Status as pages and JSON show it.
type drainView struct {
	Draining    bool       `json:"draining"`
	Started     *time.Time `json:"started,omitempty"`
	Deadline    *time.Time `json:"deadline,omitempty"`
	Connections int        `json:"connections"`
	AtStart     int        `json:"connections_at_start"`
	Transfers   int        `json:"transfers"`
	Text        string     `json:"text"`
	Permille    int        `json:"permille"` // of the connections that have ended
}

func (s *server) drainView() drainView {
	d := s.cfg.Drain()
	v := drainView{Draining: d.Draining, Connections: d.Connections, AtStart: d.AtStart, Transfers: d.Transfers}
	if !d.Draining {
		return v
	}
	v.Started = &d.Started
	v.AtStart = max(d.AtStart, d.Connections)
	v.Permille = permille(int64(v.AtStart-d.Connections), int64(v.AtStart))
	v.Text = fmt.Sprintf("Draining for %s: %d of %s left, %s in flight.", sinceText(d.Started),
		d.Connections, countText(v.AtStart, "connection"), countText(d.Transfers, "transfer"))
	if !d.Deadline.IsZero() {
		v.Deadline = &d.Deadline
		v.Text += " What is not done in " + durationText(max(0, time.Until(d.Deadline).Seconds())) + " is cut."
	}
	return v
}

// files are what pages ask for, by name. Templates are not among them.
var files = map[string]struct{ contentType, text string }{
	"base.css":  {"text/css; charset=utf-8", reply.BaseCSS},
	"admin.css": {"text/css; charset=utf-8", asset("admin.css")},
	"theme.js":  {"text/javascript; charset=utf-8", reply.ThemeJS},
	"live.js":   {"text/javascript; charset=utf-8", asset("live.js")},
	"icon.svg":  {"image/svg+xml", asset("icon.svg")},
}

func asset(name string) string {
	text, err := assets.ReadFile("assets/" + name)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func sendAsset(c *fiber.Ctx) error { return sendFile(c, c.Params("name")) }
func sendIcon(c *fiber.Ctx) error  { return sendFile(c, "icon.svg") }

func sendFile(c *fiber.Ctx, name string) error {
	file, known := files[name]
	if !known {
		return fiber.ErrNotFound
	}
	return send(c, file.contentType, []byte(file.text))
}
