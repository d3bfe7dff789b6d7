package static

import (
	"crypto/rand"
	"fmt"
)

// segment is a piece of a body: text that is ours, then a range of the file.
type segment struct {
	text string
	byteRange
}

// layout is the segments of a body: one range of a file, or several with text between
// them, as in RFC 9110 section 14.6. The texts are made on demand, so that a slow
// client holds no more than the ranges.
type layout struct {
	ranges    []byteRange
	boundary  string // "" for a single range, which has no text
	mediaType string
	size      int64 // of the file
}

// byterangesType is the media type of several ranges, up to the boundary.
const byterangesType = "multipart/byteranges; boundary="

// multipart lays out several ranges of a file of size bytes, each with its own header.
// The boundary (RFC 2046 section 5.1.1) is random, so that no file can contain it on
// purpose.
func multipart(ranges []byteRange, size int64, mediaType string) (l layout, contentType string) {
	l = layout{ranges, rand.Text(), mediaType, size}
	return l, byterangesType + l.boundary
}

func (l *layout) count() int {
	if l.boundary == "" {
		return len(l.ranges)
	}
	return len(l.ranges) + 1
}

// segment makes the i-th segment. The last of a multipart body is only text. The CRLF in
// front of the first boundary is optional (RFC 9110 section 14.6), but every other server
// sends it, and zsync, which drops the first line of a body, asks for ever without it.
func (l *layout) segment(i int) segment {
	switch {
	case l.boundary == "":
		return segment{byteRange: l.ranges[i]}
	case i == len(l.ranges):
		return segment{text: "\r\n--" + l.boundary + "--\r\n"}
	}
	return segment{
		text: fmt.Sprintf("\r\n--%s\r\nContent-Type: %s\r\nContent-Range: %s\r\n\r\n",
			l.boundary, l.mediaType, l.ranges[i].contentRange(l.size)),
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
