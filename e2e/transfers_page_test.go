//go:build unix

package e2e

// The transfers page in a real browser, with real downloads behind it: rows
// appear, move and end, and the button ends the very one that it stands beside.

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// watched starts a server for dir and opens a page of its admin listener.
func watched(t *testing.T, dir, path string, args ...string) (*server, *tab) {
	t.Helper()
	s := start(t, append([]string{dir}, args...)...)
	p := newTab(t, s.admin)
	p.open(path)
	return s, p
}

// slowly begins a download that goes on for as long as nobody reads it. The
// path is as it is written in a request.
func (s *server) slowly(t *testing.T, path string) *client {
	t.Helper()
	c := dial(t, s.addr, 4096)
	c.send(t, getRequest(path))
	c.header(t)
	return c
}

// rowOf is the row of a path, for scripts.
func rowOf(path string) string {
	return fmt.Sprintf(`[...document.querySelectorAll('#rows tbody tr')].find(r => r.querySelector('[data-cell=path]').textContent === %q)`, path)
}

func TestTransfersPageIsLive(t *testing.T) {
	inBrowser(t)
	dir := t.TempDir()
	for _, name := range []string{"one.iso", "two.iso", "three.iso"} {
		sparse(t, dir, name, 1<<30)
	}
	s, p := watched(t, dir, "/transfers")
	p.waitFor(`!document.querySelector('#empty').hidden`)
	one, two := s.slowly(t, "/one.iso"), s.slowly(t, "/two.iso")
	p.waitFor(rowOf("/one.iso"))
	p.waitFor(rowOf("/two.iso"))
	p.waitFor(`document.querySelector('#totals').textContent.startsWith('2 transfers · ')`)
	if got := eval[string](p, rowOf("/one.iso")+`.querySelector('[data-cell=remote]').textContent`); got != "127.0.0.1" {
		t.Errorf("the client is %q", got)
	}
	// The row stays the same node while its bytes move.
	const cell = `.querySelector('[data-cell=bytes]').textContent`
	eval[int](p, "window.kept = "+rowOf("/one.iso")+", 0")
	before := eval[string](p, rowOf("/one.iso")+cell)
	if _, err := io.CopyN(io.Discard, one.r, 200<<20); err != nil {
		t.Fatal(err)
	}
	p.waitFor(fmt.Sprintf(`%s%s !== %q && window.kept === %[1]s`, rowOf("/one.iso"), cell, before))
	p.waitFor(rowOf("/one.iso") + `.querySelector('progress').value > 150`)
	p.screenshot("transfers")

	// A new one is at the top, where the newest are.
	three := s.slowly(t, "/three.iso")
	p.waitFor(`document.querySelector('#rows tbody tr [data-cell=path]').textContent === '/three.iso'`)
	three.Close()
	p.waitFor(`!` + rowOf("/three.iso"))
	p.waitFor(`document.querySelectorAll('#rows tbody tr').length === 2`)

	// The filter works as it is typed.
	p.click("#filter")
	p.press("TWO")
	p.waitFor(`document.querySelectorAll('#rows tbody tr').length === 1 && ` + rowOf("/two.iso"))
	p.press("x")
	p.waitFor(`document.querySelector('#empty').hidden === false`)
	p.open("/transfers?sort=oldest")
	p.waitFor(`document.querySelector('#rows tbody tr [data-cell=path]').textContent === '/one.iso'`)

	// What was fetched of one.iso is on the other page.
	p.open("/downloads")
	p.waitFor(rowOf("/one.iso") + `.querySelector('progress').value > 150`)
	p.screenshot("downloads")
	two.Close()
	one.Close()
}

