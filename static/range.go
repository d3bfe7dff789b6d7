package static

// This file reads the Range header: RFC 9110 section 14.

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// byteRange is the part of a file to send, in bytes.
type byteRange struct{ start, length int64 }

// contentRange is the value of Content-Range for a part of size bytes.
func (r byteRange) contentRange(size int64) string {
	return fmt.Sprintf("bytes %d-%d/%d", r.start, r.start+r.length-1, size)
}

// rangeVerdict says what to answer to a Range header.
type rangeVerdict int

const (
	whole         rangeVerdict = iota // 200: none, or one to be ignored
	partial                           // 206
	unsatisfiable                     // 416
)

// rangeFor is the part of a file of size bytes that a GET asks for.
func rangeFor(h *fasthttp.RequestHeader, v validators, size int64, now time.Time) (byteRange, rangeVerdict) {
	all := byteRange{length: size}
	value := string(h.Peek(fiber.HeaderRange))
	if value == "" || !ifRange(string(h.Peek(fiber.HeaderIfRange)), v, now) {
		return all, whole
	}
	return parseRange(value, size)
}

// parseRange reads one byte-range-spec. Units other than bytes and what does
// not parse are ignored, as section 14.2 allows; so are sets of several
// ranges for now, which section 14.2 allows as well.
func parseRange(value string, size int64) (byteRange, rangeVerdict) {
	all := byteRange{length: size}
	unit, spec, ok := strings.Cut(value, "=")
	if !ok || !strings.EqualFold(unit, "bytes") || strings.Contains(spec, ",") {
		return all, whole
	}
	first, last, ok := strings.Cut(strings.Trim(spec, " \t"), "-")
	if !ok {
		return all, whole
	}
	if first == "" {
		return suffixRange(last, size)
	}
	start, ok := parsePosition(first)
	if !ok {
		return all, whole
	}
	end := int64(math.MaxInt64)
	if last != "" {
		if end, ok = parsePosition(last); !ok || end < start {
			return all, whole
		}
	}
	if start >= size {
		return byteRange{}, unsatisfiable
	}
	return byteRange{start: start, length: min(end, size-1) - start + 1}, partial
}

// suffixRange is the last n bytes, of a shorter file all. Section 14.1.2: no
// suffix of length 0 can be satisfied, and none of an empty file.
func suffixRange(suffix string, size int64) (byteRange, rangeVerdict) {
	n, ok := parsePosition(suffix)
	switch {
	case !ok:
		return byteRange{length: size}, whole
	case n == 0 || size == 0:
		return byteRange{}, unsatisfiable
	}
	n = min(n, size)
	return byteRange{start: size - n, length: n}, partial
}

// parsePosition reads 1*DIGIT. A number beyond int64 is as good as the
// largest: no file reaches so far.
func parsePosition(s string) (int64, bool) {
	if s == "" {
		return 0, false
	}
	var n int64
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		if n > (math.MaxInt64-9)/10 {
			n = math.MaxInt64
			continue
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}
