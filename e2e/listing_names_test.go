//go:build unix

package e2e

// Names of files that try to be something else in a page.

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// hostileNames are the legal ones, what wget cannot mirror, and what would
// run, command or lead astray if it were not escaped.
var hostileNames = append(slices.Clone(legalNames),
	"%41%2f%00.txt", strings.Repeat("L", 251)+".txt", `"><svg onload=alert(1)>.txt`, `' onmouseover='alert(1)`, "<script>alert(1)<.html",
	"${alert(1)}.txt", "{{.}}", "data:text,<script>alert(1)", "\\\\evil.example", "?page=2", "index.htm", "#list", "a\u200db\u00adc",
	"\u202egnp.exe", "&lt;script&gt;alert(1)&lt;.md", "]]>", "-->", "<!--", "<base href=x>", "<style>*{display:none}", "e\u0301.txt", "\u00e9.txt",
	"\xed\xa0\x80surrogate", "\xc0\xafoverlong", "\x7f", "\x01\x1b]0;title\x07", "newline\n<b>", "cut \xf0\x9f.svg", "a\u2024 dot", "NUL", "~",
)

func TestListingOfHostileNames(t *testing.T) {
	inBrowser(t)
	dir := t.TempDir()
	for _, name := range hostileNames {
		write(t, filepath.Join(dir, name), "content of "+name)
		// As a folder it is in a heading, in crumbs and in the title, too.
		folder := filepath.Join(dir, "folders", strings.TrimSuffix(name, ".txt"))
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(folder, "inside"), "inside "+name)
	}
	p := listed(t, dir)
	p.screenshot("hostile")
	var want, got []string
	for _, name := range hostileNames {
		want = append(want, "content of "+name, "inside "+name)
	}
	got = p.linked()
	p.open("/folders/")
	for _, folder := range eval[[]string](p, `[...document.querySelectorAll('#list tbody tr:not(.up) .n a')].map(a => a.getAttribute('href'))`) {
		p.open("/folders/" + strings.TrimPrefix(folder, "./"))
		got = append(got, p.linked()...)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the links lead to %q\nwant %q", got, want)
	}

	// What the request says is in the page, too.
	hostile := `"><script>alert(1)</script><img src=x onerror=alert(2)>`
	p.open("/?filter=" + strings.NewReplacer(`"`, "%22", "<", "%3C", ">", "%3E", " ", "+").Replace(hostile))
	if got := eval[string](p, "document.querySelector('#filter').value"); got != hostile {
		t.Errorf("the filter shows %q", got)
	}
	p.shows()

	// Every preview there is.
	p.open("/")
	eval[any](p, "document.querySelector('#list a[data-preview]').click()")
	previews := eval[int](p, "document.querySelectorAll('#list a[data-preview]').length")
	for i := range previews {
		p.waitFor(fmt.Sprintf("document.querySelector('#preview-place').textContent === '%d of %d' && document.querySelector('#preview-body').firstElementChild", i+1, previews))
		p.press(kb.ArrowRight)
	}
	for _, r := range p.server.wholeLog() {
		if r.Status >= 400 {
			t.Errorf("the page led to %+v", r)
		}
	}
}

// linked asks for every link to a file in the page, as the browser understands
// it, and gives the contents that it gets: one for each file, to which the name
// and the button must both lead.
func (p *tab) linked() (contents []string) {
	p.t.Helper()
	links := eval[[][]string](p, `[...document.querySelectorAll('#list tbody tr:has([formaction])')].map(r => [r.querySelector('a').href, r.querySelector('[formaction]').formAction])`)
	for _, file := range links {
		if len(file) != 2 || file[0] != file[1] {
			p.t.Errorf("name and button lead to %q", file)
		}
		content, err := verbatim(p.t, p.host, file[0])
		if err != nil {
			p.t.Errorf("%s: %v", file[0], err)
		}
		contents = append(contents, content)
	}
	return contents
}

// verbatim asks for a link byte by byte as it is, which http.Get would not.
func verbatim(t *testing.T, host, link string) (string, error) {
	t.Helper()
	target, ok := strings.CutPrefix(link, "http://"+host)
	if !ok || !strings.HasPrefix(target, "/") || strings.ContainsAny(target, "?#") {
		return "", fmt.Errorf("not a link to a file of %s", host)
	}
	c := dial(t, host, 0)
	defer c.Close()
	c.send(t, "GET "+target+" HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n")
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("answered %s", resp.Status)
	}
	return string(content), err
}
