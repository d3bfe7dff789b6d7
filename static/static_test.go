package static

import (
	"bufio"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// serve mounts New(root) on an app with a real socket and gives its address.
func serve(t *testing.T, mount, root string, config ...Config) string {
	t.Helper()
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	h, err := Open(root, config...)
	if err != nil {
		t.Fatal(err)
	}
	app.Use(mount, h.Handle)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- app.Listener(ln) }()
	t.Cleanup(func() {
		if err := app.Shutdown(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
		_ = h.Close()
	})
	return ln.Addr().String()
}

// response is an answer with its body read.
type response struct {
	*http.Response
	body string
}

// ask sends one request with the target exactly as given.
func ask(t *testing.T, addr, method, target string, headers ...string) response {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw := method + " " + target + " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n"
	for _, h := range headers {
		raw += h + "\r\n"
	}
	if _, err := io.WriteString(conn, raw+"\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return response{resp, string(body)}
}

// write makes a file below dir, with the folders on the way, an hour old.
func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	full := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(full, old, old); err != nil {
		t.Fatal(err)
	}
	return full
}

func TestWholeFile(t *testing.T) {
	dir := t.TempDir()
	for _, size := range []int{0, 1, 100, 4000, 5000, 20_000, 3 << 20} {
		content := strings.Repeat("x", size)
		name := fmt.Sprintf("f%d.txt", size)
		info, err := os.Stat(write(t, dir, name, content))
		if err != nil {
			t.Fatal(err)
		}
		addr := serve(t, "/", dir)
		get := ask(t, addr, "GET", "/"+name)
		if get.StatusCode != 200 || get.body != content || get.ContentLength != int64(size) {
			t.Errorf("%s: %d, %d bytes, length %d", name, get.StatusCode, len(get.body), get.ContentLength)
		}
		for key, want := range map[string]string{
			"Content-Type":           "text/plain; charset=utf-8",
			"Accept-Ranges":          "bytes",
			"X-Content-Type-Options": "nosniff",
			"Last-Modified":          info.ModTime().UTC().Format(http.TimeFormat),
			"ETag":                   validatorsOf(info).etag,
		} {
			if got := get.Header.Get(key); got != want {
				t.Errorf("%s: %s is %q, want %q", name, key, got, want)
			}
		}
		head := ask(t, addr, "HEAD", "/"+name)
		get.Header.Del("Date")
		head.Header.Del("Date")
		if fmt.Sprint(head.Header) != fmt.Sprint(get.Header) || head.body != "" {
			t.Errorf("HEAD gave %v, GET %v", head.Header, get.Header)
		}
	}
}

func TestETagIsAnotherForEveryVersion(t *testing.T) {
	dir := t.TempDir()
	addr := serve(t, "/", dir)
	seen := map[string]string{}
	note := func(what string) {
		tag := ask(t, addr, "HEAD", "/f").Header.Get("ETag")
		if !regexp.MustCompile(`^"[0-9a-f-]+"$`).MatchString(tag) {
			t.Errorf("%s: %q is no strong entity tag", what, tag)
		}
		if before, ok := seen[tag]; ok {
			t.Errorf("%s has the tag of %s", what, before)
		}
		seen[tag] = what
	}
	full := write(t, dir, "f", "one")
	note("the first version")
	info, _ := os.Stat(full)
	later := info.ModTime().Add(time.Nanosecond)
	if err := os.Chtimes(full, later, later); err != nil {
		t.Fatal(err)
	}
	note("one changed a nanosecond later")
	other := write(t, dir, "g", "two")
	if err := os.Chtimes(other, later, later); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(other, full); err != nil {
		t.Fatal(err)
	}
	note("one renamed over it with the same size and time")
}

func TestParseRange(t *testing.T) {
	const size = 100
	all := byteRange{0, size}
	for _, test := range []struct {
		value   string
		want    byteRange
		verdict rangeVerdict
	}{
		// RFC 9110 section 14.1.2
		{"bytes=0-0", byteRange{0, 1}, partial},
		{"bytes=0-99", byteRange{0, 100}, partial},
		{"bytes=10-19", byteRange{10, 10}, partial},
		{"bytes=5-", byteRange{5, 95}, partial},
		{"bytes=99-", byteRange{99, 1}, partial},
		{"bytes=-1", byteRange{99, 1}, partial},
		{"bytes=-100", byteRange{0, 100}, partial},
		{"bytes=-1000", byteRange{0, 100}, partial},
		{"bytes=50-1000", byteRange{50, 50}, partial},
		{"bytes=0-99999999999999999999", byteRange{0, 100}, partial},
		{"bytes=-9223372036854775808", byteRange{0, 100}, partial},
		{"bytes= 1-2 ", byteRange{1, 2}, partial},
		// section 14.1: unit names are case-insensitive
		{"Bytes=1-2", byteRange{1, 2}, partial},
		// section 15.5.17
		{"bytes=100-", byteRange{}, unsatisfiable},
		{"bytes=100-200", byteRange{}, unsatisfiable},
		{"bytes=99999999999999999999-", byteRange{}, unsatisfiable},
		{"bytes=-0", byteRange{}, unsatisfiable},
		// section 14.2: what is invalid or of another unit is ignored
		{"", all, whole},
		{"bytes", all, whole},
		{"bytes=", all, whole},
		{"bytes=-", all, whole},
		{"bytes=5-4", all, whole},
		{"bytes=a-b", all, whole},
		{"bytes=1", all, whole},
		{"bytes=+1-2", all, whole},
		{"bytes=1--2", all, whole},
		{"bytes=0x1-2", all, whole},
		{"bytes =1-2", all, whole},
		{"items=0-5", all, whole},
		// several ranges: not yet, and so the whole file
		{"bytes=0-1,5-6", all, whole},
	} {
		got, verdict := parseRange(test.value, size)
		if got != test.want || verdict != test.verdict {
			t.Errorf("%q: got %v %d, want %v %d", test.value, got, verdict, test.want, test.verdict)
		}
	}
	for _, value := range []string{"bytes=0-0", "bytes=0-", "bytes=-1"} {
		if _, verdict := parseRange(value, 0); verdict != unsatisfiable {
			t.Errorf("%q of an empty file: got %d, want unsatisfiable", value, verdict)
		}
	}
}

func FuzzParseRange(f *testing.F) {
	f.Add("bytes=0-1", int64(10))
	f.Add("bytes=-5", int64(0))
	f.Add("bytes=9223372036854775807-", int64(10))
	f.Fuzz(func(t *testing.T, value string, size int64) {
		if size < 0 {
			return
		}
		got, verdict := parseRange(value, size)
		switch verdict {
		case whole:
			if got != (byteRange{0, size}) {
				t.Errorf("whole, but %v of %d", got, size)
			}
		case partial:
			if got.start < 0 || got.length < 1 || got.start+got.length > size || got.start+got.length < 0 {
				t.Errorf("%v is not within %d bytes", got, size)
			}
		}
	})
}

func TestRangeOverHTTP(t *testing.T) {
	dir := t.TempDir()
	content := "0123456789"
	info, _ := os.Stat(write(t, dir, "f", content))
	addr := serve(t, "/", dir)
	tag := validatorsOf(info).etag
	modified := info.ModTime().UTC().Format(http.TimeFormat)
	for _, test := range []struct {
		name, method, ranges, ifRange string
		status                        int
		body, contentRange            string
	}{
		{"a range", "GET", "bytes=2-4", "", 206, "234", "bytes 2-4/10"},
		{"suffix", "GET", "bytes=-3", "", 206, "789", "bytes 7-9/10"},
		{"unsatisfiable", "GET", "bytes=10-", "", 416, "Requested Range Not Satisfiable", "bytes */10"},
		{"invalid", "GET", "bytes=4-2", "", 200, content, ""},
		{"on HEAD it has no meaning", "HEAD", "bytes=2-4", "", 200, "", ""},
		{"If-Range with the tag", "GET", "bytes=2-4", tag, 206, "234", "bytes 2-4/10"},
		{"If-Range with another tag", "GET", "bytes=2-4", `"x"`, 200, content, ""},
		{"If-Range with the tag made weak", "GET", "bytes=2-4", "W/" + tag, 200, content, ""},
		{"If-Range with the date", "GET", "bytes=2-4", modified, 206, "234", "bytes 2-4/10"},
		{"If-Range with a later date", "GET", "bytes=2-4", info.ModTime().Add(time.Minute).UTC().Format(http.TimeFormat), 200, content, ""},
		{"If-Range with nonsense", "GET", "bytes=2-4", "yesterday", 200, content, ""},
		{"unsatisfiable, but another version", "GET", "bytes=10-", `"x"`, 200, content, ""},
	} {
		headers := []string{"Range: " + test.ranges}
		if test.ifRange != "" {
			headers = append(headers, "If-Range: "+test.ifRange)
		}
		got := ask(t, addr, test.method, "/f", headers...)
		if got.StatusCode != test.status || got.body != test.body || got.Header.Get("Content-Range") != test.contentRange {
			t.Errorf("%s: %d %q %q; want %d %q %q", test.name, got.StatusCode, got.body, got.Header.Get("Content-Range"), test.status, test.body, test.contentRange)
		}
	}
}

// RFC 9110 section 13.1.5: a date is a strong validator only if the file was
// at rest for a second.
func TestIfRangeDateOfAFileJustWritten(t *testing.T) {
	mod := time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)
	v := validators{etag: `"x"`, modTime: mod}
	date := mod.Format(http.TimeFormat)
	if ifRange(date, v, mod.Add(500*time.Millisecond)) {
		t.Error("trusted half a second after the write")
	}
	if !ifRange(date, v, mod.Add(2*time.Second)) {
		t.Error("not trusted two seconds after the write")
	}
}

