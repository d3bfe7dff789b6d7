//go:build unix

package e2e

// curl: ranges, resuming, conditions and content codings, as it asks for them.

import (
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCurlResumesWhatWasInterrupted(t *testing.T) {
	t.Parallel()
	dir, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
	const size = 48 << 20
	sum := noise(t, filepath.Join(dir, "file"), size, 1)
	s := start(t, dir)
	slow := program(t, dir, "curl", "-q", "-sS", "--limit-rate", "1M", "-o", out, s.url("/file"))
	killWhen(t, slow, func() bool { return sizeOf(out) > 256<<10 })
	kept := sizeOf(out)
	curl(t, dir, "-f", "-C", "-", "-o", out, s.url("/file"))
	if sha256Of(t, out) != sum {
		t.Error("the resumed file is not the original")
	}
	// Nothing is left to resume.
	curl(t, dir, "-C", "-", "-o", out, s.url("/file"))
	if sha256Of(t, out) != sum {
		t.Error("resuming the whole file broke it")
	}
	checkResumed(t, s.wholeLog(), kept, size)
}

// checkResumed looks at the records of a download that was killed with kept
// bytes on disk, of one that resumed it, and of one that had nothing to resume.
func checkResumed(t *testing.T, records []record, kept, size int64) {
	t.Helper()
	if n := statuses(records); len(records) != 3 || n[200] != 1 || n[206] != 1 || n[416] != 1 {
		t.Fatalf("logged %+v; want one 200, one 206 and one 416", records)
	}
	want := fmt.Sprintf("%d-%d", kept, size-1)
	for _, r := range records {
		switch {
		case r.Status == 200 && (r.Outcome != "aborted" || r.Sent < kept || r.Sent >= size):
			t.Errorf("killed with %d bytes on disk; logged %+v", kept, r)
		case r.Status == 206 && (r.Range != want || r.Sent != size-kept || r.Outcome != "complete"):
			t.Errorf("resumed at %d; logged %+v, want the range %s", kept, r, want)
		}
	}
}

func TestCurlTakesOneRange(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const size = 1 << 20
	noise(t, filepath.Join(dir, "file"), size, 2)
	content := read(t, filepath.Join(dir, "file"))
	s := start(t, dir)
	for _, test := range []struct{ ranges, want string }{
		{"0-0", content[:1]},
		{"100-199", content[100:200]},
		{"1048000-", content[1048000:]},
		{"-5", content[size-5:]},
		{"1048570-99999999", content[1048570:]},
	} {
		if got := curl(t, dir, "-f", "-r", test.ranges, s.url("/file")); got != test.want {
			t.Errorf("-r %s: %d bytes, not the %d that were asked for", test.ranges, len(got), len(test.want))
		}
	}
	for _, r := range s.wholeLog() {
		if r.Status != 206 || r.Size != size {
			t.Errorf("logged %+v", r)
		}
	}
}

// RFC 9110 section 14.6.
func TestCurlTakesSeveralRanges(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const size = 1 << 20
	noise(t, filepath.Join(dir, "file.txt"), size, 3)
	content := read(t, filepath.Join(dir, "file.txt"))
	s := start(t, dir)
	got := curl(t, dir, "-f", "-r", "0-9,20-29,-5", "-D", "headers", s.url("/file.txt"))
	status, h := headers(t, read(t, filepath.Join(dir, "headers")))
	if status != "HTTP/1.1 206 Partial Content" || h.Get("Content-Range") != "" {
		t.Fatalf("answered %q, %v", status, h)
	}
	if h.Get("Content-Length") != fmt.Sprint(len(got)) {
		t.Errorf("Content-Length %q, received %d", h.Get("Content-Length"), len(got))
	}
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || kind != "multipart/byteranges" {
		t.Fatalf("Content-Type %q, %v", h.Get("Content-Type"), err)
	}
	parts := multipart.NewReader(strings.NewReader(got), params["boundary"])
	for _, want := range [][2]int{{0, 9}, {20, 29}, {size - 5, size - 1}} {
		part, err := parts.NextRawPart()
		if err != nil {
			t.Fatalf("before the part %v: %v", want, err)
		}
		body, err := io.ReadAll(part)
		if err != nil || string(body) != content[want[0]:want[1]+1] {
			t.Errorf("part %v: %d bytes, %v", want, len(body), err)
		}
		if r := part.Header.Get("Content-Range"); r != fmt.Sprintf("bytes %d-%d/%d", want[0], want[1], size) {
			t.Errorf("part %v: Content-Range %q", want, r)
		}
		if kind := part.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/plain") {
			t.Errorf("part %v: Content-Type %q", want, kind)
		}
	}
	if _, err := parts.NextRawPart(); err != io.EOF {
		t.Errorf("after the last part: %v", err)
	}
	if r := s.wholeLog()[0]; r.Status != 206 || r.Sent != int64(len(got)) || r.Outcome != "complete" {
		t.Errorf("logged %+v, received %d", r, len(got))
	}
}

