//go:build unix

package e2e

// The listing without scripts, on a phone, with thousands of files.

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

func TestListingWithoutScripts(t *testing.T) {
	inBrowser(t)
	p := newTab(t, start(t, sortTree(t)).addr)
	p.noScript()
	p.open("/")
	if eval[bool](p, "document.documentElement.classList.contains('js')") {
		t.Fatal("the page's script ran")
	}
	p.shows("Attic/", "zoo/", "File1", "file2", "file10", "éclair")
	p.click("thead .s button")
	p.waitFor("document.querySelector('thead .s').ariaSort === 'descending'")
	p.waitFor("document.readyState === 'complete'")
	if got := eval[[]string](p, names); got[2] != "éclair" {
		t.Errorf("sorted by size: %q", got)
	}
	p.do(chromedp.SendKeys(chromedp.CSS("#filter"), "FILE"))
	p.click(".apply")
	p.shows("file2", "File1", "file10") // still by size
	p.click(".notice a")
	p.waitFor("document.querySelectorAll('#list tbody tr').length === 6")
	p.clickName("zoo/")
	p.waitFor("document.querySelector('h1').textContent === 'zoo'")
	p.click("#up")
	p.waitFor("document.querySelectorAll('#list tbody tr').length === 6")
	for _, useless := range eval[[]string](p, `[...document.querySelectorAll('button')].filter(b => b.checkVisibility() && !b.form).map(b => b.outerHTML)`) {
		t.Errorf("without scripts this does nothing: %s", useless)
	}
}

func TestListingHasPages(t *testing.T) {
	inBrowser(t)
	dir := t.TempDir()
	const files, onPage = 2500, 1000
	for i := range files {
		write(t, filepath.Join(dir, fmt.Sprintf("file %d", i)), "")
	}
	p := listed(t, dir)
	for first := 0; first < files; first += onPage {
		p.showsFiles(first, min(first+onPage, files))
		if first+onPage < files {
			p.follow("Next")
		}
	}
	// What is on another page is found by asking the server.
	p.do(chromedp.SendKeys(chromedp.CSS("#filter"), "E 1234"+kb.Enter))
	p.shows("file 1234")

	p = newTab(t, p.host)
	p.noScript()
	p.open("/?limit=100") // which the links keep
	p.showsFiles(0, 100)
	p.follow("Last")
	p.showsFiles(2400, 2500)
	p.follow("Previous")
	p.showsFiles(2300, 2400)
	p.follow("First")
	p.showsFiles(0, 100)
	p.do(chromedp.SendKeys(chromedp.CSS("#filter"), "E 1234"+kb.Enter))
	p.shows("file 1234")
}

// showsFiles waits until the page shows "file FROM" and so on, before "file TO".
func (p *tab) showsFiles(from, to int) {
	p.t.Helper()
	var want []string
	for i := from; i < to; i++ {
		want = append(want, fmt.Sprintf("file %d", i))
	}
	p.shows(want...)
}

// follow follows a link to another page of the listing.
func (p *tab) follow(text string) {
	p.t.Helper()
	eval[any](p, fmt.Sprintf("[...document.querySelectorAll('.pager a[href]')].find(a => a.textContent === %q).click()", text))
}

func TestListingOnAPhone(t *testing.T) {
	inBrowser(t)
	dir := t.TempDir()
	for _, name := range hostileNames {
		write(t, filepath.Join(dir, name), "content")
	}
	deep := strings.Repeat("/"+strings.Repeat("W", 80), 5)
	if err := os.MkdirAll(filepath.Join(dir, deep), 0o755); err != nil {
		t.Fatal(err)
	}
	picture(t, filepath.Join(dir, deep, "wide.png"), 3000, 300)
	write(t, filepath.Join(dir, deep, "wide.txt"), strings.Repeat("W", 5000))
	p := newTab(t, start(t, dir, "--readme").addr)
	write(t, filepath.Join(dir, deep, "README.md"), "# "+strings.Repeat("W", 300)+"\n\n"+strings.Repeat("| wide ", 40)+"|\n"+strings.Repeat("| --- ", 40)+"|\n\n    "+strings.Repeat("code ", 200))
	p.phone()
	p.expect("404")
	for _, path := range []string{"/", deep + "/", "/?filter=" + strings.Repeat("W", 250), "/missing"} {
		p.open(path)
		p.fits(path)
	}
	p.open("/")
	p.screenshot("phone")
	p.open(deep + "/")
	p.screenshot("phone-deep")
	for _, name := range []string{"wide.png", "wide.txt"} {
		p.clickName(name)
		p.waitFor("document.querySelector('#preview-body').firstElementChild")
		p.fits("the preview of " + name)
		p.screenshot("phone-preview-" + filepath.Ext(name)[1:])
		p.click("#preview [data-do=close]")
	}
}

