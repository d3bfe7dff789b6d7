// Package head judges what precedes the content of a request: the request
// line, the fields, and the framing of the body that follows (RFC 9112, RFC
// 9110). Every connection is judged by the same rules, whatever parses the
// request afterwards, so that no two readers of the same bytes can disagree
// about where a request ends or whether another one follows.
//
// [Head.Judge] looks at bytes alone. [Reader] and [Conn] apply it to a stream:
// nothing comes out of them that was not judged.
//
// Where the RFCs leave a choice, it is the reading that no one can
// take in two ways: a line that ends in a bare LF, a Content-Length that is
// given twice or beside a Transfer-Encoding, and a minor version above 1 are
// refused.
package head

import "bytes"

const (
	// DefaultLimit is how long a head may be in bytes unless configured
	// otherwise.
	DefaultLimit = 32 << 10
	// Chunked is the Body of a request in the chunked coding.
	Chunked = -1

	maxFields = 256 // per head, and per trailer section
	maxMethod = 32  // bytes; the longest registered one has 17
	maxEmpty  = 4   // empty lines before the request line
)

// State is how far a judgement got.
type State uint8

// The states of a judgement.
const (
	More     State = iota // the head goes on, and nothing is wrong with it so far
	Complete              // the head is complete, and in order
	Refused               // the head must be answered with Head.Status, and the connection closed
)

// Head is the judgement of one head. The zero value is ready for the first
// byte; assign it again for the next head. It is not safe for concurrent use.
type Head struct {
	// Length is how many bytes the head has, empty lines before it included.
	// 0 until it is complete.
	Length int
	// Body is how many bytes of content follow, or Chunked.
	Body int64
	// Persist is whether the client expects another request to be answered on
	// this connection.
	Persist bool
	// Expect is whether the client waits for 100 (Continue) before it sends
	// its content. Never set on HTTP/1.0.
	Expect bool
	// Plain is whether this is a GET, HEAD or OPTIONS without content, Expect
	// and Upgrade: all there is to it is in the head.
	Plain bool
	// Status is what a refused head is answered with, 0 for one that is not.
	Status int
	// Reason says why it was refused. It quotes nothing from the client.
	Reason string

	line, seen int // where the current line begins, and how far its end was looked for
	method     span
	target     span
	proto      span // the HTTP-version, also one that is not spoken here
	host       span // the authority: of the target if it has one, else of Host
	fields     int
	empty      int

	begun, trailer           bool // the request line is behind us; these are trailer fields
	minor                    byte // of HTTP/1
	hasHost, hasLength       bool
	chunked, expects         bool
	upgrade, close, keepOpen bool
	ownAuthority             bool // the target has one
}

// span is a piece of the buffer, as offsets, because the buffer may move.
type span struct{ from, to int }

func (s span) of(buf []byte) []byte { return buf[s.from:s.to] }

// Judge goes on with the judgement of a head, given all bytes of it that have
// arrived, in buf from the head's first byte on; what follows the head is not
// examined. limit is how many bytes it may have. Each byte is examined about
// once, however many calls it takes.
func (h *Head) Judge(buf []byte, limit int) State {
	for h.Status == 0 && h.Length == 0 {
		i := bytes.IndexByte(buf[h.seen:max(h.seen, min(len(buf), limit))], '\n')
		if i < 0 {
			return h.unfinished(buf, limit)
		}
		from, to := h.line, h.seen+i
		h.line, h.seen = to+1, to+1
		h.wholeLine(buf, from, to)
	}
	if h.Status != 0 {
		return Refused
	}
	return Complete
}

// Method is the method in buf, the buffer that was judged last; empty if none
// could be read.
func (h *Head) Method(buf []byte) []byte { return h.method.of(buf) }

// Target is the request target in buf as the client sent it, or as much of it
// as could be read.
func (h *Head) Target(buf []byte) []byte {
	if h.target.to > 0 || h.method.to == 0 {
		return h.target.of(buf)
	}
	// The line did not end, or not as a line should.
	rest := buf[min(h.method.to+1, len(buf)):]
	if n := bytes.IndexAny(rest, " \r\n"); n >= 0 {
		rest = rest[:n]
	}
	return rest
}

// Host is the authority that the request is for, in buf: the one in the
// target, else the one in Host. Empty if there is none, as HTTP/1.0 allows.
func (h *Head) Host(buf []byte) []byte { return h.host.of(buf) }

// unfinished judges a line whose end is not in buf.
func (h *Head) unfinished(buf []byte, limit int) State {
	h.seen = max(h.seen, min(len(buf), limit))
	if !h.begun && h.line < len(buf) {
		h.startOfRequest(buf, h.line, len(buf))
	}
	if h.Status == 0 && len(buf) >= limit {
		if h.begun {
			h.refuse(431, "the fields are too long")
		} else {
			h.refuse(414, "the request line is too long")
		}
	}
	if h.Status != 0 {
		return Refused
	}
	return More
}

// wholeLine judges the line buf[from:to], without its LF.
func (h *Head) wholeLine(buf []byte, from, to int) {
	if !h.begun && !h.startOfRequest(buf, from, to) {
		return
	}
	if to == from || buf[to-1] != '\r' {
		h.refuse(400, "a line ends without CR")
		return
	}
	to--
	switch {
	case h.begun && to == from:
		h.finish()
	case h.begun:
		h.field(buf, from, to)
	case to > from:
		h.requestLine(buf, to)
	case h.empty == maxEmpty:
		h.refuse(400, "too many empty lines before the request")
	default:
		h.empty++
	}
}

// finish judges the head as a whole.
func (h *Head) finish() {
	if h.trailer {
		h.Length = h.line
		return
	}
	switch {
	case h.minor > 0 && !h.hasHost:
		h.refuse(400, "no Host")
		return
	case h.chunked && h.minor == 0:
		h.refuse(400, "Transfer-Encoding in HTTP/1.0") // RFC 9112 section 6.1
		return
	case h.chunked && h.hasLength:
		h.refuse(400, "both Transfer-Encoding and Content-Length") // RFC 9112 section 6.3
		return
	}
	h.Length = h.line
	if h.chunked {
		h.Body = Chunked
	}
	h.Persist = !h.close && (h.minor > 0 || h.keepOpen) // RFC 9112 section 9.3
	h.Expect = h.expects && h.minor > 0                 // RFC 9110 section 10.1.1
	h.Plain = h.Plain && h.Body == 0 && !h.expects && !h.upgrade
}

func (h *Head) refuse(status int, reason string) { h.Status, h.Reason = status, reason }
