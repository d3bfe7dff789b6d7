package admin

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strconv"

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
	Active    int             `json:"active"` // of the total, going on
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

func (s *server) downloads() fiber.Handler {
	return serveTable(s, tablePage[downloadRow]{
		path: "/downloads", title: "Downloads", word: "download", sorts: downloadSorts,
		headings: []string{"CLIENT", "OUTCOME", "AGE", "LAST", "COVERED", "DUPLICATE", "REQUESTS", "BYTES", "PATH"},
		cells: func(r downloadRow) []string {
			return []string{r.Client, r.Outcome, r.Age, r.Last, r.Share, r.Duplicate, r.Requests, r.Bytes, r.Path}
		},
		answer: func(q query) (any, table, string, func() []downloadRow) {
			a := s.downloadsFor(q)
			return a, a.table, humanize.Comma(int64(a.Active)) + " active", func() []downloadRow { return rowsOf(a.Downloads, downloadRowOf) }
		},
	})
}

func (s *server) downloadsFor(q query) downloadsAnswer {
	all := s.cfg.Transfers.Downloads()
	a := downloadsAnswer{table: table{Total: len(all), Drain: s.drainView()}}
	for _, d := range all {
		if d.Outcome == transfer.Active {
			a.Active++
		}
	}
	all = slices.DeleteFunc(all, func(d transfer.Download) bool {
		return !q.has(d.Path, d.Client, string(d.Outcome), d.ETag)
	})
	slices.SortStableFunc(all, compareDownloads(q.sort))
	a.Downloads = rowsOf(cut(&a.table, all, q.limit), keyed)
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