func TestEndButtonEndsThatTransfer(t *testing.T) {
	inBrowser(t)
	dir := t.TempDir()
	sparse(t, dir, "wanted.iso", 64<<20)
	sparse(t, dir, "ended.iso", 1<<30)
	s, p := watched(t, dir, "/transfers")
	wanted, ended := s.slowly(t, "/wanted.iso"), s.slowly(t, "/ended.iso")
	p.waitFor(rowOf("/ended.iso"))
	ask := func() {
		// By the page's own button, wherever the row is by now.
		eval[int](p, rowOf("/ended.iso")+`.querySelector('.end').click(), 0`)
		p.waitFor(`document.querySelector('#confirm').open`)
		if got := eval[string](p, `document.querySelector('#confirm-path').textContent`); got != "/ended.iso" {
			t.Errorf("the question is about %q", got)
		}
	}
	ask()
	p.screenshot("transfers-end")
	p.click(`#confirm [value=keep]`)
	p.waitFor(`!document.querySelector('#confirm').open`)
	if strings.Count(s.askAdmin("GET", "/transfers?filter=ended.iso").body, "sending") != 1 {
		t.Error("it was ended without a yes")
	}
	ask()
	p.click(`#confirm-end`)
	p.waitFor(`!` + rowOf("/ended.iso"))
	p.waitFor(`document.querySelector('#status').textContent === 'Ended.'`)
	if n, err := io.Copy(io.Discard, ended.r); err == nil || n >= 1<<30 {
		t.Errorf("the client of the one that was ended got %d bytes, %v", n, err)
	}
	if n, err := io.CopyN(io.Discard, wanted.r, 64<<20); err != nil {
		t.Errorf("the other one ended after %d bytes: %v", n, err)
	}
	for _, r := range s.records(2) {
		switch r.Path {
		case "/ended.iso":
			if r.Outcome != "aborted" || r.Error != "ended by an operator" || r.Sent >= 1<<30 {
				t.Errorf("%+v", r)
			}
		default:
			if r.Outcome != "complete" {
				t.Errorf("%+v", r)
			}
		}
	}
}

// Names chosen to do harm are only shown.
func TestHostileNamesInTransfers(t *testing.T) {
	inBrowser(t)
	dir := t.TempDir()
	names := []string{`<img src=x onerror=alert(1)>`, "\u202Egnp.exe", "\x1b]0;x\x07", `"><script>alert(2)<`, `javascript:alert(3)`, "\xff\xfe", "' onmouseover='alert(4)", "{{.}}"}
	s, p := watched(t, dir, "/transfers")
	for _, name := range names {
		sparse(t, dir, name, 1<<30)
		s.slowly(t, "/"+url.PathEscape(name))
	}
	check := func() {
		p.waitFor(fmt.Sprintf(`document.querySelectorAll('#rows tbody tr').length === %d`, len(names)))
		p.waitFor(rowOf("/<img src=x onerror=alert(1)>"))
		p.waitFor(rowOf("/\uFFFDgnp.exe"))
		p.waitFor(rowOf("/\uFFFD]0;x\uFFFD"))
		if n := eval[int](p, `document.querySelectorAll('main img, main script, [onmouseover], [onerror]').length`); n > 0 {
			t.Errorf("%d elements came from names", n)
		}
	}
	check() // as the script writes them
	for _, path := range []string{"/transfers", "/downloads"} {
		p.open(path) // as the server does
		check()
	}
	p.open("/transfers?filter=" + url.QueryEscape("<img"))
	p.waitFor(`document.querySelectorAll('#rows tbody tr').length === 1`)
	if got := eval[string](p, `document.querySelector('#filter').value`); got != "<img" {
		t.Errorf("the filter is %q", got)
	}
}

func TestTransfersWithoutJavaScript(t *testing.T) {
	inBrowser(t)
	dir := t.TempDir()
	sparse(t, dir, "big.iso", 1<<30)
	s := start(t, dir)
	c := s.slowly(t, "/big.iso")
	p := newTab(t, s.admin)
	p.noScript()
	p.open("/transfers")
	p.waitFor(rowOf("/big.iso"))
	if got := eval[int](p, `document.querySelectorAll('noscript meta[http-equiv=refresh]').length`); got != 1 {
		t.Errorf("%d things bring the page up to date", got)
	}
	p.click(".end")
	p.waitFor(`location.pathname === '/transfers' && document.querySelectorAll('#rows tbody tr').length === 0`)
	if _, err := io.Copy(io.Discard, c.r); err == nil {
		t.Error("the download went on to its end")
	}
	if r := s.records(1)[0]; r.Error != "ended by an operator" {
		t.Errorf("%+v", r)
	}
}

