//go:build unix

package e2e

// The listing in a real browser, as people use it: by mouse, by keys, by
// thumb, without scripts; and with names that somebody chose to do harm.

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// names are the names that the page shows, folders with a slash, top down; null
// while it is not there yet.
const names = `document.readyState !== 'complete' ? null : [...document.querySelectorAll('#list tbody tr:not(.up)')].filter(r => !r.hidden).map(r => r.querySelector('.n bdi').textContent)`

// shows waits until the page shows these names and no other.
func (p *tab) shows(want ...string) {
	p.t.Helper()
	var got []string
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		// While the page changes there is nothing to ask.
		if got, err = chromedp.Run(p.ctx, chromedp.Evaluate[[]string](names)); err == nil && got != nil && slices.Equal(got, want) {
			return
		}
	}
	p.t.Fatalf("the page shows %q (%v), want %q; it says %q", got, err, want, p.heard())
}

// click clicks on the first element that a CSS selector finds.
func (p *tab) click(selector string) {
	p.t.Helper()
	p.do(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// clickName clicks on the link of a name.
func (p *tab) clickName(name string) {
	p.t.Helper()
	p.click(fmt.Sprintf("#list .n a[href=%q]", eval[string](p, fmt.Sprintf(
		`[...document.querySelectorAll('#list .n a')].find(a => a.textContent.trim() === %q).getAttribute('href')`, name))))
}

// press presses keys, one after the other. As with a real keyboard, and unlike
// with chromedp.KeyEvent, a key that the page takes for itself types nothing.
func (p *tab) press(keys string) {
	p.t.Helper()
	for _, key := range keys {
		for _, event := range kb.Encode(key) {
			if event.Type == kb.KeyDown {
				event.Type = input.DispatchKeyEventTypeRawKeyDown
			}
			if _, err := chromedp.Call(p.ctx, input.DispatchKeyEvent, *event); err != nil {
				p.t.Fatal(err)
			}
		}
	}
}

// insert types text that is not on the keyboard.
func (p *tab) insert(text string) {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, input.InsertText, input.InsertTextParams{Text: text}); err != nil {
		p.t.Fatal(err)
	}
}

// focused waits until the link in focus has this text.
func (p *tab) focused(name string) {
	p.t.Helper()
	p.waitFor(fmt.Sprintf("document.activeElement.textContent.trim() === %q", name))
}

// listed starts a server for dir and opens its listing.
func listed(t *testing.T, dir string, args ...string) *tab {
	t.Helper()
	s := start(t, append([]string{dir}, args...)...)
	p := newTab(t, s.addr)
	p.server = s
	p.open("/")
	return p
}

// sortTree has a different order by each column.
func sortTree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for i, name := range []string{"zoo", "Attic"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		aged(t, filepath.Join(dir, name), time.Duration(i+1)*time.Hour)
	}
	for name, is := range map[string]struct{ size, hours int }{
		"file2": {300, 5}, "file10": {100, 3}, "File1": {200, 4}, "éclair": {2 << 20, 9},
	} {
		write(t, filepath.Join(dir, name), strings.Repeat("x", is.size))
		aged(t, filepath.Join(dir, name), time.Duration(is.hours)*time.Hour)
	}
	return dir
}

func TestListingSortsByColumn(t *testing.T) {
	inBrowser(t)
	p := listed(t, sortTree(t))
	p.shows("Attic/", "zoo/", "File1", "file2", "file10", "éclair")
	p.screenshot("listing-light")
	for _, test := range []struct {
		column, sorted string
		want           []string // the files
	}{
		{".s", "descending", []string{"éclair", "file2", "File1", "file10"}},
		{".s", "ascending", []string{"file10", "File1", "file2", "éclair"}},
		{".t", "descending", []string{"file10", "File1", "file2", "éclair"}},
		{".t", "ascending", []string{"éclair", "file2", "File1", "file10"}},
		{".n", "ascending", []string{"File1", "file2", "file10", "éclair"}},
		{".n", "descending", []string{"éclair", "file10", "file2", "File1"}},
	} {
		p.click("thead " + test.column + " a")
		p.waitFor(fmt.Sprintf("document.readyState === 'complete' && document.querySelector('thead %s').ariaSort === %q && document.querySelectorAll('[aria-sort]').length === 1", test.column, test.sorted))
		got := eval[[]string](p, names)
		if len(got) != 6 || !slices.Equal(got[2:], test.want) || !strings.HasSuffix(got[0], "/") || !strings.HasSuffix(got[1], "/") {
			t.Errorf("sorted by %s, %s: %q, want the folders and %q", test.column, test.sorted, got, test.want)
		}
	}
}

