package static

// Which representation a client gets of a file that there are several of, over
// HTTP: RFC 9110 sections 8.4, 8.8.3.3 and 12.5.3, RFC 9111 section 4.1.

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func gunzip(t *testing.T, body string) string {
	t.Helper()
	r, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPrecompressed(t *testing.T) {
	dir := t.TempDir()
	// What lies beside is not looked into, so it can say what it is.
	for name, content := range map[string]string{
		"all.txt": "original", "all.txt.gz": "as gzip", "all.txt.br": "as brotli", "all.txt.zst": "as zstd",
		"one.txt": "original", "one.txt.gz": "as gzip", "none.txt": "original", "sub/index.html": "original", "sub/index.html.gz": "as gzip",
		"empty.txt": "original", "empty.txt.gz": "", "old.txt": "original", "old.txt.gz": "too old", "folder.txt": "original", "folder.txt.gz/f": "x", "linked.txt": "original", "outside.txt": "original",
	} {
		full := write(t, dir, name, content)
		if content == "original" { // and what was made of it is younger
			earlier := time.Now().Add(-90 * time.Minute)
			if err := os.Chtimes(full, earlier, earlier); err != nil {
				t.Fatal(err)
			}
		}
	}
	older := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "old.txt.gz"), older, older); err != nil {
		t.Fatal(err)
	}
	link(t, dir, "linked.txt.gz", "one.txt.gz")
	link(t, dir, "outside.txt.gz", "../../../../../../../../etc/passwd")
	s := serveOn(t, onWire, "/", dir, Config{Precompressed: true})
	tags := map[string]string{}
	for _, test := range []struct{ target, accept, body, coding string }{
		{"/all.txt", "", "original", ""},
		{"/all.txt", "gzip", "as gzip", "gzip"},
		{"/all.txt", "br", "as brotli", "br"},
		{"/all.txt", "zstd", "as zstd", "zstd"},
		{"/all.txt", "gzip, deflate, br, zstd", "as zstd", "zstd"},
		{"/all.txt", "gzip;q=0.5, br;q=0.9, zstd;q=0.1", "as brotli", "br"},
		{"/all.txt", "gzip;q=0", "original", ""},
		{"/all.txt", "identity", "original", ""},
		{"/all.txt", "deflate, x", "original", ""},
		{"/one.txt", "zstd, br, gzip", "as gzip", "gzip"},
		{"/one.txt", "zstd, br", "original", ""},
		{"/none.txt", "zstd, br, gzip", "original", ""},
		{"/old.txt", "gzip", "original", ""},
		{"/empty.txt", "gzip", "original", ""},
		{"/folder.txt", "gzip", "original", ""},
		{"/linked.txt", "gzip", "as gzip", "gzip"},
		{"/outside.txt", "gzip", "original", ""},
		{"/sub/", "gzip", "as gzip", "gzip"},
	} {
		got := s.ask(t, "GET", test.target, "Accept-Encoding: "+test.accept)
		if got.StatusCode != 200 || got.body != test.body || got.Header.Get("Content-Encoding") != test.coding {
			t.Errorf("%s for %q: %d %q in %q, want %q in %q", test.target, test.accept, got.StatusCode, got.body, got.Header.Get("Content-Encoding"), test.body, test.coding)
		}
		if b := s.body(t); b.BytesSent() != int64(len(test.body)) || got.ContentLength != b.BytesSent() {
			t.Errorf("%s for %q: counted %d, Content-Length %d", test.target, test.accept, b.BytesSent(), got.ContentLength)
		}
		if kind := got.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/") {
			t.Errorf("%s for %q: Content-Type %q", test.target, test.accept, kind)
		}
		// Whoever keeps it must know that others get others, also where there
		// is but one today.
		if got.Header.Get("Vary") != "Accept-Encoding" || got.Header.Get("Accept-Ranges") != "bytes" {
			t.Errorf("%s for %q: %v", test.target, test.accept, got.Header)
		}
		tag := got.Header.Get("ETag")
		if of, ok := tags[tag]; ok && of != test.target+test.coding && test.target != "/linked.txt" && of != "/linked.txtgzip" {
			t.Errorf("%s in %q has the entity tag of %s", test.target, test.coding, of)
		}
		tags[tag] = test.target + test.coding
	}
	// By its own name it is a file like any other.
	got := s.ask(t, "GET", "/all.txt.gz", "Accept-Encoding: gzip")
	if got.body != "as gzip" || got.Header.Get("Content-Encoding") != "" || strings.HasPrefix(got.Header.Get("Content-Type"), "text/") {
		t.Errorf("/all.txt.gz: %q %v", got.body, got.Header)
	}
	if got := ask(t, serve(t, "/", dir), "GET", "/all.txt", "Accept-Encoding: gzip"); got.body != "original" || got.Header.Get("Vary") != "" {
		t.Errorf("without Precompressed: %q, Vary %q", got.body, got.Header.Get("Vary"))
	}
}