// A page of another origin has neither way: neither a form nor a script ends
// what it does not own.
func TestPagesOfOthersEndNothing(t *testing.T) {
	inBrowser(t)
	dir := t.TempDir()
	sparse(t, dir, "big.iso", 1<<30)
	s := start(t, dir, "--csp", "none")
	s.slowly(t, "/big.iso")
	var id string
	waitUntil(t, "it is in flight", func() bool {
		_, rest, found := strings.Cut(s.askAdmin("GET", "/transfers?format=json").body, `"id":`)
		id, _, _ = strings.Cut(rest, ",")
		return found
	})
	end := "http://" + s.admin + "/transfers/" + id + "/end"
	write(t, filepath.Join(dir, "evil.html"), `<!DOCTYPE html><link rel=icon href=data:,><form method=post action="`+end+`"></form>`)
	p := openTab(t, s.addr) // its complaints are the point
	p.open("/evil.html")
	if got := eval[string](p, `fetch('`+end+`', {method: 'POST'}).then(() => 'read', () => 'refused')`); got != "refused" {
		t.Errorf("the script's request was %s", got)
	}
	if got := eval[string](p, `fetch('`+end+`', {method: 'POST', mode: 'no-cors'}).then(a => a.type, () => 'refused')`); got == "" {
		t.Error("no answer")
	}
	eval[int](p, `document.querySelector('form').submit(), 0`)
	p.waitFor(`document.body.textContent.includes('This was sent by a page of another site.')`)
	if got := s.askAdmin("GET", "/transfers").body; !strings.Contains(got, "/big.iso") || !strings.Contains(got, "sending") {
		t.Errorf("it was ended: %s", got)
	}
}

func TestTransfersOnAPhone(t *testing.T) {
	inBrowser(t)
	dir := t.TempDir()
	long := strings.Repeat("a-very-long-name-", 12) + ".iso"
	for _, name := range []string{"short.iso", long} {
		sparse(t, dir, name, 1<<30)
	}
	s := start(t, dir)
	s.slowly(t, "/short.iso")
	s.slowly(t, "/"+long)
	p := newTab(t, s.admin)
	p.phone()
	p.colorScheme("dark")
	for _, path := range []string{"/transfers", "/downloads", "/", "/health", "/nothing"} {
		if path == "/nothing" {
			p.expect("404")
		}
		p.open(path)
		if path == "/transfers" {
			p.waitFor(rowOf("/" + long))
		}
		if wide := eval[int](p, `document.documentElement.scrollWidth`); wide > 390 {
			t.Errorf("%s is %d pixels wide", path, wide)
		}
		p.screenshot("admin-phone" + strings.ReplaceAll(path, "/", "-"))
	}
	p.open("/transfers")
	if got := eval[float64](p, `document.querySelector('.end').getBoundingClientRect().height`); got < 44 {
		t.Errorf("the button is %v pixels high", got)
	}
}

