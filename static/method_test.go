package static

// Methods: RFC 9110 sections 9.3 and 15.5.6.

import (
	"testing"
)

// Section 9.3.2: HEAD is GET without a body, whatever the answer is. Its header
// has the same Content-Length, which section 8.6 leaves open.
func TestHeadIsAsGet(t *testing.T) {
	root := outside(t)
	write(t, root, "empty", "")
	write(t, root, "page.html", noise(5_000, 1))
	write(t, root, "text.txt", noise(100_000, 1))
	write(t, root, "zipped.txt", "original")
	write(t, root, "zipped.txt.gz", "coded")
	write(t, root, "index/index.html", "index")
	for name, config := range map[string]Config{
		"nothing":    {},
		"everything": {Browse: true, Readme: true, Download: true, MaxAge: 60, Compress: true, Precompressed: true, Hidden: true},
	} {
		for kind, on := range sockets {
			s := serveOn(t, on, "/", root, config)
			conn := s.dial(t)
			ask := func(method, target string, headers ...string) response {
				return exchange(t, conn, method, target, headers...)
			}
			for _, target := range []string{"/f", "/empty", "/page.html", "/text.txt", "/text.txt?download", "/zipped.txt", "/sub", "/sub/", "/", "/index/", "/nope", "/out", "/.hidden/f", "/f/", "/?page=99"} {
				for _, header := range []string{
					"X: y", "Accept: application/json", "Accept: text/plain", "Accept-Encoding: gzip", "Accept-Encoding: zstd, br", "If-None-Match: *", `If-Match: "x"`,
					"If-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT", "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT",
				} {
					get, head := ask("GET", target, header), ask("HEAD", target, header)
					want, got := headerOf(get), headerOf(head)
					if got != want || head.StatusCode != get.StatusCode || head.body != "" {
						t.Errorf("%s, %s: %s, %s: HEAD gave %d %s %q, GET %d %s", name, kind, target, header, head.StatusCode, got, head.body, get.StatusCode, want)
					}
				}
				// Section 14.2: of a HEAD a range is ignored.
				plain, ranged := ask("HEAD", target), ask("HEAD", target, "Range: bytes=1-2")
				if headerOf(plain) != headerOf(ranged) || plain.StatusCode != ranged.StatusCode {
					t.Errorf("%s, %s: HEAD %s with a range gave %d %s, without %d %s", name, kind, target, ranged.StatusCode, headerOf(ranged), plain.StatusCode, headerOf(plain))
				}
			}
		}
	}
}

// Section 9.3.7.
func TestOptions(t *testing.T) {
	root := outside(t)
	addr := serve(t, "/", root)
	for _, target := range []string{"/f", "/sub/", "/sub", "/nope", "/", "*", "/out", "/.hidden/f"} {
		got := ask(t, addr, "OPTIONS", target, "Range: bytes=0-0", "If-None-Match: *")
		if got.StatusCode != 204 || got.Header.Get("Allow") != "GET, HEAD, OPTIONS" || got.body != "" {
			t.Errorf("%s: %d, Allow %q, %q", target, got.StatusCode, got.Header.Get("Allow"), got.body)
		}
		if value, ok := got.Header["Content-Length"]; ok { // section 8.6
			t.Errorf("%s: a 204 has Content-Length %q", target, value)
		}
		for _, key := range []string{"ETag", "Content-Range", "Location", "Last-Modified"} {
			if value := got.Header.Get(key); value != "" {
				t.Errorf("%s: %s is %q", target, key, value)
			}
		}
	}
}

// Section 15.5.6: with Allow.
func TestOtherMethods(t *testing.T) {
	addr := serve(t, "/", outside(t))
	for _, target := range []string{"/f", "/sub/", "/sub", "/nope", "/out"} {
		for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT"} {
			got := ask(t, addr, method, target, "Content-Length: 0", "Range: bytes=0-0")
			if got.StatusCode != 405 || got.Header.Get("Allow") != "GET, HEAD, OPTIONS" {
				t.Errorf("%s %s: %d, Allow %q", method, target, got.StatusCode, got.Header.Get("Allow"))
			}
		}
	}
}
