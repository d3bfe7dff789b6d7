package static

// Preconditions: RFC 9110 sections 13.1 and 13.2.2.

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

func TestPreconditions(t *testing.T) {
	mod := time.Date(2026, 1, 2, 3, 4, 5, 600_000_000, time.UTC)
	v := validators{etag: `"a-b"`, modTime: mod}
	same, before, after := mod.Format(http.TimeFormat), mod.Add(-time.Minute).Format(http.TimeFormat), mod.Add(time.Minute).Format(http.TimeFormat)
	future := time.Now().Add(1000 * time.Hour).UTC().Format(http.TimeFormat)
	type headers map[string]string
	for _, test := range []struct {
		section string
		h       headers
		want    verdict
	}{
		{"13.2.2: none", nil, proceed},
		{"13.1.2: the same", headers{"If-None-Match": `"a-b"`}, notModified},
		{"13.1.2: compared weakly", headers{"If-None-Match": `W/"a-b"`}, notModified},
		{"13.1.2: another", headers{"If-None-Match": `"x"`}, proceed},
		{"13.1.2: any", headers{"If-None-Match": `*`}, notModified},
		{"13.1.2: a list", headers{"If-None-Match": `"x", W/"y" ,"a-b"`}, notModified},
		{"13.1.2: a list without it", headers{"If-None-Match": `"x","y"`}, proceed},
		{"5.3: a list in two lines", headers{"If-None-Match": "\"x\"\n\"a-b\""}, notModified},
		{"5.3: a list in two lines", headers{"If-None-Match": "\"x\"\n*"}, notModified},
		{"8.8.3: no quotes", headers{"If-None-Match": `a-b`}, proceed},
		{"8.8.3: unclosed", headers{"If-None-Match": `"a-b`}, proceed},

		{"13.1.3: the same second", headers{"If-Modified-Since": same}, notModified},
		{"13.1.3: before", headers{"If-Modified-Since": before}, proceed},
		{"13.1.3: after", headers{"If-Modified-Since": after}, notModified},
		{"13.1.3: in the future", headers{"If-Modified-Since": future}, notModified},
		{"13.1.3: no date", headers{"If-Modified-Since": "now"}, proceed},
		{"13.1.3: no date", headers{"If-Modified-Since": "2027-01-02T03:04:05Z"}, proceed},
		{"13.1.3: more than one", headers{"If-Modified-Since": same + "\n" + same}, proceed},
		{"13.1.3: more than one", headers{"If-Modified-Since": same + ", " + same}, proceed},
		{"5.6.7: RFC 850's form", headers{"If-Modified-Since": "Friday, 02-Jan-26 03:04:05 GMT"}, notModified},
		{"5.6.7: asctime's form", headers{"If-Modified-Since": "Fri Jan  2 03:04:05 2026"}, notModified},
		{"13.1.3: If-None-Match wins", headers{"If-None-Match": `"x"`, "If-Modified-Since": same}, proceed},
		{"13.1.3: also one that is no list", headers{"If-None-Match": `x`, "If-Modified-Since": same}, proceed},

		{"13.1.1: the same", headers{"If-Match": `"a-b"`}, proceed},
		{"13.1.1: any", headers{"If-Match": `*`}, proceed},
		{"13.1.1: a list", headers{"If-Match": `"x", "a-b"`}, proceed},
		{"13.1.1: another", headers{"If-Match": `"x"`}, failed},
		{"13.1.1: compared strongly", headers{"If-Match": `W/"a-b"`}, failed},
		{"13.1.1: no quotes", headers{"If-Match": `a-b`}, failed},

		{"13.1.4: the same second", headers{"If-Unmodified-Since": same}, proceed},
		{"13.1.4: before", headers{"If-Unmodified-Since": before}, failed},
		{"13.1.4: after", headers{"If-Unmodified-Since": after}, proceed},
		{"13.1.4: in the future", headers{"If-Unmodified-Since": future}, proceed},
		{"13.1.4: no date", headers{"If-Unmodified-Since": "x"}, proceed},
		{"13.1.4: more than one", headers{"If-Unmodified-Since": before + "\n" + before}, proceed},
		{"13.1.4: If-Match wins", headers{"If-Match": `"a-b"`, "If-Unmodified-Since": before}, proceed},

		{"13.2.2: If-Match is first", headers{"If-Match": `"x"`, "If-None-Match": `"a-b"`}, failed},
		{"13.2.2: If-Unmodified-Since is before If-None-Match", headers{"If-Unmodified-Since": before, "If-None-Match": `"a-b"`}, failed},
		{"13.2.2: both kept", headers{"If-Match": `"a-b"`, "If-None-Match": `"a-b"`}, notModified},
	} {
		var h fasthttp.RequestHeader
		for key, value := range test.h {
			for line := range strings.SplitSeq(value, "\n") {
				h.Add(key, line)
			}
		}
		if got := precondition(&h, v); got != test.want {
			t.Errorf("section %s: %q: got %d, want %d", test.section, test.h, got, test.want)
		}
	}
}

