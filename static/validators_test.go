package static

// Dates, and the comparisons of RFC 9110 section 13 that use validators.

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// Section 8.8.2.1: a date later than Date would keep a later change from being
// seen. The Date that fasthttp sends lies up to a second behind the clock.
func TestLastModifiedIsNeverLaterThanDate(t *testing.T) {
	dir := t.TempDir()
	addr := serve(t, "/", dir)
	for name, age := range map[string]time.Duration{"now": 0, "half a second ago": time.Second / 2, "an hour ago": time.Hour} {
		full := write(t, dir, "f", "x")
		at := time.Now().Add(-age)
		if err := os.Chtimes(full, at, at); err != nil {
			t.Fatal(err)
		}
		got := ask(t, addr, "GET", "/f")
		modified, err := http.ParseTime(got.Header.Get("Last-Modified"))
		if err != nil {
			t.Fatal(err)
		}
		if date, err := http.ParseTime(got.Header.Get("Date")); err != nil || modified.After(date) {
			t.Errorf("modified %s: Last-Modified is %v, Date %v (%v)", name, modified, date, err)
		}
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for mod, want := range map[time.Time]string{
		now.Add(-dateLag + 1): "Fri, 02 Jan 2026 03:04:03 GMT",
		now.Add(-dateLag):     "Fri, 02 Jan 2026 03:04:03 GMT",
		now.Add(-dateLag - 1): "Fri, 02 Jan 2026 03:04:02 GMT",
		now.Add(time.Hour):    "Fri, 02 Jan 2026 03:04:03 GMT",
		time.Unix(0, 0):       "Thu, 01 Jan 1970 00:00:00 GMT",
		time.Unix(-1, 0):      "Wed, 31 Dec 1969 23:59:59 GMT",
		now.Add(-time.Hour).In(time.FixedZone("", 1)): "Fri, 02 Jan 2026 02:04:05 GMT",
	} {
		if got := string(validators{modTime: mod}.lastModified(nil, now)); got != want {
			t.Errorf("a file of %v: Last-Modified %q, want %q", mod, got, want)
		}
	}
}

// Section 5.6.7: the form that is sent is the one that the standard library
// sends.
func TestDatesAsTheStandardLibraryWritesThem(t *testing.T) {
	now := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	for at := time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC); at.Before(now.Add(-dateLag)); at = at.Add(5003*time.Hour + 7*time.Minute + 13*time.Second) {
		if got, want := string(validators{modTime: at}.lastModified(nil, now)), at.Format(http.TimeFormat); got != want {
			t.Fatalf("%v: %q, want %q", at, got, want)
		}
	}
}

// Section 5.6.7: three forms are read, and what has none of them is no date.
func TestParseDate(t *testing.T) {
	want := time.Date(1994, 11, 6, 8, 49, 37, 0, time.UTC)
	for _, value := range []string{
		"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
	} {
		if got, ok := parseDate(value); !ok || !got.Equal(want) {
			t.Errorf("%q: got %v, %v", value, got, ok)
		}
	}
	for _, value := range []string{
		"", "0", "now", "1994-11-06T08:49:37Z", "Sun, 06 Nov 1994", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 +0000",
		"Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:49:37 GMT;", "784111777",
		strings.Repeat("Sun, ", 1000),
	} {
		if got, ok := parseDate(value); ok {
			t.Errorf("%.60q: taken for %v", value, got)
		}
	}
}

// RFC 9110 section 13.1.5 with 8.8.2.2: a date is a strong validator only if
// the file was at rest for a second.
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