func TestPreconditions(t *testing.T) {
	mod := time.Date(2026, 1, 2, 3, 4, 5, 600_000_000, time.UTC)
	v := validators{etag: `"a-b"`, modTime: mod}
	same, before, after := mod.Format(http.TimeFormat), mod.Add(-time.Minute).Format(http.TimeFormat), mod.Add(time.Minute).Format(http.TimeFormat)
	type headers map[string]string
	for _, test := range []struct {
		name string
		h    headers
		want verdict
	}{
		{"none", nil, proceed},
		// section 13.1.2
		{"INM same", headers{"If-None-Match": `"a-b"`}, notModified},
		{"INM same but weak", headers{"If-None-Match": `W/"a-b"`}, notModified},
		{"INM other", headers{"If-None-Match": `"x"`}, proceed},
		{"INM any", headers{"If-None-Match": `*`}, notModified},
		{"INM list", headers{"If-None-Match": `"x", W/"y" ,"a-b"`}, notModified},
		{"INM list without", headers{"If-None-Match": `"x","y"`}, proceed},
		{"INM in two lines", headers{"If-None-Match": "\"x\"\n*"}, notModified},
		{"INM unquoted", headers{"If-None-Match": `a-b`}, proceed},
		{"INM unclosed", headers{"If-None-Match": `"a-b`}, proceed},
		// section 13.1.3
		{"IMS same", headers{"If-Modified-Since": same}, notModified},
		{"IMS before", headers{"If-Modified-Since": before}, proceed},
		{"IMS after", headers{"If-Modified-Since": after}, notModified},
		{"IMS nonsense", headers{"If-Modified-Since": "now"}, proceed},
		{"IMS in RFC 850 form", headers{"If-Modified-Since": "Friday, 02-Jan-26 03:04:05 GMT"}, notModified},
		{"IMS in asctime form", headers{"If-Modified-Since": "Fri Jan  2 03:04:05 2026"}, notModified},
		{"INM wins over IMS", headers{"If-None-Match": `"x"`, "If-Modified-Since": same}, proceed},
		// section 13.1.1
		{"IM same", headers{"If-Match": `"a-b"`}, proceed},
		{"IM any", headers{"If-Match": `*`}, proceed},
		{"IM other", headers{"If-Match": `"x"`}, failed},
		{"IM same but weak", headers{"If-Match": `W/"a-b"`}, failed},
		// section 13.1.4
		{"IUS same", headers{"If-Unmodified-Since": same}, proceed},
		{"IUS before", headers{"If-Unmodified-Since": before}, failed},
		{"IUS nonsense", headers{"If-Unmodified-Since": "x"}, proceed},
		{"IM wins over IUS", headers{"If-Match": `"a-b"`, "If-Unmodified-Since": before}, proceed},
		// section 13.2.2: If-Match first
		{"IM fails before INM", headers{"If-Match": `"x"`, "If-None-Match": `"a-b"`}, failed},
	} {
		var h fasthttp.RequestHeader
		for key, value := range test.h {
			for line := range strings.SplitSeq(value, "\n") {
				h.Add(key, line)
			}
		}
		if got := precondition(&h, v); got != test.want {
			t.Errorf("%s: got %d, want %d", test.name, got, test.want)
		}
	}
}

