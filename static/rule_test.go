package static

import (
	"cmp"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
)

func TestTypesAndCharsetsByPattern(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{
		Browse: true, DAV: true,
		Types: []Rule{
			{Pattern: "*.box", Value: "application/gzip"},
			{Pattern: "docs/*.html", Value: "text/plain; charset=utf-8"},
			{Pattern: "*.html", Value: "text/x-page"},
			{Pattern: "/only", Value: "application/x-only"},
			{Pattern: "page", Value: "text/html"},
			{Pattern: "v[0-9].?", Value: "application/x-version"},
		},
		Charsets: []Rule{
			{Pattern: "latin/*", Value: "iso-8859-1"},
			{Pattern: "*.md", Value: "none"},
			{Pattern: "docs/*", Value: "utf-16"},
			{Pattern: "*.json", Value: "utf-8"},
			{Pattern: "*.html", Value: "koi8-r"},
		},
	}
	addr := serve(t, "/", dir, cfg)
	for _, test := range []struct{ name, want string }{
		{"a.box", "application/gzip"},
		{"deep/down/a.box", "application/gzip"},
		{"A.BOX", octetStream}, // patterns are exact
		{"docs/a.html", "text/plain; charset=utf-16"},
		{"docs/down/a.html", "text/x-page; charset=koi8-r"}, // * ends at a slash
		{"a.html", "text/x-page; charset=koi8-r"},
		{"only", "application/x-only"},
		{"deep/only", "text/plain; charset=utf-8"}, // a slash in front is the root's
		{"page", "text/html"},
		{"v1.x", "application/x-version"},
		{"v1.xy", octetStream},
		{"latin/a.txt", "text/plain; charset=iso-8859-1"},
		{"latin/a.md", "text/markdown; charset=iso-8859-1"}, // the first wins
		{"a.md", "text/markdown"},
		{"a.json", "application/json"}, // no text
		{"a.css", "text/css; charset=utf-8"},
	} {
		write(t, dir, test.name, "some text\n")
		for _, method := range []string{"GET", "HEAD"} {
			if got := ask(t, addr, method, "/"+test.name).Header.Get("Content-Type"); got != test.want {
				t.Errorf("%s %s: %q, want %q", method, test.name, got, test.want)
			}
		}
	}
	if policy := ask(t, addr, "GET", "/page").Header.Get("Content-Security-Policy"); policy != PolicyDefault {
		t.Errorf("HTML by rule has the policy %q", policy)
	}
	if policy := ask(t, addr, "GET", "/docs/a.html").Header.Get("Content-Security-Policy"); policy != "" {
		t.Errorf("text by rule has the policy %q", policy)
	}
}

func TestHeadersByPattern(t *testing.T) {
	dir := t.TempDir()
	const immutable = "public, max-age=31536000, immutable"
	cfg := Config{
		MaxAge: 60, Precompressed: true,
		Headers: []Rule{
			{Pattern: "*", Name: "X-All", Value: "1"},
			{Pattern: "*.js", Name: "cache-control", Value: "no-cache"},
			{Pattern: "assets/*-????????.js", Name: "Cache-Control", Value: immutable},
			{Pattern: "assets/*", Name: "X-All", Value: "2"},
		},
		ModifyResponse: func(c *fiber.Ctx) error {
			if c.Query("fail") != "" {
				return fiber.ErrTeapot
			}
			return nil
		},
	}
	addr := serve(t, "/", dir, cfg)
	for _, name := range []string{"a.txt", "a.js", "assets/a.js", "assets/app-0123abcd.js", "assets/app-0123abcd.js.gz", "assets/down/app-0123abcd.js"} {
		write(t, dir, name, strings.Repeat("some text\n", 200))
	}
	for _, test := range []struct {
		name, fields string
		status       int
		cache, all   string
	}{
		{"a.txt", "", 200, "public, max-age=60", "1"},
		{"a.js", "", 200, "no-cache", "1"},
		{"assets/a.js", "", 200, "no-cache", "2"},
		{"assets/down/app-0123abcd.js", "", 200, "no-cache", "1"},
		{"assets/app-0123abcd.js", "", 200, immutable, "2"},
		{"assets/app-0123abcd.js", "Range: bytes=0-0", 206, immutable, "2"},
		{"assets/app-0123abcd.js", "Range: bytes=0-0,5-5", 206, immutable, "2"},
		{"assets/app-0123abcd.js", "If-None-Match: *", 304, immutable, "2"},
		{"assets/app-0123abcd.js", "Accept-Encoding: gzip", 200, immutable, "2"}, // of the file, not its sibling
		{"assets/app-0123abcd.js", "Range: bytes=9000-", 416, "", ""},
		{"assets/app-0123abcd.js", `If-Match: "other"`, 412, "", ""},
		{"assets/app-0123abcd.js?fail=1", "", 418, "", ""},
		{"assets/missing.js", "", 404, "", ""},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			if method == "HEAD" && strings.HasPrefix(test.fields, "Range") {
				continue
			}
			got := ask(t, addr, method, "/"+test.name, cmp.Or(test.fields, "X: y"))
			cache, all := got.Header.Values("Cache-Control"), got.Header.Get("X-All")
			if got.StatusCode != test.status || strings.Join(cache, "|") != test.cache || all != test.all {
				t.Errorf("%s %s, %s: %d, Cache-Control %q, X-All %q; want %d, %q, %q", method, test.name, test.fields, got.StatusCode, cache, all, test.status, test.cache, test.all)
			}
		}
	}
}