func TestIfRange(t *testing.T) {
	mod := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	strong, weak := validators{`"a"`, mod}, validators{`W/"a"`, mod}
	for _, test := range []struct {
		section, value string
		v              validators
		want           bool
	}{
		{"13.1.5: none", "", strong, true},
		{"13.1.5", `"a"`, strong, true},
		{"13.1.5", `"b"`, strong, false},
		{"8.8.3.2: strong comparison", `W/"a"`, strong, false},
		{"8.8.3.2", `W/"a"`, weak, false},
		{"8.8.3.2", `"a"`, weak, false},
		{"8.8.3: case-sensitive", `w/"a"`, weak, false},
		{"13.1.5", "Fri, 02 Jan 2026 03:04:05 GMT", strong, true},
		{"13.1.5: the date is as good without a strong tag", "Fri, 02 Jan 2026 03:04:05 GMT", weak, true},
		{"5.6.7: an obsolete form", "Friday, 02-Jan-26 03:04:05 GMT", strong, true},
		{"13.1.5: exactly", "Fri, 02 Jan 2026 03:04:06 GMT", strong, false},
		{"13.1.5: exactly", "Fri, 02 Jan 2026 03:04:04 GMT", strong, false},
		{"13.1.5: malformed", "2026-01-02", strong, false},
		{"13.1.5: malformed", `a`, strong, false},
		{"13.1.5: malformed", `"a`, strong, false},
		{"13.1.5: malformed", `"a" `, strong, false},
		{"13.1.5: no star", `*`, strong, false},
		{"13.1.5: no date to compare with", "Mon, 01 Jan 0001 00:00:00 GMT", validators{etag: `"a"`}, false},
		{"13.1.5: no tag to compare with", `""`, validators{modTime: mod}, false},
		{"13.1.5", "Fri, 02 Jan 2026 03:04:05 GMT", validators{modTime: mod}, true},
	} {
		if got := ifRange(test.value, test.v, mod.Add(time.Hour)); got != test.want {
			t.Errorf("section %s: %q with %s: %v", test.section, test.value, test.v.etag, got)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, test := range []struct {
		section, list, etag string
		strong, weak        bool
	}{
		// The table of section 8.8.3.2.
		{"8.8.3.2", `W/"1"`, `W/"1"`, false, true},
		{"8.8.3.2", `W/"1"`, `W/"2"`, false, false},
		{"8.8.3.2", `W/"1"`, `"1"`, false, true},
		{"8.8.3.2", `"1"`, `W/"1"`, false, true},
		{"8.8.3.2", `"1"`, `"1"`, true, true},
		{"13.1.1: any", `*`, `"1"`, true, true},
		{"13.1.1: any", `*`, `W/"1"`, true, true},
		{"13.1.1: a list", `"0","1"`, `"1"`, true, true},
		{"13.1.1: a list", `"0" ,	"1"`, `"1"`, true, true},
		{"13.1.1: a list without it", `"0","2"`, `"1"`, false, false},
		{"5.6.1.2: empty elements", `,, "0",, "1",`, `"1"`, true, true},
		{"8.8.3: a comma inside", `"0,1"`, `"1"`, false, false},
		{"8.8.3: a comma inside", `"0,1"`, `"0,1"`, true, true},
		{"8.8.3: a backslash is no escape", `"a\"`, `"a\"`, true, true},
		{"8.8.3: bytes above ASCII", "\"\xc3\xa9\"", "\"\xc3\xa9\"", true, true},
		{"8.8.3: no quotes", `1`, `"1"`, false, false},
		{"8.8.3: unclosed", `"1`, `"1"`, false, false},
		{"8.8.3: a space inside", `"1 "`, `"1 "`, false, false},
		{"8.8.3: case-sensitive", `w/"1"`, `W/"1"`, false, false},
		{"8.8.3: a malformed one ends the list", `x, "1"`, `"1"`, false, false},
		{"13.1.1: nothing", ``, `"1"`, false, false},
		{"13.1.1: nothing", ` , `, `"1"`, false, false},
	} {
		if got := matches(test.list, test.etag, strongEqual); got != test.strong {
			t.Errorf("section %s: %q has %s strongly: %v", test.section, test.list, test.etag, got)
		}
		if got := matches(test.list, test.etag, weakEqual); got != test.weak {
			t.Errorf("section %s: %q has %s weakly: %v", test.section, test.list, test.etag, got)
		}
	}
}

func FuzzMatches(f *testing.F) {
	f.Add(`"a", W/"b", *`, "tag")
	f.Add(`"a\", "`, "b")
	f.Fuzz(func(t *testing.T, list, opaque string) {
		if strings.ContainsFunc(opaque, func(r rune) bool { return r < '!' || r == '"' || r > '~' }) {
			return
		}
		etag := `"` + opaque + `"`
		strong, weak := matches(list, etag, strongEqual), matches(list, etag, weakEqual)
		if strong && !weak {
			t.Errorf("%q has %s strongly but not weakly", list, etag)
		}
		if weak && !strings.Contains(list, "*") && !strings.Contains(list, etag) {
			t.Errorf("%q has %s", list, etag)
		}
		// Where it stands in front, it is found whatever follows.
		for _, front := range []string{etag, "W/" + etag, ", " + etag, `"x", ` + etag} {
			if !matches(front+","+list, etag, weakEqual) {
				t.Errorf("%s is not found in %q", etag, front+","+list)
			}
		}
	})
}