// Preconditions and ranges are of the representation that was chosen: sections
// 13.1 and 14.
func TestPreconditionsAndRangesOfPrecompressed(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "f.txt", "original")
	write(t, dir, "f.txt.gz", "as gzip")
	addr := serve(t, "/", dir, Config{Precompressed: true, MaxAge: 5, Download: true})
	plain := ask(t, addr, "GET", "/f.txt").Header.Get("ETag")
	coded := ask(t, addr, "GET", "/f.txt", "Accept-Encoding: gzip").Header.Get("ETag")
	for _, test := range []struct {
		header, value string
		status        int
		body          string
	}{
		{"If-None-Match", coded, 304, ""},
		{"If-None-Match", plain, 200, "as gzip"},
		{"If-Match", coded, 200, "as gzip"},
		{"If-Match", plain, 412, "Precondition Failed"},
		{"Range", "bytes=3-", 206, "gzip"},
		{"Range", "bytes=7-", 416, "Requested Range Not Satisfiable"},
		{"Range", "bytes=0-1\r\nIf-Range: " + coded, 206, "as"},
		{"Range", "bytes=0-1\r\nIf-Range: " + plain, 200, "as gzip"},
	} {
		got := ask(t, addr, "GET", "/f.txt", "Accept-Encoding: gzip", test.header+": "+test.value)
		if got.StatusCode != test.status || got.body != test.body || got.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: %q: %d %q, Vary %q; want %d %q", test.header, test.value, got.StatusCode, got.body, got.Header.Get("Vary"), test.status, test.body)
		}
		isCoded := test.status == 200 || test.status == 206
		if value := got.Header.Get("Content-Encoding"); (value == "gzip") != isCoded {
			t.Errorf("%s: %q: %d has Content-Encoding %q", test.header, test.value, got.StatusCode, value)
		}
		if name := got.Header.Get("Content-Disposition"); isCoded && name != disposition("attachment", "f.txt") {
			t.Errorf("%s: %q: Content-Disposition %q", test.header, test.value, name)
		}
	}
}

// A single file that is served has nothing beside it.
func TestPrecompressedOfOneFile(t *testing.T) {
	dir := t.TempDir()
	full := write(t, dir, "f.txt", "original")
	write(t, dir, "f.txt.gz", "as gzip")
	write(t, dir, "f.txt.br", "as brotli")
	got := ask(t, serve(t, "/", full, Config{Precompressed: true}), "GET", "/f.txt", "Accept-Encoding: gzip")
	if got.body != "original" || got.Header.Get("Content-Encoding") != "" {
		t.Errorf("%q in %q", got.body, got.Header.Get("Content-Encoding"))
	}
}

