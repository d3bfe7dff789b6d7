package admin

// This file is what clients fetched, in however many requests.

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/dustin/go-humanize"
	"github.com/gofiber/fiber/v2"

	"fullbore/app/transfer"
	"fullbore/static/reply"
)

// downloadSorts are the orders of /downloads.
var downloadSorts = []string{"newest", "oldest", "largest", "recent"}

// downloadsAnswer is the JSON of /downloads.
type downloadsAnswer struct {
	table
	Total     int             `json:"total"`  // that are remembered
	Active    int             `json:"active"` // of them, going on
	Drain     drainView       `json:"drain"`
	Downloads []keyedDownload `json:"downloads"`
}

// keyedDownload is a download with what tells it from all others, for pages
// that keep a row for each.
type keyedDownload struct {
	transfer.Download
	Key string `json:"key"`
}

func keyed(d transfer.Download) keyedDownload {
	h := fnv.New64a()
	for _, part := range []string{d.Client, d.Path, d.ETag, strconv.FormatInt(d.Started.UnixNano(), 36)} {
		_, _ = h.Write([]byte(part + "\x00")) // never fails
	}
	return keyedDownload{d, strconv.FormatUint(h.Sum64(), 36)}
}

func (s *server) downloads(c *fiber.Ctx) error {
	format := reply.FormatOf(c)
	q, err := queryOf(c, format, downloadSorts)
	if err != nil {
		return err
	}
	a := s.downloadsFor(q)
	switch format {
	case reply.HTML:
		return s.sendPage(c, "downloads", page{Title: "Downloads", Here: "/downloads", Body: downloadsViewOf(a, q)})
	case reply.JSON:
		return sendJSON(c, a)
	default:
		return send(c, fiber.MIMETextPlainCharsetUTF8, []byte(a.text()))
	}
}

func (s *server) downloadsFor(q query) downloadsAnswer {
	all := s.cfg.Transfers.Downloads()
	a := downloadsAnswer{Total: len(all), Drain: s.drainView()}
	for _, d := range all {
		if d.Outcome == transfer.Active {
			a.Active++
		}
	}
	all = slices.DeleteFunc(all, func(d transfer.Download) bool {
		return !q.has(d.Path, d.Client, string(d.Outcome), d.ETag)
	})
	slices.SortStableFunc(all, compareDownloads(q.sort))
	all, a.table = cut(all, q.limit)
	a.Downloads = make([]keyedDownload, 0, len(all))
	for _, d := range all {
		a.Downloads = append(a.Downloads, keyed(d))
	}
	return a
}

func compareDownloads(sort string) func(a, b transfer.Download) int {
	newer := func(a, b transfer.Download) int { return b.Started.Compare(a.Started) }
	switch sort {
	case "oldest":
		return func(a, b transfer.Download) int { return newer(b, a) }
	case "largest":
		return func(a, b transfer.Download) int { return cmp.Or(cmp.Compare(b.Size, a.Size), newer(a, b)) }
	case "recent":
		return func(a, b transfer.Download) int { return cmp.Or(b.Last.Compare(a.Last), newer(a, b)) }
	default:
		return newer
	}
}

// downloadRow is a download as a page shows it.
type downloadRow struct {
	Key                                                                 string
	Path, Client, Bytes, Share, Requests, Duplicate, Outcome, Age, Last string
	Permille                                                            int
}

func downloadRowOf(d keyedDownload) downloadRow {
	r := downloadRow{
		Key:  d.Key,
		Path: reply.Printable(d.Path), Client: reply.Printable(d.Client), Outcome: string(d.Outcome),
		Bytes: sizeText(d.Covered) + " of " + sizeText(d.Size), Permille: permille(d.Covered, d.Size),
		Requests: humanize.Comma(int64(d.Requests)), Duplicate: sizeText(d.Duplicate),
		Age: sinceText(d.Started), Last: sinceText(d.Last),
	}
	if d.Size == 0 && d.Outcome == transfer.Complete {
		r.Permille = 1000
	}
	r.Share = strconv.Itoa(r.Permille/10) + "%"
	if d.InFlight > 0 {
		r.Requests += " (" + humanize.Comma(int64(d.InFlight)) + " in flight)"
	}
	return r
}

// downloadsView is what the page shows.
type downloadsView struct {
	controls
	Totals, More string
	Rows         []downloadRow
}

func downloadsViewOf(a downloadsAnswer, q query) downloadsView {
	v := downloadsView{controls: q.controls("/downloads", downloadSorts), Totals: a.totals(), More: moreText(a.More)}
	for _, d := range a.Downloads {
		v.Rows = append(v.Rows, downloadRowOf(d))
	}
	return v
}

func (a downloadsAnswer) totals() string {
	text := countText(a.Count, "download")
	if a.Count != a.Total {
		text += " of " + humanize.Comma(int64(a.Total))
	}
	return text + " · " + humanize.Comma(int64(a.Active)) + " active"
}

func (a downloadsAnswer) text() string {
	var b strings.Builder
	if a.Drain.Draining {
		fmt.Fprintln(&b, a.Drain.Text)
	}
	fmt.Fprintln(&b, a.totals())
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	if len(a.Downloads) > 0 {
		row(w, "CLIENT", "OUTCOME", "AGE", "LAST", "COVERED", "DUPLICATE", "REQUESTS", "BYTES", "PATH")
	}
	for _, d := range a.Downloads {
		r := downloadRowOf(d)
		row(w, r.Client, r.Outcome, r.Age, r.Last, r.Share, r.Duplicate, r.Requests, r.Bytes, r.Path)
	}
	_ = w.Flush() // into memory
	if a.More > 0 {
		fmt.Fprintln(&b, moreText(a.More))
	}
	return b.String()
}
