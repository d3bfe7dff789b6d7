package listing

// What all pages have in common, with style, script and icons, is in memory
// once. What is before and behind the rows is a template; rows are appended by
// hand, since a page can have ten thousand and templates are slow.

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"

	"fullbore/static/reply"
)

//go:embed assets
var assets embed.FS

var (
	// The beginning and the end of every page, and of every error page. They
	// link to nothing, so pages work below any prefix.
	pageHead, pagePolicy = headOf([]string{reply.BaseCSS, asset("listing.css")}, []string{reply.ThemeJS, asset("listing.js")},
		"img-src 'self' data:", "media-src 'self'", "connect-src 'self'", "form-action 'self'")
	pageTail = []byte(string(reply.Icons()) + asset("tail.html"))

	errorHead, errorPolicy = headOf([]string{reply.BaseCSS}, []string{reply.ThemeJS}, "img-src data:", "form-action 'none'")
	errorTail              = []byte(reply.Icons("auto", "light", "dark") + "</body>\n</html>\n")

	templates = template.Must(reply.Templates().Funcs(template.FuncMap{
		"link": func(text, href string) link { return link{href, text} },
	}).ParseFS(assets, "assets/page.html"))
)

// icon is the favicon: in the page, or browsers ask the server's root for one.
const icon = `data:image/svg+xml,` +
	`%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'%3E` +
	`%3Cpath fill='%233b6fd4' d='M2 6a2 2 0 0 1 2-2h5l3 3h8a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2z'/%3E%3C/svg%3E`

// headOf is a page up to its title, and its Content-Security-Policy: it may run
// its own style and script and nothing else, besides what more allows. Whatever
// got into the page by mistake would do nothing.
func headOf(styles, scripts []string, more ...string) (head []byte, policy string) {
	head = append(executed("begin", nil), `<link rel="icon" href="`+icon+"\">\n"...)
	var styleHashes, scriptHashes []string
	for _, text := range styles {
		head = append(head, "<style>"+text+"</style>\n"...)
		styleHashes = append(styleHashes, hashOf(text))
	}
	for _, text := range scripts {
		head = append(head, "<script>"+text+"</script>\n"...)
		scriptHashes = append(scriptHashes, hashOf(text))
	}
	directives := append([]string{
		"default-src 'none'",
		"style-src " + strings.Join(styleHashes, " "),
		"script-src " + strings.Join(scriptHashes, " "),
		"base-uri 'none'",
		"frame-ancestors 'none'",
		"require-trusted-types-for 'script'",
		"trusted-types 'none'",
	}, more...)
	return head, strings.Join(directives, "; ")
}

func asset(name string) string {
	text, err := assets.ReadFile("assets/" + name)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// hashOf is a hash source (CSP level 3, section 2.3.1).
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// link is text that leads somewhere.
type link struct{ Href, Text string }

// choice is a button that asks for the page in another way. It is not a link, or crawlers
// and mirrors would take each folder once for every order and format.
type choice struct {
	Text       string
	Parameters []parameter
}

// column is a heading of the table.
type column struct {
	choice
	Class  string
	Sorted string // as aria-sort has it; "" for another column
}

// view is what the templates show.
type view struct {
	Title, Name, Summary              string
	Crumbs                            []link
	IsRoot                            bool
	Filter, Unfiltered                string
	Hidden                            []parameter
	Refused, Sortable                 string
	Readme                            *readme
	Columns                           []column
	Rows, Total, Pages                int
	Span, First, Previous, Next, Last string
	Formats                           []choice
}

// htmlBody is the page.
func htmlBody(p page, root string) *body {
	v := viewOf(p, root)
	b := ofRows(p.rows, appendHTML)
	b.before = [][]byte{pageHead, executed("before", v)}
	b.after = [][]byte{executed("after", v), pageTail}
	return b
}

func executed(name string, v any) []byte {
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, name, v); err != nil {
		panic(err) // the template does not fit the view, whatever the folder
	}
	return bytes.Clone(b.Bytes())
}

