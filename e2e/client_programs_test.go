//go:build unix

package e2e

// The download programs that people really use: curl, wget and aria2. Each is
// the installed one, without its user's own settings, against the built binary.

import (
	"bytes"
	"cmp"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"mime"
	"mime/multipart"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// program is a command that runs in dir. It knows neither the user's settings
// nor a proxy, and speaks English.
func program(t *testing.T, dir, name string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, needTool(t, name), args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TMPDIR=" + t.TempDir(), "LC_ALL=C.UTF-8"}
	cmd.WaitDelay = patience
	return cmd
}

// succeed runs a program to its end and gives what it printed.
func succeed(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", cmd.Args, err, out)
	}
	return string(out)
}

// curl runs curl in dir and gives what it printed.
func curl(t *testing.T, dir string, args ...string) string {
	t.Helper()
	return succeed(t, program(t, dir, "curl", append([]string{"-q", "-sS"}, args...)...))
}

// wget runs wget in dir and gives what it printed.
func wget(t *testing.T, dir string, args ...string) string {
	t.Helper()
	return succeed(t, program(t, dir, "wget", append([]string{"--no-config", "-nv"}, args...)...))
}

// aria2 runs aria2c in dir and gives what it printed.
func aria2(t *testing.T, dir string, args ...string) string {
	t.Helper()
	return succeed(t, program(t, dir, "aria2c", append([]string{"--no-conf", "--file-allocation=none"}, args...)...))
}

// killWhen starts a program and kills it, without warning, once ready says so.
func killWhen(t *testing.T, cmd *exec.Cmd, ready func() bool) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		if err := cmd.Wait(); err == nil {
			t.Fatalf("%q came to its end before it was killed", cmd.Args)
		}
	}()
	waitUntil(t, fmt.Sprintf("%q gets far enough to be killed", cmd.Args), ready)
}

