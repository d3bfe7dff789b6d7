package client

// The way of a request: what proxies say in header fields of who was before them.

import (
	"bytes"
	"net/netip"
	"strings"
	"unsafe"

	"github.com/valyala/fasthttp"
)

// The fields, as fasthttp spells them. Where there is any of the first three, Forwarded
// is not looked at: proxies that write it are few, and all others pass it on as a client
// has sent it.
const (
	xFor      = "X-Forwarded-For"
	xProto    = "X-Forwarded-Proto"
	xHost     = "X-Forwarded-Host"
	forwarded = "Forwarded"
)

// way is a request's, as far as it is known.
type way struct {
	fields *fasthttp.RequestHeader
	rfc    bool // Forwarded tells it: RFC 7239
	client netip.Addr
	hops   int // how many elements of the field were read for that, from the right
}

// follow goes back from a proxy that is trusted, past others that are, to the first that
// is not: the client. If what comes next cannot be read, the client is the last one that
// was told of. So whatever a client says of itself, a proxy has put its address behind
// that, where it is found first.
func follow(fields *fasthttp.RequestHeader, from netip.Addr, trusted *Networks) way {
	w := way{fields: fields, client: from}
	w.rfc = !has(fields, xFor) && !has(fields, xProto) && !has(fields, xHost)
	read, name := parseNode, xFor
	if w.rfc {
		read, name = forOf, forwarded
	}
	hops := list{fields: fields.PeekAll(name), quotes: w.rfc}
	for {
		element, ok := hops.previous()
		if !ok {
			return w
		}
		addr, ok := read(element)
		if !ok {
			return w
		}
		w.client = addr
		w.hops++
		if !trusted.has(addr) {
			return w
		}
	}
}

// has reports whether a field is there, be it empty: that may be a client's, before the
// one of its proxy.
func has(fields *fasthttp.RequestHeader, name string) bool { return len(fields.PeekAll(name)) > 0 }

// said is what the proxy that had the client's request says of something else about it:
// proto or host. Of a field with fewer elements than there were hops it is the leftmost:
// a proxy that replaces the field knows of one only. It is empty if nobody says it.
func (w *way) said(field, parameter string) (value []byte) {
	name := field
	if w.rfc {
		name = forwarded
	}
	elements := list{fields: w.fields.PeekAll(name), quotes: w.rfc}
	for range max(w.hops, 1) {
		element, ok := elements.previous()
		if !ok {
			break
		}
		value = element
	}
	if w.rfc {
		value, _ = parameterOf(value, parameter)
	}
	return value
}

// list is the elements of a field that may be there more than once (RFC 9110 section
// 5.6.1), from the last to the first. Empty ones are passed over. It is read from the
// right so that nothing that stands further left, such as a quotation mark that a client
// has sent alone, can change what the last proxy said.
type list struct {
	fields [][]byte
	rest   []byte
	quotes bool // elements may have quoted strings
}

// previous is the element before the last one that was returned. ok is false if there is
// none, or none that can be read.
func (l *list) previous() (element []byte, ok bool) {
	for {
		for len(l.rest) == 0 {
			if len(l.fields) == 0 {
				return nil, false
			}
			last := len(l.fields) - 1
			l.rest, l.fields = l.fields[last], l.fields[:last]
		}
		comma := bytes.LastIndexByte(l.rest, ',')
		if l.quotes {
			if comma, ok = lastComma(l.rest); !ok {
				return nil, false
			}
		}
		element = bytes.Trim(l.rest[comma+1:], " \t")
		l.rest = l.rest[:max(comma, 0)]
		if len(element) > 0 {
			return element, true
		}
	}
}

// lastComma is where the last comma of b is that no quoted string has; -1 if there is
// none. It is not ok if the string that it would be in has no beginning.
func lastComma(b []byte) (at int, ok bool) {
	for i := len(b) - 1; i >= 0; i-- {
		switch b[i] {
		case ',':
			return i, true
		case '"':
			if i = opening(b[:i]); i < 0 {
				return -1, false
			}
		}
	}
	return -1, true
}