func TestListingFiltersWhileTyping(t *testing.T) {
	inBrowser(t)
	p := listed(t, sortTree(t))
	p.do(chromedp.SendKeys(chromedp.CSS("#filter"), "FILE"))
	p.shows("File1", "file2", "file10")
	p.press("10")
	p.shows("file10")
	p.press(kb.Enter)
	p.focused("file10")
	p.press("/")        // selects what is there
	p.insert("e\u0301") // as a Mac writes é
	p.shows("éclair")
	p.press("x")
	p.shows()
	p.waitFor("!document.querySelector('.empty').hidden")
	p.press(kb.Escape)
	p.shows("Attic/", "zoo/", "File1", "file2", "file10", "éclair")
}

func TestListingNavigates(t *testing.T) {
	inBrowser(t)
	dir := t.TempDir()
	deep := []string{"fold & er", `#1?"<b>`, "100%"}
	if err := os.MkdirAll(filepath.Join(dir, filepath.Join(deep...)), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, filepath.Join(deep...), "leaf"), "leaf")
	write(t, filepath.Join(dir, "a file"), "")
	p := listed(t, dir)
	title := func(want string) {
		t.Helper()
		p.waitFor(fmt.Sprintf("document.readyState === 'complete' && document.querySelector('h1').textContent === %q", want))
	}
	for _, name := range deep {
		p.clickName(name + "/")
		title(name)
	}
	p.shows("leaf")
	crumbs := eval[[]string](p, `[...document.querySelectorAll('.crumbs a')].map(a => a.textContent)`)
	if !slices.Equal(crumbs[1:], deep[:2]) {
		t.Errorf("the folders above are %q, want the root and %q", crumbs, deep[:2])
	}
	p.click(".crumbs li:nth-child(2) a")
	title(deep[0])
	p.click(".crumbs li:nth-child(1) a")
	p.shows("fold & er/", "a file")

	// By keys alone: down and up, into the folder, and back to its parent.
	p.press("jj")
	p.focused("a file")
	p.press("k")
	p.focused("fold & er/")
	p.press(kb.Enter)
	title(deep[0])
	p.press(kb.ArrowDown + kb.ArrowDown)
	p.focused(deep[1] + "/")
	p.press(kb.Enter)
	title(deep[1])
	p.press("u")
	title(deep[0])
	p.press(kb.Backspace)
	p.shows("fold & er/", "a file")
	p.press("?")
	p.waitFor("document.querySelector('#help').open")
	p.press(kb.Escape)
	p.waitFor("!document.querySelector('#help').open")
}

// picture is a PNG of one color.
func picture(t *testing.T, name string, width, height int) {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for i := range width * height {
		img.Set(i%width, i/width, color.RGBA{uint8(i % width), uint8(i / width), 160, 255})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	write(t, name, b.String())
}

func TestListingPreviewsInPlace(t *testing.T) {
	inBrowser(t)
	dir := t.TempDir()
	picture(t, filepath.Join(dir, "1 picture.png"), 320, 200)
	const text, page = "plain <b>text</b> 日本\n", `<script>alert(1)</script><img src=x onerror=alert(2)>`
	write(t, filepath.Join(dir, "2 text.txt"), text)
	write(t, filepath.Join(dir, "3 page.html"), page)
	succeed(t, program(t, dir, "ffmpeg", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "sine=duration=1", "4 tone.wav"))
	succeed(t, program(t, dir, "ffmpeg", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=5:duration=2",
		"-c:v", "libx264", "-pix_fmt", "yuv420p", "5 video.mp4"))
	write(t, filepath.Join(dir, "6 nothing to show.bin"), "\x00")
	write(t, filepath.Join(dir, "7 broken.png"), "no picture")
	write(t, filepath.Join(dir, "8 long.log"), strings.Repeat("0123456789abcde\n", 1<<16))
	p := listed(t, dir)
	is := func(place, condition string) {
		t.Helper()
		p.waitFor(fmt.Sprintf("document.querySelector('#preview').open && document.querySelector('#preview-place').textContent === %q", place))
		p.waitFor(condition)
	}
	body := func(then string) string {
		return "(e => e && (" + then + "))(document.querySelector('#preview-body').firstElementChild)"
	}
	p.clickName("1 picture.png")
	is("1 of 7", body("e.naturalWidth === 320"))
	p.screenshot("preview")
	p.press(kb.ArrowRight)
	is("2 of 7", body(fmt.Sprintf("e.textContent === %q", text)))
	p.press(kb.ArrowRight)
	is("3 of 7", body(fmt.Sprintf("e.textContent === %q", page)))
	p.press(kb.ArrowRight)
	is("4 of 7", body("e.localName === 'audio' && Math.abs(e.duration - 1) < 0.1"))
	p.press(kb.ArrowRight)
	is("5 of 7", body("e.localName === 'video' && e.videoWidth === 160 && Math.abs(e.duration - 2) < 0.3"))
	eval[any](p, body("e.play().then(() => true)"))
	p.waitFor(body("e.currentTime > 0.2"))
	p.click("#preview [data-do=next]")
	is("6 of 7", body("e.textContent.includes('cannot show')"))
	p.press(kb.ArrowRight)
	is("7 of 7", body("e.textContent.length === 65536")+" && document.querySelector('#preview-note').textContent.includes('64 KiB')")
	p.press(kb.ArrowRight) // there is none
	p.press(kb.ArrowLeft)
	is("6 of 7", "true")
	p.press(kb.Escape)
	p.waitFor("!document.querySelector('#preview').open && !document.querySelector('#preview-body').firstElementChild")
	p.focused("7 broken.png")

	// A preview of text asks for no more than it shows.
	for _, r := range p.server.wholeLog() {
		if strings.HasPrefix(r.Path, "/8") && (r.Status != 206 || r.Range != "0-65535") {
			t.Errorf("the preview of a long text is logged as %+v", r)
		}
	}
}

func TestListingCopiesALink(t *testing.T) {
	inBrowser(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "näme #1?.txt"), "content")
	p := listed(t, dir)
	want := "http://" + p.host + "/n%C3%A4me%20%231%3F.txt"
	for _, permission := range []cdpbrowser.PermissionSetting{"granted", "denied"} {
		// Denied, as in a page that is not from this machine and not by TLS.
		p.permit("clipboard-read", "granted")
		eval[any](p, "navigator.clipboard.writeText('nothing')")
		p.permit("clipboard-write", permission)
		p.click("#list tbody [data-do=copy]")
		p.waitFor("document.querySelector('#status').textContent === 'Link copied'")
		if got := eval[string](p, "navigator.clipboard.readText()"); got != want {
			t.Errorf("writing is %s; the clipboard has %q, want %q", permission, got, want)
		}
		p.open("/")
	}
}

