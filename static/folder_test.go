package static

// Folders: their index file, their listing, or neither.

import (
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestIndexFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "index.html", "index")
	write(t, dir, "sub/start.htm", "start")
	write(t, dir, "sub/f", "f")
	for _, browse := range []bool{false, true} {
		addr := serve(t, "/", dir, Config{Browse: browse})
		got := ask(t, addr, "GET", "/", "Accept: application/json")
		if got.body != "index" || got.Header.Get("Content-Type") != "text/html; charset=utf-8" || got.Header.Get("ETag") != validatorsNow(t, filepath.Join(dir, "index.html")).etag {
			t.Errorf("%q %v", got.body, got.Header)
		}
		if got := ask(t, addr, "GET", "/", "Range: bytes=1-2"); got.StatusCode != 206 || got.body != "nd" {
			t.Errorf("a range of it: %d %q", got.StatusCode, got.body)
		}
		if got := ask(t, addr, "GET", "/", "If-None-Match: "+got.Header.Get("ETag")); got.StatusCode != 304 {
			t.Errorf("unchanged: %d", got.StatusCode)
		}
		if got := ask(t, serve(t, "/", dir, Config{Browse: browse, Index: "start.htm"}), "GET", "/sub/"); got.body != "start" {
			t.Errorf("%q", got.body)
		}
	}
}

func TestFolderRedirectsToItsSlash(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "sub/index.html", "x")
	write(t, dir, "sub/sub/f", "x")
	link(t, dir, "link", "sub")
	for _, browse := range []bool{false, true} {
		addr := serve(t, "/", dir, Config{Browse: browse})
		for target, want := range map[string]string{
			"/sub": "./sub/", "/sub?x=1&y=%20": "./sub/?x=1&y=%20", "/sub/sub": "./sub/", "/link": "./link/", "/%73ub": "./sub/", "/sub/.": "", "/sub/": "", "/sub//": "",
		} {
			got := ask(t, addr, "GET", target)
			if location := got.Header.Get("Location"); location != want || (got.StatusCode == 302) != (want != "") {
				t.Errorf("%s: %d to %q, want %q", target, got.StatusCode, location, want)
			}
		}
	}
}

// Without Browse nobody learns what is in a folder, but its files are served.
func TestBrowseOff(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "sub/f", "x")
	addr := serve(t, "/", dir)
	for target, want := range map[string]int{"/": 403, "/sub/": 403, "/sub": 302, "/sub/f": 200, "/nope/": 404} {
		for _, accept := range []string{"text/html", "application/json", "text/plain", "*/*"} {
			got := ask(t, addr, "GET", target, "Accept: "+accept)
			if got.StatusCode != want || strings.Contains(got.body, "sub") {
				t.Errorf("%s: %d %q, want %d", target, got.StatusCode, got.body, want)
			}
		}
	}
}

// namesIn are the names that a listing in JSON has.
func namesIn(t *testing.T, addr, target string) map[string]bool {
	t.Helper()
	got := ask(t, addr, "GET", target, "Accept: application/json")
	if got.StatusCode != 200 || !strings.HasPrefix(got.Header.Get("Content-Type"), "application/json") {
		t.Fatalf("%s: %d %v", target, got.StatusCode, got.Header)
	}
	var all any
	if err := json.Unmarshal([]byte(got.body), &all); err != nil {
		t.Fatalf("%s: %v in %s", target, err, got.body)
	}
	names := map[string]bool{}
	collect(all, names)
	return names
}

// collect finds the value of each "name" in a JSON value.
func collect(value any, names map[string]bool) {
	switch value := value.(type) {
	case []any:
		for _, v := range value {
			collect(v, names)
		}
	case map[string]any:
		if name, ok := value["name"].(string); ok {
			names[name] = true
		}
		for _, v := range value {
			collect(v, names)
		}
	}
}