// opening is where the quoted string begins that ends behind b; -1: nowhere. A quotation
// mark with an odd number of backslashes before it is within the string.
func opening(b []byte) int {
	for i := bytes.LastIndexByte(b, '"'); i >= 0; i = bytes.LastIndexByte(b[:i], '"') {
		escapes := i - len(bytes.TrimRight(b[:i], `\`))
		if escapes%2 == 0 {
			return i
		}
	}
	return -1
}

// forOf is the address in an element of Forwarded.
func forOf(element []byte) (netip.Addr, bool) {
	node, ok := parameterOf(element, "for")
	if !ok {
		return netip.Addr{}, false
	}
	return parseNode(node)
}

// parameterOf is the value of a parameter of an element of Forwarded, without quotation
// marks. It is not ok if it is not there, or if the element is not one by RFC 7239
// section 4: then it is not believed in part.
func parameterOf(element []byte, name string) (value []byte, ok bool) {
	for rest := element; ; {
		i := bytes.IndexByte(rest, '=')
		if i <= 0 || !isToken(rest[:i]) {
			return nil, false
		}
		parameter, after := rest[:i], rest[i+1:]
		text, n := valueOf(after)
		if n == 0 {
			return nil, false
		}
		if equalFold(parameter, name) {
			if ok { // twice
				return nil, false
			}
			value, ok = text, true
		}
		if rest = after[n:]; len(rest) == 0 {
			return value, ok
		}
		if rest[0] != ';' {
			return nil, false
		}
		rest = rest[1:]
	}
}

// valueOf reads a token or a quoted string that b begins with, and how long that is; 0:
// there is none. Nothing that matters here needs a backslash, so a string with one is
// returned empty.
func valueOf(b []byte) (text []byte, length int) {
	if len(b) == 0 || b[0] != '"' {
		n := bytes.IndexByte(b, ';')
		if n < 0 {
			n = len(b)
		}
		if !isToken(b[:n]) {
			return nil, 0
		}
		return b[:n], n
	}
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '"':
			text = b[1:i]
			if bytes.IndexByte(text, '\\') >= 0 {
				text = nil
			}
			return text, i + 1
		case '\\':
			i++
		}
	}
	return nil, 0
}

// isToken reports whether b is a token: RFC 9110 section 5.6.2.
func isToken(b []byte) bool {
	for _, c := range b {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return len(b) > 0
}

// parseNode reads an address, with or without a port: 192.0.2.1, 192.0.2.1:80,
// 2001:db8::1, [2001:db8::1], [2001:db8::1]:80. "unix:" is what nginx says of a peer on
// a Unix socket, the zero Addr. All else, such as "unknown", the names that proxies hide
// others by, and addresses with a zone, is not ok.
func parseNode(b []byte) (addr netip.Addr, ok bool) {
	if string(b) == "unix:" {
		return netip.Addr{}, true
	}
	if len(b) > 0 && b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		if end < 0 || !isPort(b[end+1:]) {
			return addr, false
		}
		addr, ok = parseAddr(b[1:end])
		return addr, ok && addr.Is6()
	}
	if first := bytes.IndexByte(b, ':'); first >= 0 && first == bytes.LastIndexByte(b, ':') {
		if !isPort(b[first:]) {
			return addr, false
		}
		b = b[:first]
	}
	addr, ok = parseAddr(b)
	return addr.Unmap(), ok
}

// longestAddr is that of an IPv6 address with one of IPv4 in it, in bytes.
const longestAddr = 45

func parseAddr(b []byte) (netip.Addr, bool) {
	if len(b) == 0 || len(b) > longestAddr || bytes.IndexByte(b, '%') >= 0 {
		return netip.Addr{}, false
	}
	// Without a copy: neither b nor the error that may point into it is kept.
	addr, err := netip.ParseAddr(unsafe.String(&b[0], len(b)))
	return addr, err == nil
}

// isPort reports whether b is nothing, or a colon and what stands for a port: digits, or
// what a proxy hides them by (RFC 7239 section 6).
func isPort(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	port := b[1:]
	if b[0] != ':' || len(port) == 0 {
		return false
	}
	return port[0] == '_' && isToken(port) || len(port) <= 5 && len(bytes.Trim(port, "0123456789")) == 0
}

// equalFold compares in ASCII; name is in small letters.
func equalFold(b []byte, name string) bool {
	if len(b) != len(name) {
		return false
	}
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != name[i] {
			return false
		}
	}
	return true
}