// A drain is seen while it lasts, and the end of the server after it.
func TestDrainIsWatchedInTheBrowser(t *testing.T) {
	inBrowser(t)
	dir := t.TempDir()
	sparse(t, dir, "big.iso", 1<<30)
	s, p := watched(t, dir, "/transfers", "--drain-timeout", "5m")
	c := s.slowly(t, "/big.iso")
	p.waitFor(rowOf("/big.iso"))
	if !eval[bool](p, `document.querySelector('#drain').hidden`) {
		t.Error("it is said to drain already")
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.waitFor(`!document.querySelector('#drain').hidden && document.querySelector('#drain p').textContent.includes('1 of 1 connection left, 1 transfer in flight.')`)
	p.screenshot("transfers-drain")
	p.expect("ERR_") // once the server is gone
	if _, err := io.Copy(io.Discard, c.r); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	c.Close()
	p.waitFor(`!document.querySelector('#gone').hidden`)
	p.screenshot("transfers-gone")
	if code := s.wait(); code != 0 {
		t.Errorf("exit status %d", code)
	}
}

func TestOverviewAndHealthAreLive(t *testing.T) {
	inBrowser(t)
	dir := filepath.Join(t.TempDir(), "files")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	_, p := watched(t, dir, "/")
	p.waitFor(`document.querySelector('[data-text=ready]').textContent === 'yes'`)
	p.screenshot("overview")
	if err := os.Rename(dir, dir+"-away"); err != nil {
		t.Fatal(err)
	}
	p.waitFor(`document.querySelector('[data-text=ready]').textContent === 'no' && document.querySelector('#health').classList.contains('failed')`)
	p.expect("503") // what /health says, and Chromium repeats
	p.open("/health")
	p.waitFor(`document.querySelector('[data-key=files] [data-cell=reason]').textContent.includes('no such file')`)
	p.screenshot("health")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	p.waitFor(`document.querySelector('[data-key=files] [data-cell=score]').textContent === '100'`)
}

// What the script writes is what the server writes.
func TestScriptAndServerWriteAlike(t *testing.T) {
	inBrowser(t)
	dir := t.TempDir()
	for i, size := range []int64{1<<30 + 1, 1 << 30, 1500 << 20, 10<<30 - 1} {
		sparse(t, dir, fmt.Sprintf("file-%d", i), size)
	}
	s := start(t, dir)
	for i := range 4 {
		s.slowly(t, fmt.Sprintf("/file-%d", i))
	}
	const texts = `[...document.querySelectorAll('#rows tbody tr')].map(r => ['path', 'user', 'remote', 'part', 'bytes', 'state'].map(c => r.querySelector('[data-cell=' + c + ']').textContent).join('|')).sort().join('\n')`
	p := newTab(t, s.admin)
	p.noScript()
	p.open("/transfers")
	server := eval[string](p, texts)
	q := newTab(t, s.admin)
	q.open("/transfers?filter=nothing-yet")
	q.waitFor(`document.querySelectorAll('#rows tbody tr').length === 0`)
	// From here on every row is the script's.
	eval[int](q, `document.querySelector('#filter').value = '', document.querySelector('#filter').dispatchEvent(new Event('input')), 0`)
	q.waitFor(`document.querySelectorAll('#rows tbody tr').length === 4`)
	if script := eval[string](q, texts); script != server {
		t.Errorf("the script writes\n%s\nbut the server\n%s", script, server)
	}
}

// The picture of the README, taken anew: see TestPicturesOfTheREADME.
func TestPictureOfTransfersOfTheREADME(t *testing.T) {
	inBrowser(t)
	dir := t.TempDir()
	s := start(t, dir)
	stop := make(chan struct{})
	var clients sync.WaitGroup
	defer clients.Wait()
	defer close(stop)
	for i, f := range []struct {
		name string
		size int64
		from int64 // of the file, in percent
		pace int64 // KiB read every 50 ms
	}{
		{"fullbore-1.4-amd64.iso", 3 << 30, 0, 2000},
		{"dataset-2026.parquet", 1288490188, 40, 700},
		{"fullbore-1.4.img.xz", 734003200, 0, 350},
		{"walkthrough.webm", 48234496, 0, 60},
		{"fullbore-1.4-arm64.iso", 2936012800, 70, 1200},
		{"dataset-2026.csv.zst", 412316860, 0, 90},
	} {
		sparse(t, dir, f.name, f.size)
		c := dialFrom(t, s.addr, fmt.Sprintf("127.0.0.%d", 11+7*i))
		request := "GET /" + f.name + " HTTP/1.1\r\nHost: test\r\n"
		if f.from > 0 {
			request += fmt.Sprintf("Range: bytes=%d-\r\n", f.size*f.from/100)
		}
		c.send(t, request+"\r\n")
		c.header(t)
		clients.Go(func() {
			tick := time.NewTicker(50 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-stop:
					return
				case <-tick.C:
					if _, err := io.CopyN(io.Discard, c.r, f.pace<<10); err != nil {
						return // at the end of the file: the picture took long
					}
				}
			}
		})
	}
	p := newTab(t, s.admin)
	p.open("/transfers?sort=fastest")
	p.waitFor(`document.querySelectorAll('#rows tbody tr').length >= 6 && parseInt(document.querySelector('[data-cell=age]').textContent) >= 3`)
	p.screenshot("readme-transfers")
}
