package static

// What a response for a file says of it.

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
)

func TestWholeFile(t *testing.T) {
	dir := t.TempDir()
	for kind, on := range sockets {
		s := serveOn(t, on, "/", dir)
		for _, size := range []int{0, 1, 100, 3700, 3800, 3900, 4000, 4096, 5000, 20_000, smallBody - 1, smallBody, smallBody + 1, 3 << 20} {
			content := noise(size, 1)
			contentType := "text/plain"
			if utf8.ValidString(content) {
				contentType += "; charset=utf-8"
			}
			name := fmt.Sprintf("f%d.txt", size)
			full := write(t, dir, name, content)
			info, err := os.Stat(full)
			if err != nil {
				t.Fatal(err)
			}
			get := s.ask(t, "GET", "/"+name)
			if get.StatusCode != 200 || get.body != content || get.ContentLength != int64(size) {
				t.Errorf("%s: %s: %d, %d bytes, length %d", kind, name, get.StatusCode, len(get.body), get.ContentLength)
			}
			for key, want := range map[string]string{
				"Content-Type":            contentType,
				"Accept-Ranges":           "bytes",
				"X-Content-Type-Options":  "nosniff",
				"Last-Modified":           info.ModTime().UTC().Format(http.TimeFormat),
				"ETag":                    validatorsNow(t, full).etag,
				"Content-Range":           "",
				"Content-Disposition":     "",
				"Content-Security-Policy": "",
				"Cache-Control":           "",
				"Vary":                    "",
				"Transfer-Encoding":       "",
			} {
				if got := get.Header.Get(key); got != want {
					t.Errorf("%s: %s is %q, want %q", name, key, got, want)
				}
			}
			if _, err := http.ParseTime(get.Header.Get("Date")); err != nil { // RFC 9110 section 6.6.1
				t.Errorf("%s: Date: %v", name, err)
			}
			if b := s.body(t); b.BytesSent() != int64(size) || b.Size() != int64(size) || b.Err() != nil {
				t.Errorf("%s: %s: counted %d of %d, %v", kind, name, b.BytesSent(), b.Size(), b.Err())
			}
		}
	}
}

func TestCacheControl(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "f", "x")
	for maxAge, want := range map[int]string{-1: "", 0: "", 1: "public, max-age=1", 31536000: "public, max-age=31536000"} {
		addr := serve(t, "/", dir, Config{MaxAge: maxAge})
		for _, header := range []string{"X: y", "Range: bytes=0-0", "If-None-Match: *"} {
			if got := ask(t, addr, "GET", "/f", header); got.Header.Get("Cache-Control") != want || got.StatusCode >= 400 {
				t.Errorf("MaxAge %d, %s: %d, Cache-Control %q, want %q", maxAge, header, got.StatusCode, got.Header.Get("Cache-Control"), want)
			}
		}
		if got := ask(t, addr, "GET", "/nope"); got.Header.Get("Cache-Control") != "" {
			t.Errorf("MaxAge %d: a 404 has Cache-Control %q", maxAge, got.Header.Get("Cache-Control"))
		}
	}
}

func TestDownload(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a b.txt", "x")
	write(t, dir, "x\r\nSet-Cookie: a=b", "x")
	write(t, dir, "sub/index.html", "x")
	usual, always := serve(t, "/", dir), serve(t, "/", dir, Config{Download: true})
	for _, target := range []string{"/a%20b.txt", "/a%20b.txt?x", "/a%20b.txt?downloads", "/a%20b.txt?x=download"} {
		if got := ask(t, usual, "GET", target); got.StatusCode != 200 || got.Header.Get("Content-Disposition") != "" {
			t.Errorf("%s: %d, Content-Disposition %q", target, got.StatusCode, got.Header.Get("Content-Disposition"))
		}
	}
	for target, addr := range map[string]string{
		"/a%20b.txt": always, "/a%20b.txt?x=1": always, "/a%20b.txt?download": usual, "/a%20b.txt?download=1": usual, "/a%20b.txt?x=1&download": usual,
	} {
		for _, header := range []string{"X: y", "Range: bytes=0-0"} {
			got := ask(t, addr, "GET", target, header)
			if value := got.Header.Get("Content-Disposition"); got.StatusCode >= 300 || value != disposition("attachment", "a b.txt") {
				t.Errorf("%s, %s: %d, Content-Disposition %q", target, header, got.StatusCode, value)
			}
		}
	}
	if got := ask(t, always, "GET", "/sub/").Header.Get("Content-Disposition"); got != disposition("attachment", "index.html") {
		t.Errorf("an index file: %q", got)
	}
	if got := ask(t, always, "GET", "/x%0d%0aSet-Cookie:%20a=b"); got.StatusCode != 200 || got.Header.Get("Set-Cookie") != "" {
		t.Errorf("a name sets a header: %v", got.Header)
	}
}