func TestCurlAsksOnlyForWhatIsNewer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, out := filepath.Join(dir, "file"), filepath.Join(t.TempDir(), "out")
	write(t, file, "first")
	aged(t, file, time.Hour)
	s := start(t, dir)
	ask := func(args ...string) string {
		return curl(t, dir, append(args, "-o", out, "-w", "%{http_code}", s.url("/file"))...)
	}
	if got := ask("-R"); got != "200" || read(t, out) != "first" {
		t.Fatalf("answered %s: %q", got, read(t, out))
	}
	if got := ask("-R", "-z", out); got != "304" || read(t, out) != "first" {
		t.Errorf("unchanged: answered %s: %q", got, read(t, out))
	}
	write(t, file, "second")
	aged(t, file, time.Minute)
	if got := ask("-R", "-z", out); got != "200" || read(t, out) != "second" {
		t.Errorf("changed: answered %s: %q", got, read(t, out))
	}
	records := s.wholeLog()
	if n := statuses(records); n[200] != 2 || n[304] != 1 {
		t.Errorf("logged %+v; want 200 twice and one 304", records)
	}
	for _, r := range records {
		if r.Status == 304 && r.Sent != 0 {
			t.Errorf("logged %+v", r)
		}
	}
}

func TestCurlComparesETags(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, out := filepath.Join(dir, "file"), filepath.Join(t.TempDir(), "out")
	saved := filepath.Join(t.TempDir(), "etag")
	write(t, file, "first")
	s := start(t, dir)
	ask := func(args ...string) string {
		return curl(t, dir, append(args, "-o", out, "-w", "%{http_code}", s.url("/file"))...)
	}
	if got := ask("--etag-save", saved); got != "200" || read(t, out) != "first" {
		t.Fatalf("answered %s: %q", got, read(t, out))
	}
	if got := ask("--etag-compare", saved); got != "304" || read(t, out) != "first" {
		t.Errorf("unchanged: answered %s: %q", got, read(t, out))
	}
	write(t, file, "other") // as long, and maybe in the same second
	if got := ask("--etag-compare", saved); got != "200" || read(t, out) != "other" {
		t.Errorf("changed: answered %s: %q", got, read(t, out))
	}
}

func TestCurlHeadTellsWhatGetWould(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	noise(t, filepath.Join(dir, "file.txt"), 1000, 4)
	s := start(t, dir)
	status, head := headers(t, curl(t, dir, "-I", s.url("/file.txt")))
	_, get := headers(t, curl(t, dir, "-D", "-", "-o", os.DevNull, s.url("/file.txt")))
	if status != "HTTP/1.1 200 OK" || head.Get("Content-Length") != "1000" || head.Get("Accept-Ranges") != "bytes" ||
		head.Get("ETag") == "" || head.Get("Last-Modified") == "" || !strings.HasPrefix(head.Get("Content-Type"), "text/plain") {
		t.Errorf("answered %q, %v", status, head)
	}
	head.Del("Date")
	get.Del("Date")
	if fmt.Sprint(head) != fmt.Sprint(get) {
		t.Errorf("HEAD: %v\nGET:  %v", head, get)
	}
	for _, r := range s.wholeLog() {
		if r.Status != 200 || (r.Sent == 0) != (r.Method == "HEAD") {
			t.Errorf("logged %+v", r)
		}
	}
}

// With ?download the file is to be saved under its own name, also by a program
// that knows only the older half of RFC 6266, such as curl.
func TestDownloadIsSavedUnderItsName(t *testing.T) {
	t.Parallel()
	const name, quoted = "Übersicht 日本 100%.txt", `Über; "so" \ x.txt`
	dir := t.TempDir()
	write(t, filepath.Join(dir, name), "content")
	write(t, filepath.Join(dir, quoted), "content")
	s := start(t, dir)
	urls := map[string]string{
		name:   s.url("/%C3%9Cbersicht%20%E6%97%A5%E6%9C%AC%20100%25.txt?download"),
		quoted: s.url("/%C3%9Cber;%20%22so%22%20%5C%20x.txt?download"),
	}
	for name, url := range urls {
		_, h := headers(t, curl(t, dir, "-I", url))
		kind, params, err := mime.ParseMediaType(h.Get("Content-Disposition"))
		if err != nil || kind != "attachment" || params["filename"] != name {
			t.Errorf("Content-Disposition is %q (%v), want an attachment named %q", h.Get("Content-Disposition"), err, name)
		}
		into := t.TempDir()
		curl(t, into, "-f", "-J", "-O", url)
		entries, err := os.ReadDir(into)
		if err != nil || len(entries) != 1 {
			t.Fatalf("curl -J saved %v, %v", entries, err)
		}
		saved := entries[0].Name()
		if strings.ContainsFunc(saved, func(r rune) bool { return r > '~' || r < ' ' }) || !strings.HasSuffix(saved, ".txt") {
			t.Errorf("curl -J saved %q, want ASCII with the same extension", saved)
		}
		if read(t, filepath.Join(into, saved)) != "content" {
			t.Errorf("curl -J saved another content in %q", saved)
		}
	}
	// These two know filename*.
	into := t.TempDir()
	wget(t, into, "--content-disposition", urls[name])
	if read(t, filepath.Join(into, name)) != "content" {
		t.Error("wget saved another content")
	}
	into = t.TempDir()
	aria2(t, into, "-q", urls[name])
	if read(t, filepath.Join(into, name)) != "content" {
		t.Error("aria2 saved another content")
	}
}

