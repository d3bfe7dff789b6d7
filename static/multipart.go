package static

import (
	"crypto/rand"
	"fmt"
)

// parts is a plan of several ranges of a file with text between them, as in RFC 9110
// section 14.6. The texts are made on demand, so that a slow client holds no more than
// the ranges.
type parts struct {
	of        *version
	ranges    []byteRange
	boundary  string
	mediaType string
}

// byterangesType is the media type of several ranges, up to the boundary.
const byterangesType = "multipart/byteranges; boundary="

// multipart plans several ranges of a file, each with its own header. The boundary (RFC
// 2046 section 5.1.1) is random, so that no file can contain it on purpose.
func multipart(of *version, ranges []byteRange, mediaType string) (p *parts, contentType string) {
	p = &parts{of, ranges, rand.Text(), mediaType}
	return p, byterangesType + p.boundary
}

func (p *parts) count() int      { return len(p.ranges) + 1 }
func (p *parts) last(i int) bool { return i >= len(p.ranges)-1 }

// segment makes the i-th segment. The last is only text. The CRLF in front of the first
// boundary is optional (RFC 9110 section 14.6), but every other server sends it, and
// zsync, which drops the first line of a body, asks for ever without it.
func (p *parts) segment(i int) segment {
	if i == len(p.ranges) {
		return segment{text: "\r\n--" + p.boundary + "--\r\n"}
	}
	return segment{
		text: fmt.Sprintf("\r\n--%s\r\nContent-Type: %s\r\nContent-Range: %s\r\n\r\n",
			p.boundary, p.mediaType, p.ranges[i].contentRange(p.of.info.Size)),
		of:        p.of,
		byteRange: p.ranges[i],
	}
}