func FuzzMatches(f *testing.F) {
	f.Add(`"a", W/"b", *`)
	f.Fuzz(func(t *testing.T, list string) {
		if matches(list, `"never-this"`, strongEqual) && !strings.Contains(list, "*") && !strings.Contains(list, "never-this") {
			t.Errorf("%q matches", list)
		}
	})
}

func TestPreconditionsOverHTTP(t *testing.T) {
	dir := t.TempDir()
	info, _ := os.Stat(write(t, dir, "f", "0123456789"))
	addr := serve(t, "/", dir)
	tag := validatorsOf(info).etag
	got := ask(t, addr, "GET", "/f", "If-None-Match: "+tag, "Range: bytes=0-1")
	if got.StatusCode != 304 || got.body != "" || got.Header.Get("ETag") != tag || got.Header.Get("Last-Modified") == "" {
		t.Errorf("%d %q %v", got.StatusCode, got.body, got.Header)
	}
	if got := ask(t, addr, "GET", "/f", `If-Match: "x"`); got.StatusCode != 412 {
		t.Errorf("If-Match: %d", got.StatusCode)
	}
}

func TestMethods(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "f", "x")
	addr := serve(t, "/", dir)
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"} {
		got := ask(t, addr, method, "/f", "Content-Length: 0")
		if got.StatusCode != 405 || got.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d, Allow %q", method, got.StatusCode, got.Header.Get("Allow"))
		}
	}
}