// waitUntil waits for what must happen at all.
func waitUntil(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !happened(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// noise writes a file of pseudo-random bytes, another content for each seed,
// and gives its SHA-256 in hex. Its time of modification lies an hour back, so
// that its date is a strong validator (RFC 9110 section 8.8.2.2).
func noise(t *testing.T, name string, size int64, seed byte) string {
	t.Helper()
	block, err := aes.NewCipher(bytes.Repeat([]byte{seed}, 16))
	if err != nil {
		t.Fatal(err)
	}
	stream := cipher.NewCTR(block, make([]byte, 16))
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sum, chunk := sha256.New(), make([]byte, 1<<20)
	for left := size; left > 0; left -= int64(len(chunk)) {
		chunk = chunk[:min(int64(len(chunk)), left)]
		clear(chunk)
		stream.XORKeyStream(chunk, chunk)
		sum.Write(chunk)
		if _, err := f.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	aged(t, name, time.Hour)
	return hex.EncodeToString(sum.Sum(nil))
}

// aged sets the time of modification of a file.
func aged(t *testing.T, name string, age time.Duration) {
	t.Helper()
	at := time.Now().Add(-age)
	if err := os.Chtimes(name, at, at); err != nil {
		t.Fatal(err)
	}
}

// sha256Of is the SHA-256 of a file, in hex; empty if there is no such file.
func sha256Of(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open(name)
	if os.IsNotExist(err) {
		return ""
	} else if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// sizeOf is the size of a file, 0 if there is none.
func sizeOf(name string) int64 {
	info, err := os.Stat(name)
	if err != nil {
		return 0
	}
	return info.Size()
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// headers parses what curl -D or -I wrote: a status line and the fields.
func headers(t *testing.T, raw string) (status string, h textproto.MIMEHeader) {
	t.Helper()
	status, fields, _ := strings.Cut(raw, "\r\n")
	h = textproto.MIMEHeader{}
	for line := range strings.SplitSeq(fields, "\r\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			h.Add(name, value)
		}
	}
	return status, h
}

// wholeLog stops the server and gives all that it has logged. Requests on
// different connections are logged in the order in which the server is done
// with them, which need not be that in which the client was.
func (s *server) wholeLog() []record {
	s.t.Helper()
	s.stop()
	return s.records(0)
}

// statuses counts the answers in the access log by status.
func statuses(records []record) map[int]int {
	count := map[int]int{}
	for _, r := range records {
		count[r.Status]++
	}
	return count
}

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

func TestWgetResumesWhatWasInterrupted(t *testing.T) {
	t.Parallel()
	dir, into := t.TempDir(), t.TempDir()
	out := filepath.Join(into, "file")
	const size = 48 << 20
	sum := noise(t, filepath.Join(dir, "file"), size, 6)
	s := start(t, dir)
	slow := program(t, into, "wget", "--no-config", "-q", "--limit-rate=1m", s.url("/file"))
	killWhen(t, slow, func() bool { return sizeOf(out) > 256<<10 })
	kept := sizeOf(out)
	wget(t, into, "-c", s.url("/file"))
	if sha256Of(t, out) != sum {
		t.Error("the resumed file is not the original")
	}
	// Nothing is left to resume, and wget must understand that.
	said := succeed(t, program(t, into, "wget", "--no-config", "-c", s.url("/file")))
	if !strings.Contains(said, "already fully retrieved") || sha256Of(t, out) != sum {
		t.Errorf("of a file that is complete wget says:\n%s", said)
	}
	checkResumed(t, s.wholeLog(), kept, size)
}

func TestWgetTimestamping(t *testing.T) {
	t.Parallel()
	dir, into := t.TempDir(), t.TempDir()
	file, out := filepath.Join(dir, "file"), filepath.Join(into, "file")
	write(t, file, "first")
	aged(t, file, time.Hour)
	s := start(t, dir)
	for i, want := range []string{"first", "first", "second"} {
		if i == 2 {
			write(t, file, "second")
			aged(t, file, time.Minute)
		}
		wget(t, into, "-N", s.url("/file"))
		if got := read(t, out); got != want {
			t.Errorf("after %d: %q, want %q", i, got, want)
		}
		a, errA := os.Stat(file)
		b, errB := os.Stat(out)
		if errA != nil || errB != nil || a.ModTime().Unix() != b.ModTime().Unix() {
			t.Errorf("after %d: the copy is not as old as the file: %v, %v", i, errA, errB)
		}
	}
	if n := statuses(s.wholeLog()); n[200] != 2 || n[304] != 1 {
		t.Errorf("answered %v, want two 200 and a 304", n)
	}
}

// legalNames are file names that are legal and unwelcome. Each is one that
// wget can mirror: it decodes %41 twice, and cuts names of 255 bytes.
var legalNames = []string{
	"plain.txt", "with space.txt", " lead", "trail ", "-dash", "a:b", "http:", "a..b", "100%.txt", "%zz",
	"hash#fragment.txt", "query?a=b&c=d.txt", "?", "#", "quote\"'`.txt", "back\\slash.txt", "amp&amp;lt&lt;.txt",
	"&#x41;", "semi;colon,comma.txt", "plus+tilde~at@.txt", "[br]{ace}(par)<lt>.txt", "$(x)|*^=!.txt",
	"<img src=x onerror=alert(1)>", "javascript:alert(1)", "umlaut ü 日本 🎉.txt", "\u00e9 one point", "e\u0301 two points",
	"new\nline.txt", "return\rtab\t.txt", "escape\x1b[31m.txt", "next\u0085line", "line\u2028separator", "right\u202eto left.txt",
	"bad\xff\xfeUTF-8", strings.Repeat("l", 236),
}

// mirrorTree makes a tree of the legal names, as files and as folders.
func mirrorTree(t *testing.T, dir string) {
	t.Helper()
	folders := []string{".", "folder", "fold & er/#1?/100%", "\"><b>/日本"}
	for _, folder := range folders {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
			t.Fatal(err)
		}
		for i, name := range legalNames {
			if folder == "." || i%4 == 0 {
				write(t, filepath.Join(dir, folder, name), folder+name)
			}
		}
	}
}

func TestWgetMirrorsATreeOfNastyNames(t *testing.T) {
	t.Parallel()
	dir, into := t.TempDir(), t.TempDir()
	mirrorTree(t, dir)
	s := start(t, dir)
	said := wget(t, into, "-r", "-l", "inf", "-np", "-nH", "-e", "robots=off", "--header", "Accept: text/html",
		"--restrict-file-names=nocontrol", "--local-encoding=UTF-8", "--remote-encoding=UTF-8", s.url("/"))
	files := 0
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		if got := sha256Of(t, filepath.Join(into, name)); got != sha256Of(t, filepath.Join(dir, name)) {
			t.Errorf("%q is missing in the mirror, or another: %q", name, got)
		}
		return nil
	})
	if err != nil || files < len(legalNames) {
		t.Fatalf("%d files, %v", files, err)
	}
	if t.Failed() {
		t.Log(said)
	}
	for _, r := range s.wholeLog() {
		if r.Status != 200 {
			t.Errorf("a link of the listing was answered with %d: %+v", r.Status, r)
		}
	}
}

func TestAria2(t *testing.T) {
	t.Parallel()
	needTool(t, "aria2c")
	dir := t.TempDir()
	const size = 200 << 20
	sum := noise(t, filepath.Join(dir, "file"), size, 7)
	many := []string{"-x16", "-s16", "-k1M", "--check-integrity=true", "--console-log-level=warn", "--summary-interval=0", "-o", "file"}

	t.Run("many connections", func(t *testing.T) {
		s, into := start(t, dir), t.TempDir()
		aria2(t, into, append(many, "--checksum=sha-256="+sum, s.url("/file"))...)
		if sha256Of(t, filepath.Join(into, "file")) != sum {
			t.Error("the file is not the original")
		}
		var sent int64
		ranges := 0
		for _, r := range s.wholeLog() {
			sent += r.Sent
			if r.Status == 206 {
				ranges++
			}
		}
		// The first of 16 asks for the whole file; aria2 cuts it off when it
		// gets to the part of the next one.
		if ranges < 15 || sent < size {
			t.Errorf("%d ranges are logged, and %d bytes of %d", ranges, sent, size)
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		s, into := start(t, dir), t.TempDir()
		// The control file has what aria2 knows to be on disk; it is written
		// first with nothing, then every second.
		control := filepath.Join(into, "file.aria2")
		slow := program(t, into, "aria2c", append(many, "--no-conf", "-q", "--file-allocation=none", "--auto-save-interval=1",
			"--max-overall-download-limit=30M", s.url("/file?first"))...)
		saved, saves := "", 0
		killWhen(t, slow, func() bool {
			if now, err := os.ReadFile(control); err == nil && len(now) > 0 && string(now) != saved {
				saved = string(now)
				saves++
			}
			return saves == 3
		})
		aria2(t, into, append(many, "-c", "--checksum=sha-256="+sum, s.url("/file?second"))...)
		if sha256Of(t, filepath.Join(into, "file")) != sum {
			t.Error("the resumed file is not the original")
		}
		records := s.wholeLog()
		first, second := slices.Collect(byQuery(records, "first")), slices.Collect(byQuery(records, "second"))
		if !slices.ContainsFunc(first, func(r record) bool { return r.Status == 206 && r.Outcome == "aborted" }) {
			t.Errorf("no range was cut off by the interruption: %+v", first)
		}
		if got := covered(t, second); got == 0 || got >= size {
			t.Errorf("after the interruption aria2 asked for ranges of %d bytes, of %d", got, size)
		}
	})
	t.Run("metalink", func(t *testing.T) {
		const size = 16 << 20
		sum := noise(t, filepath.Join(dir, "small"), size, 8)
		s, into := start(t, dir), t.TempDir()
		write(t, filepath.Join(into, "file.meta4"), fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<metalink xmlns="urn:ietf:params:xml:ns:metalink"><file name="file"><size>%d</size>
<hash type="sha-256">%s</hash><url>%s</url></file></metalink>`, size, sum, s.url("/small")))
		aria2(t, into, "-q", "-x16", "-s16", "-k1M", "-M", "file.meta4")
		if sha256Of(t, filepath.Join(into, "file")) != sum {
			t.Error("the file is not the original")
		}
	})
}

// byQuery picks the records of one query.
func byQuery(records []record, query string) iter.Seq[record] {
	return func(yield func(record) bool) {
		for _, r := range records {
			if r.Query == query && !yield(r) {
				return
			}
		}
	}
}

// covered is how many different bytes the ranges of the 206 answers have.
func covered(t *testing.T, records []record) (total int64) {
	t.Helper()
	var spans [][2]int64
	for _, r := range records {
		if r.Status != 206 {
			continue
		}
		var span [2]int64
		if _, err := fmt.Sscanf(r.Range, "%d-%d", &span[0], &span[1]); err != nil {
			t.Fatalf("range %q: %v", r.Range, err)
		}
		spans = append(spans, span)
	}
	slices.SortFunc(spans, func(a, b [2]int64) int { return cmp.Compare(a[0], b[0]) })
	var end int64
	for _, span := range spans {
		from := max(span[0], end)
		end = max(end, span[1]+1)
		total += max(0, end-from)
	}
	return total
}
