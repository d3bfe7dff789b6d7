package listing

// A folder's own text is written by whoever may put files there: it must not
// run, leave its box, or cost the server more than its size is worth.

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"html/template"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	markdownhtml "github.com/yuin/goldmark/renderer/html"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"fullbore/static/reply"
)

const (
	// maxReadme, in bytes, is how much of the text is shown.
	maxReadme = 256 << 10

	// maxRendered, in bytes, is how long its HTML may be. References and tables
	// can make much of little.
	maxRendered = 1 << 20

	// maxCached, in bytes of HTML, is kept of texts that were shown before.
	maxCached = 2 << 20
)

// readmeNames are the names, in lower case, the best one first.
var readmeNames = []string{"header.md", "header", "readme.md", "readme.txt", "readme"}

// betterReadme reports a name that is rather shown than the best so far.
func betterReadme(name, best string) bool {
	if len(name) > len("readme.txt") {
		return false
	}
	rank := slices.Index(readmeNames, strings.ToLower(name))
	if rank < 0 || best == "" {
		return rank >= 0
	}
	bestRank := slices.Index(readmeNames, strings.ToLower(best))
	return rank < bestRank || (rank == bestRank && name < best)
}

// readmes renders texts, one at a time, and remembers the last ones.
type readmes struct {
	rendering turn
	mu        sync.Mutex
	cache     map[digest]rendered
	cached    int // bytes
}

// digest is what a text is remembered by.
type digest = [sha256.Size]byte

func keyOf(text []byte) digest { return sha256.Sum256(text) }

// rendered is what became of a text.
type rendered struct {
	html    template.HTML
	asPlain bool // Markdown that is too complex to be rendered
}

func newReadmes() *readmes {
	return &readmes{rendering: newTurn(1, waiting, patience), cache: map[digest]rendered{}}
}

// of is the text for a page: the first one of a folder, unfiltered. It is empty
// if there is none that can be read.
func (r *readmes) of(src Source, p page) readme {
	name := p.readmeName
	if name == "" || p.page != 1 || p.query.filter != "" {
		return readme{}
	}
	text, err := src.ReadFile(name, maxReadme+1)
	if err != nil || len(bytes.TrimSpace(text)) == 0 {
		return readme{} // it is in the list, where opening it says why
	}
	shown := readme{Name: reply.Printable(name)}
	if len(text) > maxReadme {
		text = text[:maxReadme]
		if end := bytes.LastIndexByte(text, '\n'); end > 0 {
			text = text[:end]
		}
		shown.Note = "Only the first 256 KiB are shown."
	}
	isMarkdown := strings.EqualFold(path.Ext(name), ".md")
	made := r.render(text, isMarkdown)
	if made.asPlain {
		shown.Note = strings.TrimSpace("Shown as plain text: this is too complex to be shown as Markdown. " + shown.Note)
	}
	shown.HTML = made.html
	return shown
}

// render renders a text, or remembers.
func (r *readmes) render(text []byte, isMarkdown bool) rendered {
	if !isMarkdown {
		return rendered{html: plain(text)}
	}
	key := keyOf(text)
	if made, ok := r.lookUp(key); ok {
		return made
	}
	release, err := r.rendering.take()
	if err != nil {
		return rendered{html: plain(text), asPlain: true}
	}
	defer release()
	if made, ok := r.lookUp(key); ok { // whoever was before us made it
		return made
	}
	made := rendered{}
	if made.html, err = markdown(text); err != nil {
		made = rendered{html: plain(text), asPlain: true}
	}
	r.keep(key, made)
	return made
}

func (r *readmes) lookUp(key digest) (rendered, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	made, ok := r.cache[key]
	return made, ok
}

// keep forgets all when there is no room: what is asked for comes back soon.
func (r *readmes) keep(key digest, made rendered) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cached += len(made.html) + 1<<10; r.cached > maxCached {
		clear(r.cache)
		r.cached = len(made.html) + 1<<10
	}
	r.cache[key] = made
}