// outside makes a folder to serve, beside a secret that must not be reached.
func outside(t *testing.T) (root string) {
	dir := t.TempDir()
	write(t, dir, "secret", "SECRET")
	root = filepath.Join(dir, "root")
	write(t, root, "f", "inside")
	write(t, root, "sub/g", "inside")
	for link, target := range map[string]string{
		"out": "../secret", "outdir": "..", "abs": filepath.Join(dir, "secret"), "in": "f", "indir": "sub", "loop": "loop",
	} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestNoPathLeavesTheRoot(t *testing.T) {
	addr := serve(t, "/", outside(t))
	for _, target := range []string{
		"/../secret", "/%2e%2e/secret", "/%2e%2e%2fsecret", "/..%2fsecret", "/.%2e/secret",
		"/%252e%252e/secret", "/..;/secret", "/..%5csecret", "/..%5c..%5csecret", "/%%32%65/secret",
		"/sub/../../secret", "/sub/%2e%2e/%2e%2e/secret", "//secret", "//../secret", "/./../secret",
		"/out", "/abs", "/outdir/secret", "/outdir/", "/indir/../../secret", "/loop",
		"/f%00", "/%00", "/f%00.txt", "/secret%00",
		"/f/", "/f/x", "/%66/", "/nope", "/%ff", "/admi%0a", "/" + strings.Repeat("a", 3000), "/" + strings.Repeat("a/", 1200),
	} {
		got := ask(t, addr, "GET", target)
		if strings.Contains(got.body, "SECRET") {
			t.Errorf("%s leaks the secret", target)
		}
		if got.StatusCode != 404 {
			t.Errorf("%.60s: status %d, want 404", target, got.StatusCode)
		}
	}
	for _, target := range []string{"/f", "/./f", "//f", "/sub/../f", "/%66", "/in", "/sub%2fg", "/indir/g", "/sub//g"} {
		if got := ask(t, addr, "GET", target); got.StatusCode != 200 || got.body != "inside" {
			t.Errorf("%s: %d %q, want the file", target, got.StatusCode, got.body)
		}
	}
}

func TestStatusOf(t *testing.T) {
	wrap := func(err error) error { return &os.PathError{Op: "openat", Path: "x", Err: err} }
	for _, test := range []struct {
		err  error
		want int
	}{
		{wrap(syscall.ENOENT), 404},
		{wrap(syscall.ENOTDIR), 404},
		{wrap(syscall.ENAMETOOLONG), 404},
		{wrap(syscall.EACCES), 403},
		{wrap(syscall.EPERM), 403},
		{wrap(syscall.EMFILE), 503},
		{wrap(syscall.ENFILE), 503},
		{wrap(syscall.EIO), 503},
		{wrap(syscall.ENOMEM), 500},
	} {
		app := fiber.New()
		app.Use(func(c *fiber.Ctx) error { return statusOf(c, test.err) })
		req, _ := http.NewRequest(http.MethodGet, "http://test/", nil)
		resp, err := app.Test(req)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != test.want || (test.want == 503) != (resp.Header.Get("Retry-After") != "") {
			t.Errorf("%v: %d, Retry-After %q; want %d", test.err, resp.StatusCode, resp.Header.Get("Retry-After"), test.want)
		}
	}
}

func TestFolderRedirectsToItsSlash(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a b#?/f", "x")
	addr := serve(t, "/", dir)
	got := ask(t, addr, "GET", "/a%20b%23%3F?x=1")
	if location := got.Header.Get("Location"); got.StatusCode != 302 || location != "./a%20b%23%3F/?x=1" {
		t.Errorf("%d %q", got.StatusCode, location)
	}
	if got := ask(t, addr, "GET", "//evil.example/.."); got.Header.Get("Location") != "" {
		t.Errorf("redirects to %q", got.Header.Get("Location"))
	}
}

func TestIndexFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "index.html", "index")
	write(t, dir, "sub/start.htm", "start")
	if got := ask(t, serve(t, "/", dir), "GET", "/"); got.body != "index" || got.Header.Get("ETag") == "" {
		t.Errorf("%q %v", got.body, got.Header)
	}
	if got := ask(t, serve(t, "/", dir, Config{Index: "start.htm"}), "GET", "/sub/"); got.body != "start" {
		t.Errorf("%q", got.body)
	}
}