func viewOf(p page, root string) view {
	v := view{
		Crumbs: crumbsOf(p.folder, root), IsRoot: p.folder.IsRoot,
		Summary: p.summary.text(p.complete),
		Filter:  p.query.filter, Unfiltered: p.query.without().href(), Hidden: p.query.without().parameters(),
		Columns: columnsOf(p.query),
		Rows:    len(p.rows.list), Total: p.total, Pages: p.pages,
		Span: p.span(), First: p.firstHref(), Previous: p.previousHref(), Next: p.nextHref(), Last: p.lastHref(),
	}
	v.Name = root
	if last := len(v.Crumbs) - 1; last >= 0 {
		v.Name, v.Crumbs = v.Crumbs[last].Text, v.Crumbs[:last]
	}
	v.Title = v.Name
	if p.page > 1 {
		v.Title += ", page " + strconv.Itoa(p.page)
	}
	if p.refused {
		v.Refused, v.Sortable = string(p.asked), humanize.Comma(sortable)
	}
	if p.readme.HTML != "" {
		v.Readme = &p.readme
	}
	for _, f := range []link{{"index", "Index"}, {"text", "Text"}, {"json", "JSON"}, {"urls", "Links"}} {
		v.Formats = append(v.Formats, choice{f.Text, p.query.as(f.Href).parameters()})
	}
	return v
}

// crumbsOf are the folders from the root to this one, by relative links, since
// nobody knows below which prefix the root is.
func crumbsOf(f Folder, root string) []link {
	crumbs := []link{{"./", root}}
	if f.IsRoot {
		return crumbs
	}
	for name := range strings.SplitSeq(strings.Trim(f.Path, "/"), "/") {
		crumbs = append(crumbs, link{"./", reply.Printable(name)})
	}
	for i := range crumbs {
		if up := len(crumbs) - 1 - i; up > 0 {
			crumbs[i].Href = strings.Repeat("../", up)
		}
	}
	return crumbs
}

// columnsOf are the headings. A click on the one that is sorted by turns it
// round; the largest and the newest come first.
func columnsOf(q query) []column {
	columns := []column{
		{Class: "n", choice: choice{Text: "Name"}},
		{Class: "s", choice: choice{Text: "Size"}},
		{Class: "t", choice: choice{Text: "Modified (UTC)"}},
	}
	for i, key := range []sortKey{byName, bySize, byTime} {
		descending := key != byName
		if key == q.sort {
			descending = !q.descending
			columns[i].Sorted = "ascending"
			if q.descending {
				columns[i].Sorted = "descending"
			}
		}
		columns[i].Parameters = q.sortedBy(key, descending).parameters()
	}
	return columns
}

// text is the summary in words.
func (s summary) text(complete bool) string {
	var parts []string
	if s.folders > 0 {
		parts = append(parts, humanize.Comma(int64(s.folders))+" "+english.PluralWord(s.folders, "folder", ""))
	}
	if s.files > 0 {
		parts = append(parts, humanize.Comma(int64(s.files))+" "+english.PluralWord(s.files, "file", ""), sizeText(s.bytes))
	}
	text := strings.Join(parts, " · ")
	if !complete && text != "" {
		text += " on this page"
	}
	return text
}

func sizeText(bytes int64) string { return humanize.IBytes(uint64(max(bytes, 0))) } //nolint:gosec // not negative

// appendHTML appends a row. Names are printable and escaped; links have only
// characters that mean nothing in HTML.
func appendHTML(dst []byte, r row, _ int) []byte {
	shown := template.HTMLEscapeString(reply.Printable(r.name))
	l := looks{kind: "folder"}
	if !r.isFolder {
		l = looksOf(r.name)
	}
	dst = append(dst, `<tr><th scope="row" class="n"><a href="`...)
	dst = appendHref(dst, r.name, r.isFolder)
	if l.preview != previewNone {
		dst = append(append(dst, `" data-preview="`...), l.preview...)
	}
	dst = append(append(dst, `"><svg class="`...), l.kind...)
	dst = append(append(dst, `" aria-hidden="true"><use href="#i-`...), l.kind...)
	dst = append(append(dst, `"/></svg><bdi>`...), shown...)
	if r.isFolder {
		dst = append(dst, '/')
	}
	dst = append(dst, `</bdi></a></th><td class="s"`...)
	if !r.isFolder {
		dst = append(append(dst, ` title="`...), humanize.Comma(r.size)...)
		dst = append(append(dst, ` bytes">`...), sizeText(r.size)...)
	} else {
		dst = append(dst, '>')
	}
	dst = append(dst, `</td><td class="t">`...)
	if writable(r.modified) {
		dst = r.modified.AppendFormat(append(dst, `<time datetime="`...), `2006-01-02T15:04:05Z">2006-01-02 15:04</time>`)
	}
	dst = append(dst, `</td><td class="a">`...)
	if !r.isFolder {
		// Not a second link to the file: ?download makes browsers save it.
		dst = appendHref(append(dst, `<button class="icon" form="save" name="download" formaction="`...), r.name, false)
		dst = append(append(dst, `" aria-label="Download `...), shown...)
		dst = append(dst, `"><svg aria-hidden="true"><use href="#i-download"/></svg></button>`...)
	}
	return append(dst, "</td></tr>\n"...)
}
