package static

// What a file turns out to be when it is looked into.

import (
	"os"
	"strings"
	"testing"
)

func TestTextThatIsNotUTF8IsNotLabelledSo(t *testing.T) {
	long := strings.Repeat("ä", charsetSample/2-1) + "x" // so that the sample ends in a rune
	for name, test := range map[string]struct{ content, want string }{
		"plain.txt":            {"text", "text/plain; charset=utf-8"},
		"utf8.txt":             {"Grüße, 世界, 🎉", "text/plain; charset=utf-8"},
		"empty.txt":            {"", "text/plain; charset=utf-8"},
		"cut.txt":              {long + "ä…ä", "text/plain; charset=utf-8"},
		"latin1.txt":           {"Gr\xfc\xdfe", "text/plain"},
		"late.txt":             {strings.Repeat("license\n", 1000) + "M\xfcller", "text/plain"},
		"cutatend.txt":         {"Gr\xc3", "text/plain"},
		"sjis.txt":             {"\x93\xfa\x96\x7b", "text/plain"},
		"utf16.txt":            {"\xff\xfet\x00e\x00", "text/plain"},
		"table.csv":            {"stra\xdfe;nr\r\n", "text/csv"},
		"page.html":            {"<meta charset=iso-8859-1>\xfc", "text/html"},
		"script.js":            {"// \xa9\n", "text/javascript"},
		"README":               {"M\xfcller", "text/plain"},
		"data.json":            {"\xff", "application/json"}, // which has no charset
		"windows-1252.srt":     {"1\r\n\x93quoted\x94", "text/plain"},
		"utf8 with a mark.ics": {"\xef\xbb\xbfBEGIN", "text/calendar; charset=utf-8"},
	} {
		dir := t.TempDir()
		write(t, dir, name, test.content)
		for kind, on := range sockets {
			got := serveOn(t, on, "/", dir).ask(t, "GET", "/"+escaped(name))
			if got.StatusCode != 200 || got.body != test.content || got.Header.Get("Content-Type") != test.want {
				t.Errorf("%s: %s: %d, %s, want %s", kind, name, got.StatusCode, got.Header.Get("Content-Type"), test.want)
			}
		}
	}
}

// A file of sysfs says that it has 4096 bytes, whatever it has.
func TestFileThatHasLessThanItsSizeIs503(t *testing.T) {
	const dir = "/sys/kernel"
	info, err := os.Stat(dir + "/uevent_seqnum")
	if content, readErr := os.ReadFile(dir + "/uevent_seqnum"); err != nil || readErr != nil || info.Size() == int64(len(content)) {
		t.Skipf("no file of sysfs with less than its size: %v, %v", err, readErr)
	}
	holes := t.TempDir()
	if err := os.Truncate(write(t, holes, "hole", ""), 5000); err != nil {
		t.Fatal(err)
	}
	for kind, on := range sockets {
		s := serveOn(t, on, "/", dir)
		for _, test := range []struct{ method, header string }{{"GET", "X: y"}, {"HEAD", "X: y"}, {"GET", "Range: bytes=0-0"}, {"GET", "Range: bytes=-1"}, {"GET", "If-None-Match: *"}} {
			got := s.ask(t, test.method, "/uevent_seqnum", test.header)
			if got.StatusCode != 503 || got.Header.Get("Retry-After") == "" || got.Header.Get("ETag") != "" {
				t.Errorf("%s: %s with %s: %d %v", kind, test.method, test.header, got.StatusCode, got.Header)
			}
		}
		if got := serveOn(t, on, "/", holes).ask(t, "GET", "/hole"); got.StatusCode != 200 || got.body != strings.Repeat("\x00", 5000) {
			t.Errorf("%s: a file that is all hole: %d, %d bytes", kind, got.StatusCode, len(got.body))
		}
	}
}