// Whoever may put a file into the folder must not act in the name of those
// who look at it.
func TestContentSecurityPolicyOfWhatIsRun(t *testing.T) {
	dir := t.TempDir()
	const page = "<!DOCTYPE html><script>alert(1)</script>"
	isActive := map[string]bool{
		"page.html": true, "page.htm": true, "page.xhtml": true, "image.svg": true, "doc.xml": true,
		"text.txt": false, "image.png": false, "archive.zip": false, "noextension": false, "unknown.zzz": false, "script.js": false, "data.json": false,
	}
	for name := range isActive {
		write(t, dir, name, page)
		write(t, dir, "sub/index.html", page)
	}
	for policy, want := range map[string]string{"": PolicyDefault, "none": "", "sandbox": "sandbox"} {
		addr := serve(t, "/", dir, Config{ContentSecurityPolicy: policy})
		for name, is := range isActive {
			wanted := ""
			if is {
				wanted = want
			}
			got := ask(t, addr, "GET", "/"+name)
			if value := got.Header.Get("Content-Security-Policy"); value != wanted {
				t.Errorf("policy %q: %s: %q, want %q", policy, name, value, wanted)
			}
			if !is && strings.Contains(got.Header.Get("Content-Type"), "html") || got.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s: %v", name, got.Header)
			}
		}
		if got := ask(t, addr, "GET", "/sub/").Header.Get("Content-Security-Policy"); got != want {
			t.Errorf("policy %q: an index file: %q, want %q", policy, got, want)
		}
	}
	for _, forbidden := range []string{"script-src", "unsafe-eval", "allow-scripts", "allow-same-origin", "allow-top-navigation"} {
		if strings.Contains(PolicyDefault, forbidden) {
			t.Errorf("the default policy has %s", forbidden)
		}
	}
	if !regexp.MustCompile(`^sandbox[ ;]`).MatchString(PolicyDefault) || !strings.Contains(PolicyDefault, "default-src 'none'") {
		t.Errorf("the default policy is %s", PolicyDefault)
	}
}

func TestModifyResponse(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "f", "content")
	write(t, dir, "sub/f", "x")
	addr := serve(t, "/", dir, Config{Browse: true, ModifyResponse: func(c *fiber.Ctx) error {
		if c.Query("fail") != "" {
			return fiber.ErrTeapot
		}
		c.Set("X-Modified", "yes")
		c.Set("X-Status", fmt.Sprint(c.Response().StatusCode()))
		c.Response().Header.Del("ETag")
		return nil
	}})
	for _, test := range []struct {
		target, header string
		status         int
		modified       string
	}{
		{"/f", "X: y", 200, "yes"},
		{"/f", "Range: bytes=0-1", 206, "yes"},
		{"/f", "If-None-Match: *", 304, "yes"},
		{"/sub", "X: y", 302, "yes"},
		{"/sub/", "X: y", 200, "yes"},
		{"/nope", "X: y", 404, ""},
		{"/f", `If-Match: "x"`, 412, ""},
		{"/f", "Range: bytes=99-", 416, ""},
		{"/f?fail=1", "X: y", 418, ""},
	} {
		got := ask(t, addr, "GET", test.target, test.header)
		if got.StatusCode != test.status || got.Header.Get("X-Modified") != test.modified {
			t.Errorf("%s, %s: %d, X-Modified %q; want %d, %q", test.target, test.header, got.StatusCode, got.Header.Get("X-Modified"), test.status, test.modified)
		}
		if test.status >= 400 && got.Header.Get("ETag") != "" {
			t.Errorf("%s, %s: the error has the file's header: %v", test.target, test.header, got.Header)
		}
		if test.modified != "" && (got.Header.Get("ETag") != "" || got.Header.Get("X-Status") != fmt.Sprint(test.status)) {
			t.Errorf("%s, %s: %v", test.target, test.header, got.Header)
		}
	}
}

func TestNext(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "f", "file")
	h, err := Open(dir, Config{Next: func(c *fiber.Ctx) bool { return c.Query("skip") != "" }})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	app := fiber.New()
	app.Use(h.Handle, func(c *fiber.Ctx) error { return c.SendString("next") })
	for target, want := range map[string]string{"/f": "file", "/f?skip=1": "next", "/nope?skip=1": "next"} {
		if _, body, _ := handled(app.Handler(), target); body != want {
			t.Errorf("%s: %q, want %q", target, body, want)
		}
	}
}
