package static

// Several ranges in one response: RFC 9110 sections 14.6 and 15.3.7.2, read
// back with the standard library.

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	stdmultipart "mime/multipart"
	"slices"
	"strings"
	"testing"

	"fullbore/static/source"
)

// part is a part of a multipart/byteranges body.
type part struct {
	mediaType, contentRange, content string
}

// partsOf reads a body as its Content-Type says.
func partsOf(t *testing.T, contentType, body string) []part {
	t.Helper()
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "multipart/byteranges" {
		t.Fatalf("Content-Type is %q: %v", contentType, err)
	}
	if n := len(params["boundary"]); n < 20 || n > 70 { // RFC 2046 section 5.1.1: at most 70
		t.Errorf("the boundary has %d characters", n)
	}
	whole := bytes.NewReader([]byte(body))
	r := stdmultipart.NewReader(whole, params["boundary"])
	var parts []part
	for {
		p, err := r.NextRawPart()
		if err == io.EOF { //nolint:errorlint // as it is given
			break
		}
		if err != nil {
			t.Fatalf("part %d: %v", len(parts), err)
		}
		content, err := io.ReadAll(p)
		if err != nil {
			t.Fatalf("part %d: %v", len(parts), err)
		}
		if len(p.Header) != 2 {
			t.Errorf("part %d has the header %v", len(parts), p.Header)
		}
		parts = append(parts, part{p.Header.Get("Content-Type"), p.Header.Get("Content-Range"), string(content)})
	}
	if !strings.HasPrefix(body, "\r\n--"+params["boundary"]+"\r\n") {
		t.Errorf("the body begins with %q", body[:min(80, len(body))])
	}
	if !strings.HasSuffix(body, "\r\n--"+params["boundary"]+"--\r\n") {
		t.Errorf("the body ends with %q", body[max(0, len(body)-80):])
	}
	return parts
}

// checkParts compares parts with the ranges of a file that were asked for.
func checkParts(t *testing.T, got []part, ranges []byteRange, content, mediaType string) {
	t.Helper()
	if len(got) != len(ranges) {
		t.Fatalf("%d parts, want %d", len(got), len(ranges))
	}
	for i, r := range ranges {
		want := part{
			mediaType:    mediaType,
			contentRange: fmt.Sprintf("bytes %d-%d/%d", r.start, r.end()-1, len(content)),
			content:      content[r.start:r.end()],
		}
		if got[i] != want {
			t.Errorf("part %d is %.100q, want %.100q", i, got[i], want)
		}
	}
}

func TestSeveralRangesOverHTTP(t *testing.T) {
	dir := t.TempDir()
	content := noise(1<<20, 1)
	write(t, dir, "f.txt", content)
	for kind, on := range sockets {
		s := serveOn(t, on, "/", dir)
		for _, test := range []struct {
			section, ranges string
			want            []byteRange
		}{
			{"15.3.7.2", "bytes=0-1,5-6", []byteRange{{0, 2}, {5, 2}}},
			{"15.3.7.2: in the order asked for", "bytes=500-501,0-1", []byteRange{{500, 2}, {0, 2}}},
			{"15.3.7.2: the first byte last", "bytes=-1,7-7,0-0", []byteRange{{1<<20 - 1, 1}, {7, 1}, {0, 1}}},
			{"15.3.7.2: backwards", "bytes=30000-39999,10000-19999,0-4999", []byteRange{{30000, 10000}, {10000, 10000}, {0, 5000}}},
			{"15.3.7.2: joined", "bytes=1000-1009,0-9,5-14,1010-1019", []byteRange{{1000, 20}, {0, 15}}},
			{"14.1.2: white space", "bytes= 0-1 ,\t5-6 ,", []byteRange{{0, 2}, {5, 2}}},
			{"17.15: as many as are allowed", several(maxRanges, 7), every(maxRanges, 7)},
			{"large parts", "bytes=0-299999,400000-699999,-100000", []byteRange{{0, 300000}, {400000, 300000}, {1<<20 - 100000, 100000}}},
			{"a large part last but a small one before", "bytes=-1,0-299999", []byteRange{{1<<20 - 1, 1}, {0, 300000}}},
		} {
			got := s.ask(t, "GET", "/f.txt", "Range: "+test.ranges)
			if got.StatusCode != 206 {
				t.Fatalf("%s: %s: status %d", kind, test.section, got.StatusCode)
			}
			if got.ContentLength != int64(len(got.body)) {
				t.Errorf("%s: %s: Content-Length %d, but %d bytes", kind, test.section, got.ContentLength, len(got.body))
			}
			if cr := got.Header.Get("Content-Range"); cr != "" { // section 15.3.7.2: it belongs into the parts
				t.Errorf("%s: %s: the header has Content-Range %q", kind, test.section, cr)
			}
			checkParts(t, partsOf(t, got.Header.Get("Content-Type"), got.body), test.want, content, "text/plain") // which is not UTF-8
			if b := s.body(t); b.BytesSent() != got.ContentLength || b.Err() != nil || b.Size() != 1<<20 {
				t.Errorf("%s: %s: counted %d of %d bytes, %v", kind, test.section, b.BytesSent(), got.ContentLength, b.Err())
			}
		}
	}
}