func TestPropfindTellsTypesByPattern(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "docs/a.box", "x")
	h, err := Open(dir, Config{
		Browse: true, DAV: true,
		Types: []Rule{{Pattern: "docs/*.box", Value: "application/x-box"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for _, path := range []string{"/docs/", "/docs/a.box"} {
		found, err := h.find(path, "/mounted"+path, true)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for {
			r, err := found.next()
			if err != nil {
				break
			}
			got += r.ContentType
		}
		_ = found.Close()
		if got != "application/x-box" {
			t.Errorf("%s: %q", path, got)
		}
	}
}

func TestRulesThatAreWrong(t *testing.T) {
	for want, cfg := range map[string]Config{
		`Types: "": want a pattern such as *.txt or docs/*`:                            {Types: []Rule{{Value: "a/b"}}},
		`Types: "/": want a pattern such as *.txt or docs/*`:                           {Types: []Rule{{Pattern: "/", Value: "a/b"}}},
		`Types: "[a": not a pattern: want a ] for each [, and something behind each \`: {Types: []Rule{{Pattern: "[a", Value: "a/b"}}},
		`Types: "docs/": matches no file; want a pattern such as *.txt or docs/*`:      {Types: []Rule{{Pattern: "docs/", Value: "a/b"}}},
		`Types: "../x": matches no file; want a pattern such as *.txt or docs/*`:       {Types: []Rule{{Pattern: "../x", Value: "a/b"}}},
		`Types: "text": want a media type such as application/gzip`:                    {Types: []Rule{{Pattern: "*", Value: "text"}}},
		`Types: "a/b\r\nX: y": want a media type such as application/gzip`:             {Types: []Rule{{Pattern: "*", Value: "a/b\r\nX: y"}}},
		`Types: want no Name`: {Types: []Rule{{Pattern: "*", Name: "X", Value: "a/b"}}},
		`Charsets: "utf 8": want a charset such as iso-8859-1, or "none"`:                                       {Charsets: []Rule{{Pattern: "*", Value: "utf 8"}}},
		`Charsets: "": want a charset such as iso-8859-1, or "none"`:                                            {Charsets: []Rule{{Pattern: "*"}}},
		`Headers: "": want the name of a header field, such as Cache-Control`:                                   {Headers: []Rule{{Pattern: "*"}}},
		`Headers: "X Y": want the name of a header field, such as Cache-Control`:                                {Headers: []Rule{{Pattern: "*", Name: "X Y"}}},
		`Headers: etag: cannot be set, the server derives it from the file or the connection`:                   {Headers: []Rule{{Pattern: "*", Name: "etag"}}},
		`Headers: content-type: want it by types and charset`:                                                   {Headers: []Rule{{Pattern: "*", Name: "content-type"}}},
		`Headers: X: "a\nb": has a control character in it; want one line`:                                      {Headers: []Rule{{Pattern: "*", Name: "X", Value: "a\nb"}}},
		`Headers: "a/**": has a **; want a pattern without a slash, which is for any folder, or one * for each`: {Headers: []Rule{{Pattern: "a/**", Name: "X"}}},
	} {
		if err := cfg.Check(); err == nil || err.Error() != want {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
	for _, name := range []string{"Content-Length", "Transfer-Encoding", "Connection", "Date", "Content-Range", "ETag", "Last-Modified", "Accept-Ranges", "Vary", "Content-Encoding"} {
		if CheckHeader(strings.ToUpper(name), "x") == nil {
			t.Errorf("%s can be set", name)
		}
	}
}

// Rules are matched for each request of a file that is not kept.
func TestRulesDoNotAllocate(t *testing.T) {
	h := &Handler{cfg: Config{
		Types: []Rule{{Pattern: "*.box", Value: "a/b"}}, Charsets: []Rule{{Pattern: "docs/*", Value: "utf-8"}},
		Headers: []Rule{{Pattern: "docs/*", Name: "X", Value: "y"}},
	}}
	if n := testing.AllocsPerRun(100, func() {
		mediaType, _ := h.typeOf("folder/a.txt")
		h.relabel(mediaType, "folder/a.txt")
		h.fieldsOf("folder/a.txt")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
