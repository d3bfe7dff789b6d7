package static

// This file is what a body consists of: one range of a file, or several, as
// RFC 9110 section 14.6 has them, with a length that is known before the first
// byte is sent.

import (
	"crypto/rand"
	"fmt"
)

// segment is a piece of a body: text that is ours, then a range of the file.
type segment struct {
	text string
	byteRange
}

// layout is the segments of a body. The texts are made when their turn comes: a
// slow client holds the ranges that it asked for, and no more.
type layout struct {
	ranges    []byteRange
	boundary  string // "" for a single range, which has no text
	mediaType string
	size      int64 // of the file
}

// byterangesType is the media type of several ranges, up to the boundary.
const byterangesType = "multipart/byteranges; boundary="

// multipart lays out several ranges of a file of size bytes, each below a header
// of its own. The boundary is random, so that no file can hold it on purpose;
// RFC 2046 section 5.1.1 has its form.
func multipart(ranges []byteRange, size int64, mediaType string) (l layout, contentType string) {
	l = layout{ranges, rand.Text(), mediaType, size}
	return l, byterangesType + l.boundary
}

// count is how many segments there are.
func (l *layout) count() int {
	if l.boundary == "" {
		return len(l.ranges)
	}
	return len(l.ranges) + 1
}

// segment makes one of them. The last one of several ranges is only text.
func (l *layout) segment(i int) segment {
	switch {
	case l.boundary == "":
		return segment{byteRange: l.ranges[i]}
	case i == len(l.ranges):
		return segment{text: "\r\n--" + l.boundary + "--\r\n"}
	}
	before := "\r\n"
	if i == 0 {
		before = ""
	}
	return segment{
		text: fmt.Sprintf("%s--%s\r\nContent-Type: %s\r\nContent-Range: %s\r\n\r\n",
			before, l.boundary, l.mediaType, l.ranges[i].contentRange(l.size)),
		byteRange: l.ranges[i],
	}
}

// length is the number of bytes of all segments.
func (l *layout) length() int64 {
	var n int64
	for i := range l.count() {
		s := l.segment(i)
		n += int64(len(s.text)) + s.length
	}
	return n
}