// fits checks that nothing is beside the screen, and that what can be tapped is
// at least 24 pixels large (WCAG 2.2, success criterion 2.5.8, which excepts
// links in a sentence), and rows 40.
func (p *tab) fits(what string) {
	p.t.Helper()
	if wide := eval[[]int](p, "[document.scrollingElement.scrollWidth, innerWidth]"); wide[0] > wide[1] || wide[1] != 390 {
		p.t.Errorf("%s: %d pixels wide on a screen of %d", what, wide[0], wide[1])
	}
	for _, small := range eval[[]string](p, `[...document.querySelectorAll('a, button, input, summary')].filter(e => {
		const box = e.getBoundingClientRect();
		return e.checkVisibility() && !e.closest('.box, .sr, .skip, p.notice') && box.width && (box.width < 24 || box.height < 24);
	}).map(e => e.outerHTML)`) {
		p.t.Errorf("%s: too small to be tapped: %s", what, small)
	}
	for _, row := range eval[[]float64](p, `[...document.querySelectorAll('#list tbody tr')].map(r => r.getBoundingClientRect().height)`) {
		if row < 40 {
			p.t.Errorf("%s: a row is %v pixels high", what, row)
		}
	}
}

func TestErrorPageIsInTheSameStyle(t *testing.T) {
	inBrowser(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), "")
	p := listed(t, dir)
	style := `JSON.stringify([getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).font])`
	want := eval[string](p, style)
	p.expect("404")
	p.open("/missing%3Cscript%3Ealert(1)%3C%2Fscript%3E")
	if got := eval[string](p, style); got != want {
		t.Errorf("the style is %s, that of the listing %s", got, want)
	}
	if text := eval[string](p, "document.body.innerText"); !strings.Contains(text, "404") || !strings.Contains(text, "Not Found") || strings.Contains(text, "alert") {
		t.Errorf("the page says %q", text)
	}
	p.screenshot("error")
	p.click("main a")
	p.shows("file")
}

func TestListingShowsTheReadme(t *testing.T) {
	inBrowser(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "README.md"), "# Welcome\n\nThis is *the* archive. <script>alert(1)</script><img src=x: onerror=alert(2)>\n\n"+
		"[run](javascript:alert(3)) <a href='&#106;avascript:alert(4)'>run</a>\n\n<style>* { display: none }</style></details></main>\n\n"+
		"| a | b |\n|---|---|\n| 1 | 2 |\n\n<iframe src='//evil.example'></iframe><form action=//evil.example><button id=filter>x</button></form>"+
		"<img src=http://evil.example/pixel.png><svg onload=alert(5)><math><mtext></table><img src onerror=alert(6)>")
	p := listed(t, dir, "--readme")
	p.waitFor("document.querySelector('.readme h1').textContent === 'Welcome' && document.querySelector('.readme em').textContent === 'the'")
	p.waitFor("document.querySelector('.readme table td').textContent === '1'")
	p.screenshot("readme")
	for _, link := range eval[[]string](p, "[...document.querySelectorAll('.readme a')].map(a => a.href)") {
		if strings.Contains(link, "script:") {
			t.Errorf("the readme has a link to %s", link)
		}
	}
	p.shows("README.md")
	if outside := listed(t, dir); eval[bool](outside, "!!document.querySelector('.readme')") {
		t.Error("without --readme it is shown, too")
	}
}

// A page is one request, and a second visit is at most one.
func TestListingNeedsNothingElse(t *testing.T) {
	inBrowser(t)
	p := listed(t, sortTree(t))
	p.do(chromedp.Reload())
	if n := len(p.server.wholeLog()); n != 2 {
		t.Errorf("two visits were %d requests: %q", n, p.requests)
	}
}

// A browser saves a file under the name that it has here. Chromium itself composes letters
// (NFC), and puts "_" for what joins emoji.
func TestBrowserSavesADownload(t *testing.T) {
	inBrowser(t)
	for name, saved := range map[string]string{
		"Übersicht 日本 #1 100%.bin": "",
		"caf\u00e9.bin":            "",
		"cafe\u0301 2.bin":         "caf\u00e9 2.bin",
		"🎈 👩\u200d🚀 🇯🇵.bin":        "🎈 👩_🚀 🇯🇵.bin",
		"+plus; semi='x' (1).bin":  "",
		"русский файл.tar.zst":     "",
	} {
		if saved == "" {
			saved = name
		}
		t.Run(name, func(t *testing.T) { savesADownload(t, name, saved) })
	}
}

func savesADownload(t *testing.T, name, saved string) {
	dir, into := t.TempDir(), t.TempDir()
	sum := noise(t, filepath.Join(dir, name), 3<<20, 9)
	p := listed(t, dir)
	_, err := chromedp.CallBrowser(p.ctx, cdpbrowser.SetDownloadBehavior, cdpbrowser.SetDownloadBehaviorParams{
		Behavior: "allow", DownloadPath: into, BrowserContextID: chromedp.FromContext(p.ctx).BrowserContextID,
	})
	if err != nil {
		t.Fatal(err)
	}
	p.click("#list button[name=download]")
	waitUntil(t, "the file is saved", func() bool { return sizeOf(filepath.Join(into, saved)) == 3<<20 })
	if sha256Of(t, filepath.Join(into, saved)) != sum {
		t.Error("the file is not the original")
	}
}