func TestCompressedOnTheFly(t *testing.T) {
	dir := t.TempDir()
	text := strings.Repeat("a line of text that comes again and again\n", 1000)
	full := write(t, dir, "f.txt", text)
	write(t, dir, "short.txt", "short")
	write(t, dir, "image.png", text)
	plain := validatorsNow(t, full).etag
	for kind, on := range sockets {
		s := serveOn(t, on, "/", dir, Config{Compress: true})
		got := s.ask(t, "GET", "/f.txt", "Accept-Encoding: gzip")
		if got.StatusCode != 200 || gunzip(t, got.body) != text || got.Header.Get("Content-Encoding") != "gzip" || len(got.body) > len(text)/2 {
			t.Fatalf("%s: %d, %d bytes, %v", kind, got.StatusCode, len(got.body), got.Header)
		}
		tag := got.Header.Get("ETag")
		if !strings.HasPrefix(tag, `W/"`) || weakEqual(tag, plain) { // section 8.8.3.3
			t.Errorf("%s: the tag is %s, of the file itself it is %s", kind, tag, plain)
		}
		if got.Header.Get("Vary") != "Accept-Encoding" || got.Header.Get("Accept-Ranges") != "" || got.ContentLength != -1 {
			t.Errorf("%s: Content-Length %d, %v", kind, got.ContentLength, got.Header)
		}
		for _, test := range []struct {
			target, accept, header string
			status                 int
			coding, body           string
		}{
			{"/f.txt", "gzip", "If-None-Match: " + tag, 304, "", ""},
			{"/f.txt", "gzip", "If-Match: " + tag, 412, "", "Precondition Failed"}, // a weak one never matches
			{"/f.txt", "gzip", "If-Match: " + plain, 200, "", text},
			{"/f.txt", "gzip", "If-None-Match: " + plain, 200, "gzip", ""},
			{"/f.txt", "", "If-None-Match: " + tag, 200, "", text},
			{"/f.txt", "", "X: y", 200, "", text},
			{"/f.txt", "br, identity", "X: y", 200, "", text},
			{"/f.txt", "gzip", "Range: bytes=2-5", 206, "", text[2:6]},
			{"/f.txt", "gzip", "Range: bytes=2-5\r\nIf-Range: " + plain, 206, "", text[2:6]},
			{"/f.txt", "gzip", "Range: bytes=2-5\r\nIf-Range: " + tag, 200, "", text},
			{"/short.txt", "gzip", "X: y", 200, "", "short"},
			{"/image.png", "gzip", "X: y", 200, "", text},
		} {
			got := s.ask(t, "GET", test.target, "Accept-Encoding: "+test.accept, test.header)
			if got.StatusCode != test.status || got.Header.Get("Content-Encoding") != test.coding {
				t.Errorf("%s: %s, %q, %s: %d in %q, want %d in %q", kind, test.target, test.accept, test.header, got.StatusCode, got.Header.Get("Content-Encoding"), test.status, test.coding)
			} else if test.coding == "" && got.body != test.body {
				t.Errorf("%s: %s, %q, %s: other bytes: %.40q", kind, test.target, test.accept, test.header, got.body)
			}
			if varies := test.target == "/f.txt"; varies != (got.Header.Get("Vary") == "Accept-Encoding") {
				t.Errorf("%s: %s: Vary %q", kind, test.target, got.Header.Get("Vary"))
			}
		}
	}
}

// HTTP/1.0 has no chunks: RFC 9112 section 7.1.
func TestNoCodingOnTheFlyForHTTP10(t *testing.T) {
	dir := t.TempDir()
	text := strings.Repeat("text\n", 1000)
	write(t, dir, "f.txt", text)
	s := serveOn(t, onWire, "/", dir, Config{Compress: true})
	conn := s.dial(t)
	if _, err := io.WriteString(conn, "GET /f.txt HTTP/1.0\r\nHost: test\r\nAccept-Encoding: gzip\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	if header, body, _ := strings.Cut(string(all), "\r\n\r\n"); body != text || strings.Contains(header, "chunked") {
		t.Errorf("%d bytes of body after %s", len(body), header)
	}
}
