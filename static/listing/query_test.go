package listing

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/valyala/fasthttp"
)

func parse(text string, limit int) query {
	var args fasthttp.Args
	args.Parse(text)
	return queryOf(&args, limit)
}

func TestQuery(t *testing.T) {
	usual := query{sort: byName, page: 1, limit: 1000, usual: 1000}
	with := func(change func(*query)) query {
		q := usual
		change(&q)
		return q
	}
	for text, want := range map[string]query{
		"":                               usual,
		"sort=name&order=asc":            usual,
		"sort=size&order=desc":           with(func(q *query) { q.sort, q.descending = bySize, true }),
		"sort=time":                      with(func(q *query) { q.sort = byTime }),
		"sort=Time&order=DESC&sort=size": usual, // the first one counts; names are exact
		"page=7":                         with(func(q *query) { q.page = 7 }),
		"page=0":                         usual,
		"page=-1":                        usual,
		"page=+1":                        usual,
		"page=x":                         usual,
		"page=":                          usual,
		"page=1e3":                       usual,
		"page=99999999999999999999999":   with(func(q *query) { q.page = reach / 1000 }),
		"limit=10":                       with(func(q *query) { q.limit = 10 }),
		"limit=0":                        usual,
		"limit=-5":                       usual,
		"limit=100000":                   usual,
		"limit=10&page=100001":           with(func(q *query) { q.limit, q.page = 10, reach/10 }),
		"format=json":                    with(func(q *query) { q.format = "json" }),
		"format=exe":                     usual,
		"filter=a%20b%26":                with(func(q *query) { q.filter = "a b&" }),
		"filter=%ff":                     with(func(q *query) { q.filter = "\uFFFD" }),
		"filter=" + strings.Repeat("%c3%a9", 200): with(func(q *query) { q.filter = strings.Repeat("é", 127) }),
		"unknown=1&%=&&==&page":                   usual,
	} {
		if got := parse(text, 1000); got != want {
			t.Errorf("%q is %+v, want %+v", text, got, want)
		}
	}
	if got := parse("limit=99999", maxLimit).limit; got != maxLimit {
		t.Errorf("the limit is %d", got)
	}
}

// A query is a fixed point: a link made of it asks for the same, and has no
// character that could do anything in a header or in HTML.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{"", "page=2&limit=5&sort=time&order=desc&filter=x", "filter=%0d%0aSet-Cookie:x", "filter=<b>&page=9999999999", "filter=%ff%fe"} {
		f.Add(seed)
	}
	safe := regexp.MustCompile(`^\./(\?[A-Za-z0-9._~%+=&-]+)?$`)
	f.Fuzz(func(t *testing.T, text string) {
		q := parse(text, 1000)
		if q.page < 1 || q.limit < 1 || q.page*q.limit > reach || !utf8.ValidString(q.filter) || len(q.filter) > maxFilter {
			t.Fatalf("%q is %+v", text, q)
		}
		href := q.href()
		if !safe.MatchString(href) {
			t.Errorf("%q makes the link %q", text, href)
		}
		link, err := url.Parse(href)
		if err != nil {
			t.Fatal(err)
		}
		if again := parse(link.RawQuery, 1000); again != q {
			t.Errorf("%q is %+v, its link %s is %+v", text, q, href, again)
		}
	})
}
