package head

import "bytes"

// startOfRequest judges the beginning of a request line, buf[from:to] being as
// much of it as there is, and sets method if that is whole. What cannot be
// HTTP, such as a TLS handshake, is so refused at its first byte.
func (h *Head) startOfRequest(buf []byte, from, to int) bool {
	if to == from+1 && buf[from] == '\r' {
		return true // of an empty line, perhaps
	}
	for i := from; i < to; i++ {
		switch c := buf[i]; {
		case c == ' ' && i > from:
			h.method = span{from, i}
			return true
		case !isToken(c):
			h.refuse(400, "no method")
			return false
		case i-from == maxMethod:
			h.refuse(501, "the method is too long") // RFC 9112 section 3
			return false
		}
	}
	return true
}

// requestLine judges "method SP request-target SP HTTP-version" up to buf[to];
// see RFC 9112 section 3.
func (h *Head) requestLine(buf []byte, to int) {
	h.begun = true
	if h.method.to == 0 {
		h.refuse(400, "no request target")
		return
	}
	from := h.method.to + 1
	n := bytes.IndexByte(buf[from:to], ' ')
	if n < 0 {
		h.target = span{from, to}
		h.refuse(400, "no version") // HTTP/0.9 among them
		return
	}
	h.target = span{from, from + n}
	if version := (span{from + n + 1, to}); isVersion(version.of(buf)) {
		h.proto = version
	}
	if h.version(buf[from+n+1 : to]) {
		h.judgeTarget(buf)
	}
}

// version judges an HTTP-version. A minor version above 1 would have to be
// taken for 1.1 (RFC 9110 section 2.5), but nobody sends one, and fasthttp
// takes it for 1.0.
func (h *Head) version(v []byte) bool {
	switch string(v) {
	case "HTTP/1.1":
		h.minor = 1
		return true
	case "HTTP/1.0":
		return true
	}
	if isVersion(v) {
		h.refuse(505, "a version other than HTTP/1.0 and HTTP/1.1")
	} else {
		h.refuse(400, "the version is malformed")
	}
	return false
}

func isVersion(v []byte) bool {
	return len(v) == 8 && string(v[:5]) == "HTTP/" && isDigit(v[5]) && v[6] == '.' && isDigit(v[7])
}

// judgeTarget judges the request target; see RFC 9112 section 3.2.
func (h *Head) judgeTarget(buf []byte) {
	target, method := h.target.of(buf), h.method.of(buf)
	for _, c := range target {
		if !inTarget(c) {
			h.refuse(400, "the request target has a character that it may not have")
			return
		}
	}
	options := string(method) == "OPTIONS"
	h.Plain = options || string(method) == "GET" || string(method) == "HEAD"
	switch {
	case len(target) == 0:
		h.refuse(400, "no request target")
	case string(method) == "CONNECT":
		h.ownAuthority, h.host = true, h.target
		if port := authority(target); port <= 0 || port == len(target) {
			h.refuse(400, "the target of CONNECT is not host and port")
		}
	case target[0] == '/':
	case target[0] == '*' && len(target) == 1:
		if !options {
			h.refuse(400, "the target * without OPTIONS")
		}
	default:
		h.absolute(target)
	}
}

// absolute judges a target in absolute-form: its scheme, which has to be one
// of ours, and its authority, which must not be empty (RFC 9110 section 4.2).
func (h *Head) absolute(target []byte) {
	var scheme int
	switch {
	case len(target) > 7 && equalFold(target[:7], "http://"):
		scheme = 7
	case len(target) > 8 && equalFold(target[:8], "https://"):
		scheme = 8
	default:
		h.refuse(400, "the request target is neither a path nor an http URI")
		return
	}
	n := bytes.IndexAny(target[scheme:], "/?")
	if n < 0 {
		n = len(target) - scheme
	}
	if authority(target[scheme:scheme+n]) <= 0 {
		h.refuse(400, "the authority in the request target is malformed")
		return
	}
	h.ownAuthority = true
	h.host = span{h.target.from + scheme, h.target.from + scheme + n}
}
