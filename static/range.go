package static

// Sections are those of RFC 9110.

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

const (
	// maxRanges is how many parts a response may have. A request for more gets the
	// whole file, which section 14.2 allows and is less work.
	maxRanges = 100

	// maxSpecs is how long a Range header may be.
	maxSpecs = 2000
)

// byteRange is a part of a file, in bytes.
type byteRange struct{ start, length int64 }

func (r byteRange) end() int64 { return r.start + r.length }

// contentRange is the value of Content-Range for a part of size bytes.
// Section 14.4.
func (r byteRange) contentRange(size int64) []byte {
	value := make([]byte, 0, len("bytes -/")+3*20)
	value = append(value, "bytes "...)
	value = strconv.AppendInt(value, r.start, 10)
	value = append(value, '-')
	value = strconv.AppendInt(value, r.end()-1, 10)
	value = append(value, '/')
	return strconv.AppendInt(value, size, 10)
}

// rangeVerdict is the answer to a Range header.
type rangeVerdict int

const (
	whole         rangeVerdict = iota // 200: no Range, or one to be ignored
	partial                           // 206
	unsatisfiable                     // 416
)

// rangesFor returns the parts of a file of size bytes that a GET requests. An empty
// file is sent whole: clients that always ask for the end of a file can use that.
func rangesFor(h *fasthttp.RequestHeader, v validators, size int64, now time.Time) ([]byteRange, rangeVerdict) {
	value := h.Peek(fiber.HeaderRange)
	if size == 0 || len(value) == 0 || !ifRange(string(h.Peek(fiber.HeaderIfRange)), v, now) {
		return nil, whole
	}
	return parseRanges(string(value), size)
}

// parseRanges parses a ranges-specifier. Units other than bytes and invalid values are
// ignored, as section 14.2 allows; adjacent ranges are joined, as section 15.3.7.2
// allows.
func parseRanges(value string, size int64) ([]byteRange, rangeVerdict) {
	unit, set, ok := strings.Cut(value, "=")
	if !ok || !strings.EqualFold(unit, "bytes") || strings.Count(set, ",") >= maxSpecs {
		return nil, whole
	}
	var ranges []byteRange
	specs := 0
	for more := true; more; {
		var spec string
		spec, set, more = strings.Cut(set, ",")
		if spec = strings.Trim(spec, " \t"); spec == "" {
			continue // section 5.6.1.2: a recipient ignores empty elements
		}
		r, verdict := parseSpec(spec, size)
		switch specs++; verdict {
		case whole:
			return nil, whole
		case partial:
			ranges = append(ranges, r)
		case unsatisfiable: // section 14.1.1: others may be satisfiable
		}
	}
	switch {
	case specs == 0:
		return nil, whole
	case len(ranges) == 0:
		return nil, unsatisfiable
	}
	if ranges = coalesce(ranges); len(ranges) > maxRanges {
		return nil, whole
	}
	return ranges, partial
}

// parseSpec parses one range-spec for a file of size bytes: section 14.1.2.
func parseSpec(spec string, size int64) (byteRange, rangeVerdict) {
	first, last, ok := strings.Cut(spec, "-")
	if !ok {
		return byteRange{}, whole
	}
	if first == "" {
		return suffixRange(last, size)
	}
	start, ok := parsePosition(first)
	if !ok {
		return byteRange{}, whole
	}
	end := int64(math.MaxInt64)
	if last != "" {
		if end, ok = parsePosition(last); !ok || end < start {
			return byteRange{}, whole
		}
	}
	if start >= size {
		return byteRange{}, unsatisfiable
	}
	return byteRange{start: start, length: min(end, size-1) - start + 1}, partial
}

// suffixRange is the last n bytes, or all if there are fewer. A suffix of length 0 is
// unsatisfiable (section 14.1.2), and no Content-Range describes an empty file.
func suffixRange(suffix string, size int64) (byteRange, rangeVerdict) {
	n, ok := parsePosition(suffix)
	switch {
	case !ok:
		return byteRange{}, whole
	case n == 0 || size == 0:
		return byteRange{}, unsatisfiable
	}
	n = min(n, size)
	return byteRange{start: size - n, length: n}, partial
}

// parsePosition parses 1*DIGIT. A number beyond int64 counts as the largest: no file
// is that long.
func parsePosition(s string) (int64, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, _ := strconv.ParseInt(s, 10, 64) // out of range is MaxInt64
	return n, true
}

// coalesce joins ranges that overlap or touch: section 15.3.7.2. They stay in the
// order requested, a joined one in the place of its first.
func coalesce(ranges []byteRange) []byteRange {
	if len(ranges) < 2 {
		return ranges
	}
	type asked struct {
		byteRange
		turn int
	}
	sorted := make([]asked, len(ranges))
	for i, r := range ranges {
		sorted[i] = asked{r, i}
	}
	slices.SortFunc(sorted, func(a, b asked) int { return cmp.Compare(a.start, b.start) })
	joined := sorted[:1]
	for _, r := range sorted[1:] {
		before := &joined[len(joined)-1]
		if r.start > before.end() {
			joined = append(joined, r)
			continue
		}
		before.length = max(before.end(), r.end()) - before.start
		before.turn = min(before.turn, r.turn)
	}
	slices.SortFunc(joined, func(a, b asked) int { return cmp.Compare(a.turn, b.turn) })
	ranges = make([]byteRange, 0, len(joined)) // no larger than needed: a slow client keeps it
	for _, r := range joined {
		ranges = append(ranges, r.byteRange)
	}
	return ranges
}