// What a client asks for in pieces must not be more work, nor more bytes, than
// the whole file. Section 14.2 lets a server ignore Range.
func TestSeveralRangesThatAreTooMuch(t *testing.T) {
	dir := t.TempDir()
	content := noise(10_000, 1)
	write(t, dir, "f.txt", content)
	s := serveOn(t, onWire, "/", dir)
	for name, ranges := range map[string]string{
		"longer than the file with their headers": "bytes=0-4990,4995-9999",
		"more than a hundred":                     several(maxRanges+1, 2),
		"many more than a hundred":                several(400, 2),
	} {
		if got := s.ask(t, "GET", "/f.txt", "Range: "+ranges); got.StatusCode != 200 || got.body != content {
			t.Errorf("%s: %d, %d bytes", name, got.StatusCode, len(got.body))
		}
	}
	// Those that join are one range again, however many there were.
	if got := s.ask(t, "GET", "/f.txt", "Range: "+several(400, 1)); got.StatusCode != 206 || got.body != content[:400] {
		t.Errorf("400 that join: %d, %d bytes", got.StatusCode, len(got.body))
	}
}

// Nobody may guess a boundary and put it into a file.
func TestBoundariesDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		_, contentType := multipart(&version{}, []byteRange{{0, 1}, {5, 1}}, "text/plain")
		if seen[contentType] {
			t.Fatalf("%s came twice", contentType)
		}
		seen[contentType] = true
	}
}

func FuzzMultipart(f *testing.F) {
	f.Add("bytes=0-1,5-6", []byte("0123456789"), "text/plain; charset=utf-8")
	f.Add("bytes=-1,0-0,3-4", []byte("\r\n--\r\n--x\r\n"), "application/octet-stream")
	f.Fuzz(func(t *testing.T, value string, content []byte, mediaType string) {
		ranges, verdict := parseRanges(value, int64(len(content)))
		if verdict != partial || strings.ContainsFunc(mediaType, func(r rune) bool { return r < ' ' || r > '~' }) {
			return
		}
		of := &version{info: source.Info{Size: int64(len(content))}}
		parts, contentType := multipart(of, slices.Clone(ranges), mediaType)
		var body strings.Builder
		for i := range parts.count() {
			s := parts.segment(i)
			body.WriteString(s.text)
			body.Write(content[s.start:s.end()])
		}
		if int64(body.Len()) != lengthOf(parts) {
			t.Errorf("the length is given as %d, and is %d", lengthOf(parts), body.Len())
		}
		checkParts(t, partsOf(t, contentType, body.String()), ranges, string(content), strings.Trim(mediaType, " "))
	})
}
