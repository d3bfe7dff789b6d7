package listing

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"fullbore/static/reply"
)

// page is a page as a browser understands it.
func parsePage(t testing.TB, text string) *html.Node {
	t.Helper()
	wellFormed(t, text)
	doc, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// wellFormed checks what html.Parse would silently mend: every element is
// closed, in order.
func wellFormed(t testing.TB, text string) {
	t.Helper()
	void := []string{"meta", "link", "input", "br", "hr", "img"}
	var open []string
	z := html.NewTokenizer(strings.NewReader(text))
	for {
		switch z.Next() {
		case html.ErrorToken:
			if len(open) > 0 {
				t.Errorf("not closed: %v", open)
			}
			return
		case html.StartTagToken:
			if name, _ := z.TagName(); !slices.Contains(void, string(name)) {
				open = append(open, string(name))
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			if len(open) == 0 || open[len(open)-1] != string(name) {
				t.Fatalf("</%s> inside %v", name, open)
			}
			open = open[:len(open)-1]
		}
	}
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// all are the elements with that name and, if it is not "", that class or id.
func all(doc *html.Node, element, class string) []*html.Node {
	var found []*html.Node
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == element &&
			(class == "" || attr(n, "id") == class || slices.Contains(strings.Fields(attr(n, "class")), class)) {
			found = append(found, n)
		}
	}
	return found
}

// text is what can be read in it.
func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode && d.Parent.Data != "script" && d.Parent.Data != "style" {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// rowsOf are the names of a page: their texts and links.
func rowsOf(doc *html.Node) (names, hrefs []string) {
	for _, cell := range all(doc, "th", "n") {
		if links := all(cell, "a", ""); attr(cell, "scope") == "row" && attr(links[0], "id") != "up" {
			names = append(names, text(links[0]))
			hrefs = append(hrefs, attr(links[0], "href"))
		}
	}
	return names, hrefs
}

func TestPageLinksEveryNameAndRunsNone(t *testing.T) {
	dir := t.TempDir()
	makeNasty(t, filepath.Join(dir, "list"))
	write(t, dir, "list/folder/x", "")
	for _, prefix := range []string{"/", "/mounted/below"} {
		addr := serveFolder(t, dir, prefix)
		base, _ := url.Parse("http://" + addr + strings.TrimSuffix(prefix, "/") + "/list/")
		got := ask(t, "GET", base.String(), browser)
		doc := parsePage(t, got.body)
		for _, raw := range []string{"\x1b", "\u202e", "\u2028", "\xff", "\x7f"} {
			if strings.Contains(got.body, raw) {
				t.Errorf("the page has %q as it is", raw)
			}
		}
		if n := len(all(doc, "script", "")); n != 2 {
			t.Errorf("%d scripts", n)
		}
		if len(all(doc, "img", "")) > 0 {
			t.Error("a name became an element")
		}
		names, hrefs := rowsOf(doc)
		if len(names) != len(nastyNames)+1 || names[0] != "folder/" || hrefs[0] != "./folder/" {
			t.Fatalf("%d names: %q", len(names), names)
		}
		opened := map[string]bool{}
		for i, href := range hrefs[1:] {
			target, err := base.Parse(href)
			if err != nil || target.Host != addr {
				t.Fatalf("%q leads to %v (%v)", href, target, err)
			}
			content := ask(t, "GET", target.String()).body
			opened[content] = true
			if names[i+1] != reply.Printable(content) {
				t.Errorf("%q is shown as %q", content, names[i+1])
			}
		}
		for _, name := range nastyNames {
			if !opened[name] {
				t.Errorf("no link opens %q", name)
			}
		}
	}
}

// The policy lets run what is in the page, and nothing else: its hashes are
// those of the page's own style and script, as the browser would compute them.
func TestContentSecurityPolicy(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "README.md", "<script>alert(1)</script><p style='color:red' onclick='x()'>hello</p>")
	addr := serveFolder(t, dir, "/", Config{Readme: true})
	for path, status := range map[string]int{"/": 200, "/nothing": 404} {
		got := ask(t, "GET", "http://"+addr+path, browser)
		if got.StatusCode != status {
			t.Fatalf("%s: %d", path, got.StatusCode)
		}
		directives := map[string][]string{}
		for directive := range strings.SplitSeq(got.Header.Get("Content-Security-Policy"), ";") {
			fields := strings.Fields(directive)
			directives[fields[0]] = fields[1:]
		}
		for directive, want := range map[string]string{
			"default-src": "'none'", "base-uri": "'none'", "frame-ancestors": "'none'", "require-trusted-types-for": "'script'",
		} {
			if got := strings.Join(directives[directive], " "); got != want {
				t.Errorf("%s: %s %s, want %s", path, directive, got, want)
			}
		}
		doc := parsePage(t, got.body)
		for directive, element := range map[string]string{"style-src": "style", "script-src": "script"} {
			var hashes []string
			for _, n := range all(doc, element, "") {
				if len(n.Attr) > 0 {
					t.Errorf("%s: <%s> has %v", path, element, n.Attr)
				}
				sum := sha256.Sum256([]byte(n.FirstChild.Data))
				hashes = append(hashes, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
			}
			if len(hashes) == 0 || !slices.Equal(hashes, directives[directive]) {
				t.Errorf("%s: %s is %q, the page has %q", path, directive, directives[directive], hashes)
			}
		}
		for n := range doc.Descendants() {
			for _, a := range n.Attr {
				if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
					t.Errorf("%s: <%s %s=%q>", path, n.Data, a.Key, a.Val)
				}
				if (a.Key == "src" || a.Key == "href" || a.Key == "action") && strings.Contains(a.Val, "//") && !strings.HasPrefix(a.Val, "data:") {
					t.Errorf("%s: <%s %s=%q> leaves the server", path, n.Data, a.Key, a.Val)
				}
			}
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-cache",
		} {
			if got.Header.Get(name) != want {
				t.Errorf("%s: %s: %s, want %s", path, name, got.Header.Get(name), want)
			}
		}
	}
}

func TestRow(t *testing.T) {
	r := row{name: "a&b.txt", size: 1234567, modified: time.Date(2026, 11, 20, 1, 2, 3, 4, time.UTC)}
	got := string(appendHTML(nil, r, 0))
	for _, want := range []string{
		`<a href="./a%26b.txt" data-preview="text">`, `<bdi>a&amp;b.txt</bdi>`, `title="1,234,567 bytes">1.2 MiB<`,
		`<time datetime="2026-11-20T01:02:03Z">2026-11-20 01:02</time>`, `name="download" formaction="./a%26b.txt" aria-label="Download a&amp;b.txt"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in %s", want, got)
		}
	}
	r = row{name: "f", isFolder: true, modified: time.Unix(1<<50, 0)}
	got = string(appendHTML(nil, r, 0))
	for _, unwanted := range []string{"<time", "bytes", "download", "data-preview"} {
		if strings.Contains(got, unwanted) {
			t.Errorf("a folder of the far future has %s: %s", unwanted, got)
		}
	}
}

func TestSortButtons(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "x", "")
	addr := serveFolder(t, dir, "/")
	for query, want := range map[string][]string{
		"":                      {"./?order=desc ascending", "./?sort=size&order=desc ", "./?sort=time&order=desc "},
		"?order=desc":           {"./ descending", "./?sort=size&order=desc ", "./?sort=time&order=desc "},
		"?sort=size&page=9":     {"./ ", "./?sort=size&order=desc ascending", "./?sort=time&order=desc "},
		"?sort=time&order=desc": {"./ ", "./?sort=size&order=desc ", "./?sort=time descending"},
		"?filter=x&sort=size&order=desc&format=html": {
			"./?format=html&filter=x ", "./?format=html&filter=x&sort=size descending", "./?format=html&filter=x&sort=time&order=desc ",
		},
	} {
		doc := parsePage(t, ask(t, "GET", "http://"+addr+"/"+query, browser).body)
		var got []string
		for _, class := range []string{"n", "s", "t"} {
			th := all(all(doc, "thead", "")[0], "th", class)[0]
			got = append(got, asked(all(th, "form", "")[0])+" "+attr(th, "aria-sort"))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", query, got, want)
		}
	}
}

// asked is what a browser asks for when the button of a form is pressed.
func asked(form *html.Node) string {
	href := attr(form, "action")
	for i, input := range all(form, "input", "") {
		href += "?&"[min(i, 1):min(i, 1)+1] + url.QueryEscape(attr(input, "name")) + "=" + url.QueryEscape(attr(input, "value"))
	}
	return href
}

// A mirror or a crawler finds each name once, and nothing that shows the same names again.
func TestPageHasNoMoreLinksThanEntries(t *testing.T) {
	dir := t.TempDir()
	makeNasty(t, dir)
	write(t, dir, "folder/x.txt", "")
	addr := serveFolder(t, dir, "/")
	for path, entries := range map[string]int{"/": len(nastyNames) + 1, "/folder/": 1, "/?filter=folder": 1} {
		links := map[string]bool{}
		for _, a := range all(parsePage(t, ask(t, "GET", "http://"+addr+path, browser).body), "a", "") {
			href := attr(a, "href")
			if strings.Contains(href, "?") {
				t.Errorf("%s: a link to %s", path, href)
			}
			if links[href] && href != "" && href != "../" {
				t.Errorf("%s: two links to %s", path, href)
			}
			links[href] = true
		}
		for _, other := range []string{"", "#list", "../", "./"} { // which leads to no other page, or up
			delete(links, other)
		}
		if len(links) != entries {
			t.Errorf("%s: %d links for %d names", path, len(links), entries)
		}
	}
}

func TestBreadcrumbsLeadUp(t *testing.T) {
	dir := t.TempDir()
	path := "/a/<b>/c d"
	write(t, dir, path+"/x", "")
	addr := serveFolder(t, dir, "/mount", Config{Title: "Home & more"})
	base, _ := url.Parse("http://" + addr + "/mount" + (&url.URL{Path: path + "/"}).EscapedPath())
	doc := parsePage(t, ask(t, "GET", base.String(), browser).body)
	var got []string
	for _, a := range all(all(doc, "ol", "crumbs")[0], "a", "") {
		target, _ := base.Parse(attr(a, "href"))
		got = append(got, text(a)+" "+target.Path)
	}
	if want := []string{"Home & more /mount/", "a /mount/a/", "<b> /mount/a/<b>/"}; !slices.Equal(got, want) {
		t.Errorf("breadcrumbs are %q, want %q", got, want)
	}
	if h1 := text(all(doc, "h1", "")[0]); h1 != "c d" {
		t.Errorf("the heading is %q", h1)
	}
	if up, _ := base.Parse(attr(all(doc, "a", "up")[0], "href")); up.Path != "/mount/a/<b>/" {
		t.Errorf("up leads to %s", up.Path)
	}
	doc = parsePage(t, ask(t, "GET", "http://"+addr+"/mount/", browser).body)
	if len(all(doc, "a", "up")) != 0 || len(all(all(doc, "ol", "crumbs")[0], "a", "")) != 0 || text(all(doc, "h1", "")[0]) != "Home & more" {
		t.Error("the root has something above it")
	}
}

func TestPagesSayWhereTheyAre(t *testing.T) {
	dir := t.TempDir()
	const names = 45
	for i := range names {
		write(t, dir, fmt.Sprintf("f%02d", i), "")
	}
	addr := serveFolder(t, dir, "/", Config{PageSize: 20})
	for _, test := range []struct{ query, span, first, previous, next, last string }{
		{"", "1–20 of 45", "", "", "./?page=2", "./?page=3"},
		{"?page=2&order=desc", "21–40 of 45", "./?order=desc", "./?order=desc", "./?order=desc&page=3", "./?order=desc&page=3"},
		{"?page=3", "41–45 of 45", "./", "./?page=2", "", ""},
		{"?page=999", "41–45 of 45", "./", "./?page=2", "", ""},
		{"?limit=44", "1–20 of 45", "", "", "./?page=2", "./?page=3"}, // no more than PageSize
		{"?limit=10&page=2", "11–20 of 45", "./?limit=10", "./?limit=10", "./?limit=10&page=3", "./?limit=10&page=5"},
	} {
		got := ask(t, "GET", "http://"+addr+"/"+test.query, browser)
		doc := parsePage(t, got.body)
		pagers := all(doc, "nav", "pager")
		if len(pagers) != 2 {
			t.Fatalf("%s: %d pagers", test.query, len(pagers))
		}
		if span := text(all(pagers[0], "span", "")[0]); span != test.span {
			t.Errorf("%q: %s, want %s", test.query, span, test.span)
		}
		var links []string
		for _, a := range all(pagers[0], "a", "") {
			links = append(links, attr(a, "href"))
		}
		if want := []string{test.first, test.previous, test.next, test.last}; !slices.Equal(links, want) {
			t.Errorf("%q: the links are %q, want %q", test.query, links, want)
		}
		var header []string
		for _, link := range []struct{ href, rel string }{{test.first, "first"}, {test.previous, "prev"}, {test.next, "next"}, {test.last, "last"}} {
			if link.href != "" {
				header = append(header, fmt.Sprintf("<%s>; rel=%q", link.href, link.rel))
			}
		}
		if want := strings.Join(header, ", "); got.Header.Get("Link") != want {
			t.Errorf("%q: Link: %s, want %s", test.query, got.Header.Get("Link"), want)
		}
		if !strings.Contains(text(all(doc, "p", "summary")[0]), "on this page") {
			t.Errorf("%q: the summary is %s", test.query, text(all(doc, "p", "summary")[0]))
		}
	}
}

// Following the links shows every name once, in every format.
func TestNextLeadsThroughAllOfAFolder(t *testing.T) {
	dir := t.TempDir()
	const names = 2*batch + 50
	for i := range names {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%d", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	addr := serveFolder(t, dir, "/")
	base, _ := url.Parse("http://" + addr + "/?limit=400")
	for _, format := range formatNames {
		want := (names + 399) / 400
		if format == "index" {
			want = 1
		}
		seen := map[string]bool{}
		target, pages := base, 0
		target, _ = target.Parse("?limit=400&format=" + format)
		for target != nil && pages < 100 {
			got := ask(t, "GET", target.String())
			for _, name := range regexp.MustCompile(`\bf\d+\b`).FindAllString(got.body, -1) {
				seen[name] = true
			}
			pages++
			next := regexp.MustCompile(`<([^>]*)>; rel="next"`).FindStringSubmatch(got.Header.Get("Link"))
			if next == nil {
				break
			}
			target, _ = target.Parse(next[1])
		}
		if len(seen) != names || pages != want {
			t.Errorf("%s: %d pages with %d names, want %d with %d", format, pages, len(seen), want, names)
		}
	}
}

func TestFilterForm(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "one.txt", "")
	write(t, dir, "two.txt", "12345")
	addr := serveFolder(t, dir, "/")
	doc := parsePage(t, ask(t, "GET", "http://"+addr+"/?filter=ONE&sort=time&order=desc&page=2", browser).body)
	if names, _ := rowsOf(doc); !slices.Equal(names, []string{"one.txt"}) {
		t.Errorf("names are %q", names)
	}
	sent := url.Values{}
	for _, input := range all(all(doc, "form", "")[0], "input", "") {
		sent.Add(attr(input, "name"), attr(input, "value"))
	}
	if got := sent.Encode(); got != "filter=ONE&order=desc&sort=time" {
		t.Errorf("the form sends %s", got)
	}
	doc = parsePage(t, ask(t, "GET", "http://"+addr+"/?filter=%3Cscript%3E%22", browser).body)
	if notice := text(all(doc, "p", "notice")[0]); !strings.Contains(notice, `No name contains “<script>"”`) {
		t.Errorf("the notice is %s", notice)
	}
	if empty := all(doc, "p", "empty")[0]; text(empty) != "Nothing found." {
		t.Errorf("it says %q", text(empty))
	}
	doc = parsePage(t, ask(t, "GET", "http://"+addr+"/", browser).body)
	if summary := text(all(doc, "p", "summary")[0]); summary != "2 files · 5 B" {
		t.Errorf("the summary is %q", summary)
	}
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	doc = parsePage(t, ask(t, "GET", "http://"+addr+"/empty/", browser).body)
	if empty := all(doc, "p", "empty")[0]; text(empty) != "This folder is empty." {
		t.Errorf("it says %q", text(empty))
	}
}

// A page is written row by row. Its length is said before, and is right.
func TestLengthAndHead(t *testing.T) {
	dir := t.TempDir()
	makeNasty(t, dir)
	addr := serveFolder(t, dir, "/")
	for _, format := range formatNames {
		target := "http://" + addr + "/?format=" + format
		get, head := ask(t, "GET", target), ask(t, "HEAD", target)
		if int64(len(get.body)) != get.ContentLength || get.ContentLength != head.ContentLength || head.body != "" {
			t.Errorf("%s: %d bytes of %d; HEAD says %d and sends %d", format, len(get.body), get.ContentLength, head.ContentLength, len(head.body))
		}
		get.Header.Del("Date")
		head.Header.Del("Date")
		if fmt.Sprint(get.Header) != fmt.Sprint(head.Header) {
			t.Errorf("%s: GET has %v, HEAD %v", format, get.Header, head.Header)
		}
	}
}
