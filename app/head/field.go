package head

import "bytes"

// field judges the field line buf[from:to]; see RFC 9112 section 5.
func (h *Head) field(buf []byte, from, to int) {
	if h.fields++; h.fields > maxFields {
		h.refuse(431, "too many fields")
		return
	}
	colon := from
	for colon < to && isToken(buf[colon]) {
		colon++
	}
	switch {
	case buf[from] == ' ' || buf[from] == '\t':
		h.refuse(400, "a field is folded") // RFC 9112 section 5.2
		return
	case colon == to:
		h.refuse(400, "a field without a colon")
		return
	case colon == from || buf[colon] != ':':
		h.refuse(400, "the name of a field is not a token")
		return
	}
	value := trimmed(buf, span{colon + 1, to})
	if !isFieldValue(value.of(buf)) {
		h.refuse(400, "a control character in a field")
		return
	}
	kind := kindOf(buf[from:colon])
	if h.trailer && (kind != other || tellsWay(buf[from:colon])) {
		h.refuse(400, "a trailer field that belongs into the head") // RFC 9110 section 6.5.1
		return
	}
	if kind == host && !h.ownAuthority {
		h.host = value
	}
	h.meaning(kind, value.of(buf))
}

// trimmed is s without the blanks around it.
func trimmed(buf []byte, s span) span {
	for s.from < s.to && isBlank(buf[s.from]) {
		s.from++
	}
	for s.to > s.from && isBlank(buf[s.to-1]) {
		s.to--
	}
	return s
}

// The fields that frame a request.
const (
	other = iota
	host
	expect
	upgrade
	connection
	contentLength
	transferEncoding
)

func kindOf(name []byte) int {
	switch {
	case len(name) == 4 && equalFold(name, "host"):
		return host
	case len(name) == 6 && equalFold(name, "expect"):
		return expect
	case len(name) == 7 && equalFold(name, "upgrade"):
		return upgrade
	case len(name) == 10 && equalFold(name, "connection"):
		return connection
	case len(name) == 14 && equalFold(name, "content-length"):
		return contentLength
	case len(name) == 17 && equalFold(name, "transfer-encoding"):
		return transferEncoding
	}
	return other
}

// meaning takes from a field what it says about the request's framing.
func (h *Head) meaning(kind int, value []byte) {
	switch kind {
	case host:
		h.judgeHost(value)
	case expect:
		h.judgeExpect(value)
	case upgrade:
		h.upgrade = true
	case connection:
		h.judgeConnection(value)
	case contentLength:
		h.judgeLength(value)
	case transferEncoding:
		h.judgeCoding(value)
	}
}

// judgeHost wants exactly one Host, valid even if the target has its own
// authority, and not empty; see RFC 9112 section 3.2.
func (h *Head) judgeHost(value []byte) {
	switch {
	case h.hasHost:
		h.refuse(400, "more than one Host")
	case authority(value) <= 0:
		h.refuse(400, "Host is malformed")
	}
	h.hasHost = true
}

// judgeExpect knows one expectation; see RFC 9110 section 10.1.1.
func (h *Head) judgeExpect(value []byte) {
	h.expects = true
	if !equalFold(value, "100-continue") {
		h.refuse(417, "an expectation other than 100-continue")
	}
}

// judgeConnection takes one line of the list; see RFC 9110 section 7.6.1.
func (h *Head) judgeConnection(value []byte) {
	for len(value) > 0 {
		option, rest, _ := bytes.Cut(value, comma)
		option, value = bytes.Trim(option, " \t"), rest
		h.close = h.close || equalFold(option, "close")
		h.keepOpen = h.keepOpen || equalFold(option, "keep-alive")
	}
}

var comma = []byte{','}

// judgeLength wants one number. A repeated one may be refused even if it is
// the same; see RFC 9110 section 8.6.
func (h *Head) judgeLength(value []byte) {
	const maxDigits = 18 // fits an int64 whatever they are
	switch {
	case h.hasLength:
		h.refuse(400, "more than one Content-Length")
		return
	case len(value) == 0 || len(value) > maxDigits:
		h.refuse(400, "Content-Length is malformed or too large")
		return
	}
	h.hasLength = true
	for _, c := range value {
		if !isDigit(c) {
			h.refuse(400, "Content-Length is malformed or too large")
			return
		}
		h.Body = h.Body*10 + int64(c-'0')
	}
}

// judgeCoding wants chunked and nothing else. Without chunked as the last
// coding it is unknown where the request ends (RFC 9112 section 6.3), and a
// coding below it is one that we do not understand (section 6.1).
func (h *Head) judgeCoding(value []byte) {
	comma := bytes.LastIndexByte(value, ',')
	last := bytes.TrimLeft(value[comma+1:], " \t")
	switch {
	case h.chunked:
		h.refuse(400, "more than one Transfer-Encoding")
	case !equalFold(last, "chunked"):
		h.refuse(400, "the last transfer coding is not chunked")
	case comma >= 0 && bytes.Contains(bytes.ToLower(value[:comma]), []byte("chunked")):
		h.refuse(400, "chunked more than once")
	case comma >= 0:
		h.refuse(501, "a transfer coding other than chunked")
	}
	h.chunked = true
}
