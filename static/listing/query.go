package listing

import (
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"
)

const (
	// maxLimit is how many names a page can have.
	maxLimit = 10_000

	// reach is how many names can be paged through; a page beyond would need
	// all before it in memory. Who has more uses a filter.
	reach = 1_000_000

	// maxFilter, in bytes, is the length of the longest name there is.
	maxFilter = 255
)

// sortKey is what a page is sorted by.
type sortKey string

const (
	byName sortKey = "name"
	bySize sortKey = "size"
	byTime sortKey = "time"
)

// formatNames are the formats that a query can name.
var formatNames = []string{"text", "html", "index", "json", "urls"}

// query is what a request asks for. All of it is in range.
type query struct {
	format     string // as named in the query; "" if not
	filter     string // "" if none
	sort       sortKey
	descending bool
	page       int // from 1
	limit      int
	usual      int // the limit if none is named
}

// queryOf reads a query. limit is the usual and the largest one.
func queryOf(args *fasthttp.Args, limit int) query {
	q := query{sort: byName, usual: limit}
	if format := string(args.Peek("format")); slices.Contains(formatNames, format) {
		q.format = format
	}
	q.filter = filterOf(string(args.Peek("filter")))
	switch key := sortKey(args.Peek("sort")); key {
	case bySize, byTime:
		q.sort = key
	}
	q.descending = string(args.Peek("order")) == "desc"
	q.limit = min(numberOf(args.Peek("limit"), limit), limit)
	q.page = min(numberOf(args.Peek("page"), 1), reach/q.limit)
	return q
}

// filterOf makes text that can be shown of what was sent as a filter.
func filterOf(s string) string {
	s = s[:min(len(s), 4*maxFilter)]
	s = strings.ToValidUTF8(s, "\uFFFD")
	for len(s) > maxFilter {
		s = strings.ToValidUTF8(s[:len(s)-1], "")
	}
	return s
}

// numberOf reads a positive number. One that is too large is the largest; what
// is none is otherwise.
func numberOf(text []byte, otherwise int) int {
	n := 0
	for _, digit := range text {
		if !isDigit(digit) {
			return otherwise
		}
		n = min(n, math.MaxInt32)*10 + int(digit-'0')
	}
	if n == 0 {
		return otherwise
	}
	return min(n, math.MaxInt32)
}

// parameter is one of a query, as links and forms need it.
type parameter struct{ Name, Value string }

// parameters are those that differ from what is usual, in a fixed order.
func (q query) parameters() []parameter {
	var list []parameter
	add := func(needed bool, name, value string) {
		if needed {
			list = append(list, parameter{name, value})
		}
	}
	add(q.format != "", "format", q.format)
	add(q.filter != "", "filter", q.filter)
	add(q.sort != byName, "sort", string(q.sort))
	add(q.descending, "order", "desc")
	add(q.limit != q.usual, "limit", strconv.Itoa(q.limit))
	add(q.page != 1, "page", strconv.Itoa(q.page))
	return list
}

// href is a link to the page that q asks for. It has only unreserved
// characters, "%", "+", "./?=&", and is harmless in a header.
func (q query) href() string {
	var b strings.Builder
	b.WriteString("./")
	for i, p := range q.parameters() {
		b.WriteByte("?&"[min(i, 1)])
		b.WriteString(p.Name)
		b.WriteByte('=')
		b.WriteString(url.QueryEscape(p.Value))
	}
	return b.String()
}

// at is q for another page.
func (q query) at(page int) query {
	q.page = page
	return q
}

// sortedBy is q with another order, from the first page.
func (q query) sortedBy(key sortKey, descending bool) query {
	q.sort, q.descending, q.page = key, descending, 1
	return q
}

// as is q in another format, from the first page, as long as usual there.
func (q query) as(format string) query {
	q.format, q.limit, q.page = format, q.usual, 1
	return q
}

// without is q without its filter, from the first page.
func (q query) without() query {
	q.filter, q.page = "", 1
	return q
}
