//go:build unix

package e2e

// The listing in a real browser, as people use it: by mouse, by keys, by
// thumb, without scripts; and with names chosen to do harm.

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
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
		p.click("thead " + test.column + " button")
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
