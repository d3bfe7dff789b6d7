package admin

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/dustin/go-humanize"
	"github.com/gofiber/fiber/v2"

	"fullbore/static/reply"
)

// table is what an answer says of its rows.
type table struct {
	Count int       `json:"count"` // rows that match the filter
	Shown int       `json:"shown"` // of them, in this answer
	More  int       `json:"more"`  // of them, not in this answer
	Total int       `json:"total"` // with those that do not match
	Drain drainView `json:"drain"`
}

// cut takes the first rows up to the limit, and counts them in t. None are an
// empty slice, which is [] in JSON.
func cut[T any](t *table, rows []T, limit int) []T {
	if rows == nil {
		rows = []T{}
	}
	t.Count, t.Shown = len(rows), min(len(rows), limit)
	t.More = t.Count - t.Shown
	return rows[:t.Shown]
}

// rowsOf converts rows.
func rowsOf[T, R any](all []T, row func(T) R) []R {
	rows := make([]R, len(all))
	for i, v := range all {
		rows[i] = row(v)
	}
	return rows
}

// tablePage is a table in all formats. R is a row for people.
type tablePage[R any] struct {
	path, title string
	word        string // for one of what it lists
	sorts       []string
	headings    []string // in text
	cells       func(R) []string

	// answer is what JSON says, its table, what is said besides the count, and
	// the rows.
	answer func(q query) (all any, t table, note string, rows func() []R)
}

// tableBody is what its template shows.
type tableBody[R any] struct {
	controls
	Totals, More string
	Rows         []R
}

func serveTable[R any](s *server, p tablePage[R]) fiber.Handler {
	return func(c *fiber.Ctx) error {
		format := reply.FormatOf(c)
		q, err := queryOf(c, format, p.sorts)
		if err != nil {
			return err
		}
		all, t, note, rows := p.answer(q)
		if format == reply.JSON {
			return sendJSON(c, all)
		}
		body := tableBody[R]{controls: q.controls(p.path, p.sorts), Totals: countText(t.Count, p.word), More: moreText(t.More), Rows: rows()}
		if t.Count != t.Total {
			body.Totals += " of " + humanize.Comma(int64(t.Total))
		}
		body.Totals += " · " + note
		return s.answer(c, format, p.path[1:], page{Title: p.title, Here: p.path, Body: body}, func() string { return p.text(t, body) })
	}
}

func (p tablePage[R]) text(t table, body tableBody[R]) string {
	var b strings.Builder
	if t.Drain.Draining {
		fmt.Fprintln(&b, t.Drain.Text)
	}
	fmt.Fprintln(&b, body.Totals)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	if len(body.Rows) > 0 {
		row(w, p.headings...)
	}
	for _, r := range body.Rows {
		row(w, p.cells(r)...)
	}
	_ = w.Flush() // into memory
	if t.More > 0 {
		fmt.Fprintln(&b, body.More)
	}
	return b.String()
}

// row writes one line of a table.
func row(w *tabwriter.Writer, cells ...string) {
	_, _ = w.Write([]byte(strings.TrimRight(strings.Join(cells, "\t"), "\t") + "\n")) // into memory
}

// moreText says what a table leaves out.
func moreText(more int) string {
	if more == 0 {
		return ""
	}
	return "and " + humanize.Comma(int64(more)) + " more: another order or a filter shows them"
}