// A weak tag of ours satisfies no If-Match but "*", and every If-None-Match
// that names it. Sections 13.1.1 and 13.1.2.
func TestPreconditionsOnAWeakTag(t *testing.T) {
	v := validators{etag: `W/"a"`, modTime: time.Unix(0, 0)}
	for _, test := range []struct {
		header, value string
		want          verdict
	}{
		{"If-Match", `"a"`, failed},
		{"If-Match", `W/"a"`, failed},
		{"If-Match", `*`, proceed},
		{"If-None-Match", `"a"`, notModified},
		{"If-None-Match", `W/"a"`, notModified},
	} {
		var h fasthttp.RequestHeader
		h.Set(test.header, test.value)
		if got := precondition(&h, v); got != test.want {
			t.Errorf("%s: %s: got %d, want %d", test.header, test.value, got, test.want)
		}
	}
}

// Without a date, conditions on it do not count (sections 13.1.3 and 13.1.4); without a
// tag, there still is a representation, which "*" stands for.
func TestPreconditionsOnNoValidator(t *testing.T) {
	const past, future = "Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"
	for _, test := range []struct {
		header, value string
		want          verdict
	}{
		{"If-Match", `"a"`, failed},
		{"If-Match", `""`, failed},
		{"If-Match", `*`, proceed},
		{"If-None-Match", `"a"`, proceed},
		{"If-None-Match", `""`, proceed},
		{"If-None-Match", `*`, notModified},
		{"If-Modified-Since", past, proceed},
		{"If-Modified-Since", future, proceed},
		{"If-Unmodified-Since", past, proceed},
		{"If-Unmodified-Since", future, proceed},
	} {
		var h fasthttp.RequestHeader
		h.Set(test.header, test.value)
		if got := precondition(&h, validators{}); got != test.want {
			t.Errorf("%s: %s: got %d, want %d", test.header, test.value, got, test.want)
		}
	}
}

// condition is a precondition that a request may have: absent, one that is
// true of the file, or one that is false.
type condition int

const (
	absent condition = iota
	isTrue
	isFalse
)

// conditions are those of a request, in the order of section 13.2.2.
type conditions struct{ im, ius, inm, ims, ir condition }

// steps is section 13.2.2, word for word. It gives the status of a GET with a
// range.
func (c conditions) steps() int {
	// 1. When recipient is the origin server and If-Match is present:
	if c.im == isFalse {
		return 412
	}
	// 2. If-Match is not present, and If-Unmodified-Since is:
	if c.im == absent && c.ius == isFalse {
		return 412
	}
	// 3. If-None-Match is present; for GET and HEAD false is 304:
	if c.inm == isFalse {
		return 304
	}
	// 4. GET or HEAD, If-None-Match is not present, and If-Modified-Since is:
	if c.inm == absent && c.ims == isFalse {
		return 304
	}
	// 5. GET with both Range and If-Range: true is the part, false the whole.
	if c.ir == isFalse {
		return 200
	}
	return 206
}

func (c conditions) String() string {
	return fmt.Sprintf("IM %d, IUS %d, INM %d, IMS %d, IR %d", c.im, c.ius, c.inm, c.ims, c.ir)
}

