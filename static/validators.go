package static

// Sections are those of RFC 9110.

import (
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"fullbore/static/accept"
)

// validators identify one version of a file.
type validators struct {
	etag    string    // "" if there is none
	modTime time.Time // zero if there is none that could be trusted
}

// dateLag is how far Date may lag behind the clock: fasthttp renews it every second,
// under load a little later.
const dateLag = 2 * time.Second

// lastModified appends the value of Last-Modified, which is never later than Date:
// section 8.8.2.1. For a file just written it is a moment too early, and a client
// that asks with it gets the file again. It appends nothing if there is no such time.
func (v validators) lastModified(dst []byte, now time.Time) []byte {
	if v.modTime.IsZero() {
		return dst
	}
	t := v.modTime
	if latest := now.Add(-dateLag); t.After(latest) {
		t = latest
	}
	return appendDate(dst, t)
}

// imfFixdate is the preferred date format: section 5.6.7.
const imfFixdate = "Mon, 02 Jan 2006 15:04:05 GMT"

// appendDate is t.AppendFormat(dst, imfFixdate) in a tenth of the time.
func appendDate(dst []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	if year < 0 || year > 9999 {
		return t.AppendFormat(dst, imfFixdate)
	}
	const days, months = "SunMonTueWedThuFriSat", "JanFebMarAprMayJunJulAugSepOctNovDec"
	weekday := 3 * int(t.Weekday())
	dst = append(dst, days[weekday:weekday+3]...)
	dst = append(dst, ", "...)
	dst = append(two(dst, day), ' ')
	dst = append(dst, months[3*(month-1):3*month]...)
	dst = append(dst, ' ')
	dst = append(two(two(dst, year/100), year%100), ' ')
	dst = append(two(dst, hour), ':')
	dst = append(two(dst, minute), ':')
	return append(two(dst, second), " GMT"...)
}

// two appends n as two digits.
func two(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

// verdict on the preconditions of a GET or HEAD.
type verdict int

const (
	proceed verdict = iota
	notModified
	failed
)

// conditional reports whether a request has any of the headers that choose among
// answers: Range, or one that begins with If-. To look for each would take longer
// than all else that is done for a small file.
func conditional(h *fasthttp.RequestHeader) bool {
	for key := range h.All() {
		if len(key) > 3 && (key[0]|0x20 == 'i' && key[1]|0x20 == 'f' && key[2] == '-' || key[0]|0x20 == 'r' && strings.EqualFold(string(key), fiber.HeaderRange)) {
			return true
		}
	}
	return false
}

// precondition evaluates the preconditions in the order of section 13.2.2, except for
// If-Range, which rangesFor evaluates. Those with a date do not count if the file has
// none: sections 13.1.3 and 13.1.4.
func precondition(h *fasthttp.RequestHeader, v validators) verdict {
	if ifMatch := accept.List(h, fiber.HeaderIfMatch); ifMatch != "" {
		if !matches(ifMatch, v.etag, strongEqual) {
			return failed
		}
	} else if since, ok := v.date(h, fiber.HeaderIfUnmodifiedSince); ok && v.modifiedAfter(since) {
		return failed
	}
	if ifNoneMatch := accept.List(h, fiber.HeaderIfNoneMatch); ifNoneMatch != "" {
		if matches(ifNoneMatch, v.etag, weakEqual) {
			return notModified
		}
	} else if since, ok := v.date(h, fiber.HeaderIfModifiedSince); ok && !v.modifiedAfter(since) {
		return notModified
	}
	return proceed
}

// modifiedAfter compares whole seconds, which is all that a date in a header has.
func (v validators) modifiedAfter(t time.Time) bool {
	return v.modTime.Truncate(time.Second).After(t)
}

// date parses a header; an invalid date or a repeated header counts as absent, as
// sections 13.1.3 and 13.1.4 require, and so does any for a file without a date.
func (v validators) date(h *fasthttp.RequestHeader, name string) (time.Time, bool) {
	if v.modTime.IsZero() || len(h.Peek(name)) == 0 { // as in accept.List
		return time.Time{}, false
	}
	lines := h.PeekAll(name)
	if len(lines) != 1 {
		return time.Time{}, false
	}
	return parseDate(string(lines[0]))
}

// parseDate accepts the three formats of section 5.6.7.
func parseDate(value string) (time.Time, bool) {
	for _, layout := range []string{imfFixdate, time.RFC850, time.ANSIC} {
		if t, err := time.Parse(layout, value); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// ifRange reports whether the range may be served: there is no If-Range, or its
// validator identifies this version. An entity tag must match strongly; a date must
// match exactly, and is strong only if the file has been unchanged for a second:
// sections 13.1.5 and 8.8.2.2.
func ifRange(value string, v validators, now time.Time) bool {
	switch {
	case value == "":
		return true
	case strings.HasPrefix(value, `"`), strings.HasPrefix(value, "W/"):
		return strongEqual(value, v.etag)
	}
	t, ok := parseDate(value)
	mod := v.modTime.Truncate(time.Second)
	return ok && !v.modTime.IsZero() && t.Equal(mod) && now.Sub(mod) > time.Second
}

// matches looks for etag in the list of an If-Match or If-None-Match; "*" matches
// anything: section 13.1.1. A malformed list counts up to the first error.
func matches(list, etag string, equal func(a, b string) bool) bool {
	for {
		list = strings.TrimLeft(list, ", \t")
		if strings.HasPrefix(list, "*") {
			return true
		}
		tag, rest, ok := scanETag(list)
		if !ok {
			return false
		}
		if equal(tag, etag) {
			return true
		}
		list = rest
	}
}

// scanETag splits the entity tag off the front of s: section 8.8.3.
func scanETag(s string) (tag, rest string, ok bool) {
	start := 0
	if strings.HasPrefix(s, "W/") {
		start = 2
	}
	if len(s) <= start || s[start] != '"' {
		return "", "", false
	}
	for i := start + 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return s[:i+1], s[i+1:], true
		case c != 0x21 && (c < 0x23 || c == 0x7f):
			return "", "", false
		}
	}
	return "", "", false
}

// strongEqual is the strong comparison of section 8.8.3.2.
func strongEqual(a, b string) bool { return a == b && strings.HasPrefix(a, `"`) }

// weakEqual is the weak one.
func weakEqual(a, b string) bool {
	return strings.TrimPrefix(a, "W/") == strings.TrimPrefix(b, "W/")
}