// permit sets a permission of the page's.
func (p *tab) permit(name string, setting cdpbrowser.PermissionSetting) {
	p.t.Helper()
	_, err := chromedp.CallBrowser(p.ctx, cdpbrowser.SetPermission, cdpbrowser.SetPermissionParams{
		Permission: &cdpbrowser.PermissionDescriptor{Name: name}, Setting: setting,
		BrowserContextID: chromedp.FromContext(p.ctx).BrowserContextID,
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

func TestListingTheme(t *testing.T) {
	inBrowser(t)
	p := newTab(t, start(t, sortTree(t)).addr)
	ground := func() string { return eval[string](p, "getComputedStyle(document.body).backgroundColor") }
	p.colorScheme("light")
	p.open("/")
	light := ground()
	p.colorScheme("dark")
	dark := ground()
	if dark == light {
		t.Errorf("the ground is %s, whatever the user prefers", light)
	}
	p.screenshot("listing-dark")
	for _, want := range []struct{ theme, ground string }{{"light", light}, {"dark", dark}} {
		p.colorScheme("light")
		p.click("[data-do=theme]")
		p.waitFor(fmt.Sprintf("document.documentElement.dataset.theme === %q", want.theme))
		p.do(chromedp.Reload())
		p.colorScheme(map[string]string{"light": "dark", "dark": "light"}[want.theme]) // which no longer counts
		if got := ground(); got != want.ground {
			t.Errorf("theme %s, after a reload: the ground is %s, want %s", want.theme, got, want.ground)
		}
	}
	p.click("[data-do=theme]")
	p.waitFor("document.documentElement.dataset.theme === 'auto'")
}

func TestListingWithoutScripts(t *testing.T) {
	inBrowser(t)
	p := newTab(t, start(t, sortTree(t)).addr)
	p.noScript()
	p.open("/")
	if eval[bool](p, "document.documentElement.classList.contains('js')") {
		t.Fatal("the page's script ran")
	}
	p.shows("Attic/", "zoo/", "File1", "file2", "file10", "éclair")
	p.click("thead .s a")
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
	links := eval[[][]string](p, `[...document.querySelectorAll('#list tbody tr:has(a[download])')].map(r => [...r.querySelectorAll('a')].map(a => a.href))`)
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

func TestBrowserSavesADownload(t *testing.T) {
	inBrowser(t)
	const name = "Übersicht 日本 #1 100%.bin"
	dir, into := t.TempDir(), t.TempDir()
	sum := noise(t, filepath.Join(dir, name), 3<<20, 9)
	p := listed(t, dir)
	_, err := chromedp.CallBrowser(p.ctx, cdpbrowser.SetDownloadBehavior, cdpbrowser.SetDownloadBehaviorParams{
		Behavior: "allow", DownloadPath: into, BrowserContextID: chromedp.FromContext(p.ctx).BrowserContextID,
	})
	if err != nil {
		t.Fatal(err)
	}
	p.click("#list a[download]")
	waitUntil(t, "the file is saved", func() bool { return sizeOf(filepath.Join(into, name)) == 3<<20 })
	if sha256Of(t, filepath.Join(into, name)) != sum {
		t.Error("the file is not the original")
	}
}