// nastyNames would end an attribute, a URL, a line or a page that trusts them.
var nastyNames = []string{
	"a b", "a#b", "a?b", "a%b", "a%20b", `a"b`, "a'b", "a&b", "a;b", "a:b", "javascript:alert(1)",
	"<img src=x onerror=alert(1)>", "new\nline", "esc\x1b[31m", "line\u2028separator", "right\u202eleft",
	"e\u0301", "\u00e9", "\xff\xfe", strings.Repeat("n", 255), "...", "-", "~", "{{.}}", "a\\b",
}

func TestListingLinksEveryNameAndEscapesIt(t *testing.T) {
	dir := t.TempDir()
	for i, name := range nastyNames {
		write(t, dir, "list/"+name, fmt.Sprintf("content %d", i))
	}
	write(t, dir, "list/folder/x", "x")
	addr := serve(t, "/", dir, Config{Hidden: true})
	page := ask(t, addr, "GET", "/list/")
	if got := page.Header.Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("Content-Type %q", got)
	}
	for _, raw := range []string{"<img", "\x1b", "new\nline", "\xff"} {
		if strings.Contains(page.body, raw) {
			t.Errorf("the page contains %q as it is", raw)
		}
	}
	base, _ := url.Parse("http://" + addr + "/list/")
	links := regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page.body, -1)
	if want := len(nastyNames) + 2; len(links) != want { // the folder and ../
		t.Fatalf("%d links, want %d", len(links), want)
	}
	if links[0][1] != "../" || links[1][1] != "./folder/" {
		t.Errorf("the first links are %q and %q, want the parent and the folder", links[0][1], links[1][1])
	}
	got := map[string]bool{}
	for _, link := range links[2:] {
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

func TestHiddenNames(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".env", ".git/config", "sub/.secret", ".well-known/x", "sub/.well-known/x", "shown"} {
		write(t, dir, name, "content")
	}
	closed, open := serve(t, "/", dir), serve(t, "/", dir, Config{Hidden: true})
	for target, want := range map[string]int{
		"/.env": 404, "/%2eenv": 404, "/.git/": 404, "/.git/config": 404, "/sub/.secret": 404, "/sub/.well-known/x": 404,
		"/.well-known/x": 200, "/shown": 200,
	} {
		if got := ask(t, closed, "GET", target); got.StatusCode != want {
			t.Errorf("%s: %d, want %d", target, got.StatusCode, want)
		}
		if got := ask(t, open, "GET", target); got.StatusCode != 200 {
			t.Errorf("%s with Hidden: %d", target, got.StatusCode)
		}
	}
	if page := ask(t, closed, "GET", "/").body; strings.Contains(page, ".env") || !strings.Contains(page, "shown") {
		t.Errorf("the listing is %s", page)
	}
}

