package listing

import (
	"html/template"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// page is what the formats write.
type page struct {
	chosen
	folder Folder
	query  query // what was really done: page and order brought into range
	asked  sortKey
	readme readme
}

// readme is the text above the names, ready to be shown.
type readme struct {
	Name string // printable
	HTML template.HTML
	Note string // what is missing in it; "" if nothing
}

func newPage(f Folder, q query, c chosen) page {
	p := page{chosen: c, folder: f, query: q.at(c.page), asked: q.sort}
	if c.refused {
		p.query.sort = byName
	}
	return p
}

// weight, in bytes, is what the page holds while its client takes it. What is
// around the rows is about 4 KB.
func (p page) weight() int64 { return p.rows.weight() + int64(len(p.readme.HTML)) + 4<<10 }

// Links to the pages beside; "" if there is none.

func (p page) firstHref() string {
	if p.page == 1 {
		return ""
	}
	return p.query.at(1).href()
}

func (p page) previousHref() string {
	if p.page == 1 {
		return ""
	}
	return p.query.at(p.page - 1).href()
}

func (p page) nextHref() string {
	if p.page >= p.pages {
		return ""
	}
	return p.query.at(p.page + 1).href()
}

func (p page) lastHref() string {
	if p.page >= p.pages {
		return ""
	}
	return p.query.at(p.pages).href()
}

// linkHeader is the Link header field (RFC 8288); "" if there is but one page.
func (p page) linkHeader() string {
	var links []string
	for _, link := range []struct{ href, rel string }{
		{p.firstHref(), "first"}, {p.previousHref(), "prev"}, {p.nextHref(), "next"}, {p.lastHref(), "last"},
	} {
		if link.href != "" {
			links = append(links, "<"+link.href+`>; rel="`+link.rel+`"`)
		}
	}
	return strings.Join(links, ", ")
}

// span is which names of how many are shown, such as "1,001–2,000 of 100,000".
func (p page) span() string {
	last := min(p.first+p.query.limit, p.total)
	return humanize.Comma(int64(p.first+1)) + "–" + humanize.Comma(int64(last)) + " of " + humanize.Comma(int64(p.total))
}

// writable reports a time that RFC 3339 can write.
func writable(t time.Time) bool { return 0 <= t.Year() && t.Year() <= 9999 }