func TestCurlCompressed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	content := strings.Repeat("All work and no play makes Jack a dull boy.\n", 5000)
	write(t, filepath.Join(dir, "file.txt"), content)
	noise(t, filepath.Join(dir, "file.zip"), 64<<10, 5)
	s := start(t, dir, "--compress")
	ask := func(path string, args ...string) (body string, h textproto.MIMEHeader) {
		into := t.TempDir()
		curl(t, into, append(args, "-f", "-D", "headers", "-o", "body", s.url(path))...)
		_, h = headers(t, read(t, filepath.Join(into, "headers")))
		return read(t, filepath.Join(into, "body")), h
	}
	plain, h := ask("/file.txt?plain")
	if plain != content || h.Get("Content-Encoding") != "" || !strings.Contains(h.Get("Vary"), "Accept-Encoding") {
		t.Errorf("without --compressed: %d bytes, %v", len(plain), h)
	}
	identity := h.Get("ETag")
	decoded, h := ask("/file.txt", "--compressed")
	if decoded != content || h.Get("Content-Encoding") == "" || !strings.Contains(h.Get("Vary"), "Accept-Encoding") {
		t.Errorf("with --compressed: %d bytes, %v", len(decoded), h)
	}
	if h.Get("ETag") == identity {
		t.Errorf("two codings have one strong entity tag %s; RFC 9110 section 8.8.3.3 wants two", identity)
	}
	if body, h := ask("/file.zip", "--compressed"); int64(len(body)) != 64<<10 || h.Get("Content-Encoding") != "" {
		t.Errorf("a zip: %d bytes, %v", len(body), h)
	}
	for _, coding := range []string{"gzip", "zstd"} {
		if body, h := ask("/file.txt", "--compressed", "-H", "Accept-Encoding: "+coding); body != content || h.Get("Content-Encoding") != coding {
			t.Errorf("%s: %d bytes decoded, Content-Encoding %q", coding, len(body), h.Get("Content-Encoding"))
		}
	}
	for _, r := range s.wholeLog() {
		if whole := r.Query == "plain"; r.Path == "/file.txt" && (r.Sent == int64(len(content))) != whole {
			t.Errorf("logged %+v, of a file of %d", r, len(content))
		}
	}
}

func TestCurlTakesWhatIsCompressedAlready(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	content := strings.Repeat("All work and no play makes Jack a dull boy.\n", 5000)
	write(t, filepath.Join(dir, "file.txt"), content)
	succeed(t, program(t, dir, "gzip", "-k", "file.txt"))
	succeed(t, program(t, dir, "zstd", "-q", "-k", "file.txt"))
	succeed(t, program(t, dir, "brotli", "-k", "file.txt"))
	for _, suffix := range []string{"", ".gz", ".zst", ".br"} {
		aged(t, filepath.Join(dir, "file.txt"+suffix), time.Hour)
	}
	s := start(t, dir, "--precompressed")
	siblings := map[string]string{"gzip": ".gz", "zstd": ".zst", "br": ".br"}
	for coding := range siblings {
		into := t.TempDir()
		curl(t, into, "-f", "--compressed", "-H", "Accept-Encoding: "+coding, "-D", "headers", "-o", "body", s.url("/file.txt?"+coding))
		_, h := headers(t, read(t, filepath.Join(into, "headers")))
		if read(t, filepath.Join(into, "body")) != content || h.Get("Content-Encoding") != coding {
			t.Errorf("%s: another content, or %v", coding, h)
		}
	}
	for _, r := range s.wholeLog() {
		if size := sizeOf(filepath.Join(dir, "file.txt"+siblings[r.Query])); r.Sent != size || r.Status != 200 {
			t.Errorf("logged %+v, the file with that coding has %d bytes", r, size)
		}
	}
}