// headers are what makes the conditions true or false for a file. An If-Range
// may be a tag or a date.
func (c conditions) headers(v validators, byDate bool) map[string]string {
	at := func(d time.Duration) string { return v.modTime.Add(d).UTC().Format(http.TimeFormat) }
	ifRange := [...]string{"", v.etag, `"x"`}
	if byDate {
		ifRange = [...]string{"", at(0), at(time.Hour)}
	}
	all := map[string]string{
		"If-Match":            [...]string{"", v.etag, `"x"`}[c.im],
		"If-Unmodified-Since": [...]string{"", at(0), at(-time.Hour)}[c.ius],
		"If-None-Match":       [...]string{"", `"x"`, v.etag}[c.inm],
		"If-Modified-Since":   [...]string{"", at(-time.Hour), at(0)}[c.ims],
		"If-Range":            ifRange[c.ir],
		"Range":               "bytes=2-4",
	}
	for key, value := range all {
		if value == "" {
			delete(all, key)
		}
	}
	return all
}

// everyCombination calls do with each of the 243.
func everyCombination(do func(conditions)) {
	all := []condition{absent, isTrue, isFalse}
	for _, im := range all {
		for _, ius := range all {
			for _, inm := range all {
				for _, ims := range all {
					for _, ir := range all {
						do(conditions{im, ius, inm, ims, ir})
					}
				}
			}
		}
	}
}

func TestEveryCombinationOfPreconditions(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	v := validators{etag: `"a-b"`, modTime: now.Add(-time.Hour)}
	everyCombination(func(c conditions) {
		for _, byDate := range []bool{false, true} {
			var h fasthttp.RequestHeader
			for key, value := range c.headers(v, byDate) {
				h.Set(key, value)
			}
			got := 200
			switch precondition(&h, v) {
			case failed:
				got = 412
			case notModified:
				got = 304
			default:
				if ranges, verdict := rangesFor(&h, v, 10, now); verdict == partial && ranges[0] == (byteRange{2, 3}) {
					got = 206
				}
			}
			if want := c.steps(); got != want {
				t.Errorf("%v: got %d, want %d", c, got, want)
			}
		}
	})
}

func TestEveryCombinationOfPreconditionsOverHTTP(t *testing.T) {
	dir := t.TempDir()
	v := validatorsNow(t, write(t, dir, "f", "0123456789"))
	s := serveOn(t, onWire, "/", dir)
	conn := s.dial(t)
	r := bufio.NewReader(conn)
	everyCombination(func(c conditions) {
		for _, method := range []string{"GET", "HEAD"} {
			want := c.steps()
			if method == "HEAD" && want == 206 { // section 14.2: Range is for GET
				want = 200
			}
			var lines []string
			for key, value := range c.headers(v, false) {
				lines = append(lines, key+": "+value)
			}
			if _, err := io.WriteString(conn, request(method, "/f", lines...)); err != nil {
				t.Fatal(err)
			}
			got := readResponse(t, r, method, "/f")
			body := map[int]string{200: "0123456789", 206: "234", 412: "Precondition Failed"}[want]
			if method == "HEAD" {
				body = ""
			}
			if got.StatusCode != want || got.body != body {
				t.Errorf("%s, %v: %d %q, want %d", method, c, got.StatusCode, got.body, want)
			}
		}
	})
}