func TestListingShowsWhatLinksLeadTo(t *testing.T) {
	page := ask(t, serve(t, "/", outside(t)), "GET", "/").body
	for _, want := range []string{
		`<a href="./in"><bdi>in</bdi></a></td><td class="n">6<`,
		`<a href="./indir/"><bdi>indir/</bdi></a>`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s in %s", want, page)
		}
	}
	for _, name := range []string{"out", "outdir", "abs", "loop"} {
		if strings.Contains(page, `"./`+name) {
			t.Errorf("%s, which cannot be opened, is listed", name)
		}
	}
}

// The memory of a listing must not grow with the folder: a page at a time.
func TestLargeFolderIsListedInPages(t *testing.T) {
	dir := t.TempDir()
	const names = 2*pageSize + 5
	for i := range names {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%05d", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	addr := serve(t, "/", dir)
	seen := map[string]bool{}
	target, pages := "/", 0
	for target != "" {
		page := ask(t, addr, "GET", target).body
		pages++
		links := regexp.MustCompile(`href="\./([^"]*)"`).FindAllStringSubmatch(page, -1)
		if len(links) > pageSize {
			t.Errorf("%s shows %d names", target, len(links))
		}
		for _, link := range links {
			seen[link[1]] = true
		}
		if !strings.Contains(page, fmt.Sprintf("Page %d of 3, of %d names", pages, names)) {
			t.Errorf("%s does not say where it is", target)
		}
		next := regexp.MustCompile(`href="(\?page=\d+)">Next`).FindStringSubmatch(page)
		target = ""
		if next != nil {
			target = "/" + next[1]
		}
	}
	if pages != 3 || len(seen) != names {
		t.Errorf("%d pages with %d names, want 3 with %d", pages, len(seen), names)
	}
	for _, odd := range []string{"/?page=0", "/?page=-1", "/?page=x", "/?page=99999999999999999999"} {
		if got := ask(t, addr, "GET", odd); got.StatusCode != 200 {
			t.Errorf("%s: %d", odd, got.StatusCode)
		}
	}
}

func TestOneFileThroughALink(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "elsewhere/real.iso", "content")
	link := filepath.Join(dir, "link.iso")
	if err := os.Symlink("elsewhere/real.iso", link); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, serve(t, "/", link), "GET", "/link.iso"); got.body != "content" {
		t.Errorf("%d %q", got.StatusCode, got.body)
	}
}

func FuzzPathStaysBelowTheRoot(f *testing.F) {
	for _, seed := range []string{"/../secret", "/%2e%2e/secret", "/a%00", "//secret", "/sub/..%2f..%2fsecret"} {
		f.Add(seed)
	}
	dir := f.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("SECRET"), 0o600); err != nil {
		f.Fatal(err)
	}
	root := filepath.Join(dir, "root")
	if err := os.MkdirAll(filepath.Join(root, "sub"), 0o700); err != nil {
		f.Fatal(err)
	}
	if err := os.Symlink("..", filepath.Join(root, "up")); err != nil {
		f.Fatal(err)
	}
	app := fiber.New()
	app.Use(New(root, Config{Hidden: true}))
	handle := app.Handler()
	f.Fuzz(func(t *testing.T, target string) {
		var ctx fasthttp.RequestCtx
		ctx.Request.Header.SetRequestURI(target)
		ctx.Request.SetRequestURI(target)
		handle(&ctx)
		if strings.Contains(string(ctx.Response.Body()), "SECRET") {
			t.Errorf("%q leads out of the root", target)
		}
	})
}