func TestListingShowsWhatLinksLeadTo(t *testing.T) {
	root := outside(t)
	closed, open := namesIn(t, serve(t, "/", root, Config{Browse: true}), "/"), namesIn(t, serve(t, "/", root, Config{Browse: true, OutsideLinks: true}), "/")
	for name, want := range map[string]bool{
		"f": true, "in": true, "sub": true, "indir": true, "chain": true, "tohidden": true, "absinside": true, "around": true, "absdir": true, "abschain": true, "relabs": true,
		"out": false, "outdir": false, "abs": false, "beside": false, "absevil": false, "absup": false, "absouts": false, "absloop": false, "absbroken": false, "absparent": false, "absdev": false, "up": false, "loop": false, "broken": false, "null": false, "proc": false, ".hidden": false,
	} {
		if closed[name] != want && !closed[name+"/"] {
			t.Errorf("%s is listed: %v, want %v", name, closed[name], want)
		}
	}
	for name, want := range map[string]bool{"f": true, "in": true, "out": true, "abs": true, "absinside": true, "loop": false, "broken": false, "null": false, ".hidden": false} {
		if open[name] != want {
			t.Errorf("with OutsideLinks %s is listed: %v, want %v", name, open[name], want)
		}
	}
}

// What a page links to is what there is, whatever its name, and nothing in it
// is taken for a tag.
func TestListingLinksEveryName(t *testing.T) {
	dir := t.TempDir()
	for i, name := range nastyNames {
		write(t, dir, "list/"+name, fmt.Sprintf("content %d", i))
	}
	write(t, dir, "list/folder/x", "x")
	addr := serve(t, "/", dir, Config{Browse: true, Hidden: true})
	page := ask(t, addr, "GET", "/list/", "Accept: text/html")
	if got := page.Header.Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("Content-Type %q", got)
	}
	for _, raw := range []string{"<img src=x", "\x1b", "new\nline", "\xff", "\a"} {
		if strings.Contains(page.body, raw) {
			t.Errorf("the page contains %q as it is", raw)
		}
	}
	base, _ := url.Parse("http://" + addr + "/list/")
	got := map[string]bool{}
	for _, link := range regexp.MustCompile(`href="(\./[^"]*)"`).FindAllStringSubmatch(page.body, -1) {
		target, err := base.Parse(html.UnescapeString(link[1]))
		if err != nil || target.Host != addr {
			t.Fatalf("%q leads to %v (%v)", link[1], target, err)
		}
		got[ask(t, addr, "GET", target.EscapedPath()).body] = true
	}
	for i, name := range nastyNames {
		if !got[fmt.Sprintf("content %d", i)] {
			t.Errorf("no link leads to %q", name)
		}
	}
}

// Names come and go while a page of them is made.
func TestListingOfAFolderThatChanges(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "stays", "x")
	addr := serve(t, "/", dir, Config{Browse: true})
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		for i := 0; ; i++ {
			name := filepath.Join(dir, fmt.Sprint("f", i%50))
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
			if os.Remove(name) == nil {
				continue
			}
			if err := os.WriteFile(name, nil, 0o600); err != nil {
				ended <- err
				return
			}
		}
	}()
	for range 100 {
		if !namesIn(t, addr, "/")["stays"] {
			t.Error("what stays is not listed")
		}
	}
	close(stop)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A listing is compressed when files are, and says so to caches.
func TestListingIsCompressed(t *testing.T) {
	dir := t.TempDir()
	for i := range 500 {
		write(t, dir, fmt.Sprintf("file%d", i), "x")
	}
	for _, compress := range []bool{false, true} {
		addr := serve(t, "/", dir, Config{Browse: true, Compress: compress})
		got := ask(t, addr, "GET", "/", "Accept: text/html", "Accept-Encoding: gzip")
		coding, page := got.Header.Get("Content-Encoding"), got.body
		if compress && coding == "gzip" {
			page = gunzip(t, page)
		}
		if (coding == "gzip") != compress || !strings.Contains(page, "file499") {
			t.Errorf("Compress %v: coding %q, %d bytes", compress, coding, len(page))
		}
		if vary := got.Header.Get("Vary"); compress && !strings.Contains(vary, "Accept-Encoding") {
			t.Errorf("Vary is %q", vary)
		}
	}
}