// Section 15.4.5: what a 304 must have, and what it should not.
func TestHeaderOfNotModified(t *testing.T) {
	dir := t.TempDir()
	v := validatorsNow(t, write(t, dir, "f.txt", "0123456789"))
	addr := serve(t, "/", dir, Config{MaxAge: 60})
	whole := ask(t, addr, "GET", "/f.txt")
	for _, method := range []string{"GET", "HEAD"} {
		got := ask(t, addr, method, "/f.txt", "If-None-Match: "+v.etag, "Range: bytes=0-1")
		if got.StatusCode != 304 || got.body != "" {
			t.Errorf("%s: %d %q", method, got.StatusCode, got.body)
		}
		for _, key := range []string{"ETag", "Cache-Control", "Vary", "Last-Modified", "Expires", "Content-Location"} {
			if got.Header.Get(key) != whole.Header.Get(key) {
				t.Errorf("%s: %s is %q, for a 200 it is %q", method, key, got.Header.Get(key), whole.Header.Get(key))
			}
		}
		if got.Header.Get("ETag") != v.etag || got.Header.Get("Cache-Control") != "public, max-age=60" {
			t.Errorf("%s: %v", method, got.Header)
		}
		if _, err := http.ParseTime(got.Header.Get("Date")); err != nil { // section 6.6.1
			t.Errorf("%s: Date is %q: %v", method, got.Header.Get("Date"), err)
		}
		for _, key := range []string{"Content-Type", "Content-Length", "Content-Range", "Content-Encoding", "Transfer-Encoding"} {
			if value, ok := got.Header[key]; ok {
				t.Errorf("%s: there is a %s: %q", method, key, value)
			}
		}
		if len(got.TransferEncoding) > 0 {
			t.Errorf("%s: Transfer-Encoding is %q", method, got.TransferEncoding)
		}
	}
}

// A cache that knows only the path would give whoever comes later the error
// that one client's precondition or range has caused.
func TestErrorsAreNotForCaches(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "f.html", "0123456789")
	addr := serve(t, "/", dir, Config{MaxAge: 3600, Download: true})
	for _, header := range []string{`If-Match: "x"`, "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT", "Range: bytes=10-"} {
		got := ask(t, addr, "GET", "/f.html", header)
		if got.StatusCode != 412 && got.StatusCode != 416 {
			t.Errorf("%s: %d", header, got.StatusCode)
		}
		for _, key := range []string{"Cache-Control", "Content-Disposition", "Last-Modified", "ETag"} {
			if value, ok := got.Header[http.CanonicalHeaderKey(key)]; ok {
				t.Errorf("%s: %d has %s: %q", header, got.StatusCode, key, value)
			}
		}
	}
}

func FuzzPreconditions(f *testing.F) {
	const date = "Fri, 02 Jan 2026 03:04:05 GMT"
	f.Add(`"a-b"`, date, `"x", *`, date, `"a-b"`, "bytes=0-1")
	f.Add(`*`, "", `W/"a-b"`, "Friday, 02-Jan-26 03:04:05 GMT", date, "bytes=-1")
	f.Add("", "", "", "Fri Jan  2 03:04:05 2026", "W/", "items=1")
	v := validators{etag: `"a-b"`, modTime: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	f.Fuzz(func(t *testing.T, im, ius, inm, ims, ir, ranges string) {
		values := map[string]string{"If-Match": im, "If-Unmodified-Since": ius, "If-None-Match": inm, "If-Modified-Since": ims}
		verdictWithout := func(absent ...string) verdict {
			var h fasthttp.RequestHeader
			for key, value := range values {
				h.Set(key, value)
			}
			for _, key := range absent {
				h.Del(key)
			}
			return precondition(&h, v)
		}
		got := verdictWithout()
		if im != "" && verdictWithout("If-Unmodified-Since") != got {
			t.Error("If-Unmodified-Since counts beside If-Match")
		}
		if inm != "" && verdictWithout("If-Modified-Since") != got {
			t.Error("If-Modified-Since counts beside If-None-Match")
		}
		if verdictWithout("If-Match", "If-Unmodified-Since") == failed {
			t.Error("failed, without a condition that can")
		}
		if verdictWithout("If-None-Match", "If-Modified-Since") == notModified {
			t.Error("not modified, without a condition that can")
		}
		if first := verdictWithout("If-None-Match", "If-Modified-Since"); first == failed && got != failed {
			t.Error("the first steps are not the first")
		}
		var h fasthttp.RequestHeader
		h.Set("Range", ranges)
		want, verdict := rangesFor(&h, v, 10, v.modTime.Add(time.Hour))
		h.Set("If-Range", ir)
		if got, v := rangesFor(&h, v, 10, v.modTime.Add(time.Hour)); v != verdict && v != whole || len(got) > len(want) {
			t.Error("If-Range made a range of what is none")
		}
	})
}