// plain is text in a box.
func plain(text []byte) template.HTML {
	clean := strings.Map(func(r rune) rune {
		if reply.Unseen(r) && r != '\n' && r != '\t' {
			if r == '\r' || r == '\uFEFF' {
				return -1
			}
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(string(text), "\uFFFD"))
	return template.HTML(`<pre class="plain">` + template.HTMLEscapeString(clean) + `</pre>`) //nolint:gosec // escaped
}

var errComplex = errors.New("too complex")

// markdown renders GitHub-flavored Markdown, with the HTML that it may contain,
// as a fragment that is balanced and harmless.
func markdown(text []byte) (template.HTML, error) {
	text = bytes.ToValidUTF8(text, []byte("\uFFFD"))
	if costly(text) {
		return "", errComplex
	}
	w := &limitedWriter{left: maxRendered}
	if err := renderer.Convert(text, w); err != nil {
		return "", err
	}
	balanced, err := balance(&w.buf)
	if err != nil {
		return "", err
	}
	// Last, so that nothing is changed after it was found harmless.
	return template.HTML(sanitizer.SanitizeBytes(balanced)), nil //nolint:gosec // that is what it is for
}

var renderer = goldmark.New(
	goldmark.WithExtensions(
		extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute)),
		extension.Strikethrough, extension.Linkify, extension.TaskList,
	),
	goldmark.WithRendererOptions(markdownhtml.WithUnsafe()), // what is unsafe is taken out later
)

// sanitizer lets text structure through, links, and images of this server. No
// id, name, class or style: they could take the place of the page's own.
var sanitizer = func() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("h1", "h2", "h3", "h4", "h5", "h6", "p", "div", "br", "hr", "blockquote", "pre", "code", "kbd",
		"samp", "var", "em", "strong", "b", "i", "u", "s", "del", "ins", "mark", "small", "sub", "sup", "ul", "ol",
		"li", "dl", "dt", "dd", "table", "thead", "tbody", "tr", "th", "td", "details", "summary")
	p.AllowAttrs("align").Matching(regexp.MustCompile(`^(left|center|right)$`)).
		OnElements("th", "td", "p", "div", "h1", "h2", "h3", "h4", "h5", "h6")
	p.AllowAttrs("start").Matching(bluemonday.Integer).OnElements("ol")
	p.AllowAttrs("open").Matching(regexp.MustCompile(`^$`)).OnElements("details")
	p.AllowAttrs("type").Matching(regexp.MustCompile(`^checkbox$`)).OnElements("input")
	p.AllowAttrs("checked", "disabled").Matching(regexp.MustCompile(`^$`)).OnElements("input")
	p.AllowStandardURLs()
	p.AllowURLSchemes("http", "https", "mailto")
	p.AllowRelativeURLs(true)
	p.RequireNoReferrerOnLinks(true)
	p.RequireNoFollowOnLinks(true)
	p.AllowAttrs("href").OnElements("a")
	p.AllowAttrs("src").Matching(ownImage).OnElements("img")
	p.AllowAttrs("alt").OnElements("img")
	p.AllowAttrs("width", "height").Matching(bluemonday.NumberOrPercent).OnElements("img")
	return p
}()

// balance closes what is open and drops ends without a beginning, so that a
// "</div>" cannot end the box. It fails when elements are nested too deeply.
func balance(fragment *bytes.Buffer) ([]byte, error) {
	box := &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div}
	nodes, err := html.ParseFragment(fragment, box)
	if err != nil {
		return nil, err
	}
	out := &limitedWriter{left: 2 * maxRendered}
	for _, n := range nodes {
		box.AppendChild(n)
	}
	withoutForeignImages(box)
	for n := range box.ChildNodes() {
		if err := html.Render(out, n); err != nil {
			return nil, err
		}
	}
	return out.buf.Bytes(), nil
}

// ownImage is the address of an image on this server.
var ownImage = regexp.MustCompile(`^(\./|\.\./)*[^/\\:?#\s][^\\:\s]*$`)

// withoutForeignImages puts the text of an image in the place of one that the
// page may not load.
func withoutForeignImages(box *html.Node) {
	for n := range box.Descendants() {
		if n.DataAtom != atom.Img {
			continue
		}
		text, own := "", false
		for _, a := range n.Attr {
			switch a.Key {
			case "alt":
				text = a.Val
			case "src":
				own = ownImage.MatchString(a.Val)
			}
		}
		if !own {
			*n = html.Node{Type: html.TextNode, Data: text, Parent: n.Parent, PrevSibling: n.PrevSibling, NextSibling: n.NextSibling}
		}
	}
}

// limitedWriter is a buffer with a limit, in bytes.
type limitedWriter struct {
	buf  bytes.Buffer
	left int
}

func (w *limitedWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, errComplex
	}
	return w.buf.Write(p)
}
