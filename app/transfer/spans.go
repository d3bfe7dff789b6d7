package transfer

import (
	"cmp"
	"slices"
)

// maxSpans is how many separate ranges a download may have, which bounds the work of
// adding one.
const maxSpans = 4096

// span is the bytes from start to, but excluding, end.
type span struct{ start, end int64 }

// spans is a union of byte ranges, in order, with a gap between any two.
type spans []span

// add adds the range to the union. fresh is how many of its bytes are new. If there are
// room ranges already, one that touches none of them is left out, and kept is false.
func (s *spans) add(r span, room int) (fresh int64, kept bool) {
	if r.end <= r.start {
		return 0, true
	}
	old := *s
	// Those from first up to last touch the range.
	first, _ := slices.BinarySearchFunc(old, r.start, func(o span, at int64) int { return cmp.Compare(o.end, at) })
	last := first
	fresh = r.end - r.start
	for ; last < len(old) && old[last].start <= r.end; last++ {
		if both := min(old[last].end, r.end) - max(old[last].start, r.start); both > 0 {
			fresh -= both
		}
	}
	if first == last {
		if len(old) >= room {
			return fresh, false
		}
		*s = slices.Insert(old, first, r)
		return fresh, true
	}
	old[first] = span{min(old[first].start, r.start), max(old[last-1].end, r.end)}
	*s = shrunk(slices.Delete(old, first+1, last))
	return fresh, true
}

// shrunk frees memory that the union no longer needs, so that the bound on ranges is
// one on memory, too.
func shrunk(s spans) spans {
	const few = 16
	if cap(s) > few && len(s) < cap(s)/4 {
		return slices.Clone(s)
	}
	return s
}