func TestOneFile(t *testing.T) {
	dir := t.TempDir()
	full := write(t, dir, "an iso", "content")
	write(t, dir, "other", "other")
	addr := serve(t, "/", full)
	if got := ask(t, addr, "GET", "/"); got.StatusCode != 302 || got.Header.Get("Location") != "./an%20iso" {
		t.Errorf("/: %d %q", got.StatusCode, got.Header.Get("Location"))
	}
	if got := ask(t, addr, "GET", "/an%20iso"); got.body != "content" {
		t.Errorf("the file: %d %q", got.StatusCode, got.body)
	}
	for _, target := range []string{"/other", "/.", "/an%20iso/", "/x/"} {
		if got := ask(t, addr, "GET", target); got.StatusCode != 404 && got.StatusCode != 302 || strings.Contains(got.body, "other") {
			t.Errorf("%s: %d %q", target, got.StatusCode, got.body)
		}
	}
	// Replaced while it is served: the new one is served.
	write(t, dir, "new", "newer content")
	if err := os.Rename(filepath.Join(dir, "new"), full); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, addr, "GET", "/an%20iso"); got.body != "newer content" {
		t.Errorf("after it was replaced: %q", got.body)
	}
}

func TestMountedBelowAPrefix(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "sub/f", "x")
	for _, mount := range []string{"/files", "/files/", "/files/*"} {
		addr := serve(t, mount, dir)
		if got := ask(t, addr, "GET", "/files/sub/f"); got.body != "x" {
			t.Errorf("%s: %d %q", mount, got.StatusCode, got.body)
		}
		if got := ask(t, addr, "GET", "/files/sub"); got.Header.Get("Location") != "./sub/" {
			t.Errorf("%s: redirects to %q", mount, got.Header.Get("Location"))
		}
		if got := ask(t, addr, "GET", "/sub/f"); got.StatusCode != 404 {
			t.Errorf("%s: outside the prefix: %d", mount, got.StatusCode)
		}
	}
}

// bodyOf is a Body of a file with content, for part.
func bodyOf(t *testing.T, content string, part byteRange) *Body {
	t.Helper()
	f, err := os.Open(write(t, t.TempDir(), "f", content))
	if err != nil {
		t.Fatal(err)
	}
	body, err := newBody(f, part, int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = body.Close() })
	return body
}

func TestBodyOfAFileThatShrank(t *testing.T) {
	for name, send := range map[string]func(*Body) error{
		"WriteTo": func(b *Body) error { _, err := b.WriteTo(bufio.NewWriter(io.Discard)); return err },
		"Read":    func(b *Body) error { _, err := io.Copy(io.Discard, struct{ io.Reader }{b}); return err },
	} {
		body := bodyOf(t, "0123456789", byteRange{2, 8})
		if err := os.Truncate(body.f.Name(), 5); err != nil {
			t.Fatal(err)
		}
		err := send(body)
		if err == nil || body.Err() == nil || !strings.Contains(body.Err().Error(), "5 bytes less") || body.BytesSent() != 3 {
			t.Errorf("%s: %v, Err %v, sent %d; want an error and 3", name, err, body.Err(), body.BytesSent())
		}
	}
}

func TestBodyOfAFileThatGrewEndsAtItsLength(t *testing.T) {
	body := bodyOf(t, "0123456789", byteRange{0, 10})
	if err := os.WriteFile(body.f.Name(), []byte(strings.Repeat("x", 100)), 0o644); err != nil {
		t.Fatal(err)
	}
	if n, err := body.WriteTo(bufio.NewWriter(io.Discard)); n != 10 || err != nil {
		t.Errorf("sent %d, %v", n, err)
	}
}

// failingWriter takes some bytes, then fails.
type failingWriter struct{ room int }

func (w *failingWriter) Write(p []byte) (int, error) {
	n := min(len(p), w.room)
	w.room -= n
	if n < len(p) {
		return n, syscall.EPIPE
	}
	return n, nil
}

func TestBodyCountsWhatTheWriterTook(t *testing.T) {
	const header = 100
	content := strings.Repeat("x", 10_000)
	for _, room := range []int{0, 50, header, header + 1, header + 1000, header + 9_999} {
		for _, size := range []int64{500, 10_000} {
			body := bodyOf(t, content, byteRange{0, size})
			bw := bufio.NewWriter(&failingWriter{room})
			_, _ = bw.Write(make([]byte, header))
			_, err := body.WriteTo(bw)
			want := min(max(int64(room)-header, 0), size)
			if body.BytesSent() != want || (err != nil) != (want < size) {
				t.Errorf("room for %d, body of %d: counted %d (%v), want %d", room, size, body.BytesSent(), err, want)
			}
		}
	}
}
