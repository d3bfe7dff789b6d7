package head

import (
	"encoding/binary"
	"strings"
)

// The classes of octets of RFC 9110 section 5.6.2 and RFC 3986 section 2.
const (
	tokenByte  = 1 << iota // tchar
	targetByte             // in a request target; see inTarget
	nameByte               // in a reg-name, but for percent-encoding
)

var classes = func() (table [256]byte) {
	for i := range table {
		c := byte(i)
		alnum := isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'z'
		if alnum || c != 0 && strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0 {
			table[i] |= tokenByte
		}
		if c > ' ' && c != 0x7f && c != '#' {
			table[i] |= targetByte
		}
		if alnum || c != 0 && strings.IndexByte("-._~!$&'()*+,;=", c) >= 0 {
			table[i] |= nameByte
		}
	}
	return table
}()

func isToken(c byte) bool { return classes[c]&tokenByte != 0 }
func inName(c byte) bool  { return classes[c]&nameByte != 0 }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// inTarget is wider than RFC 3986, as browsers and tools send raw UTF-8 and
// brackets. But # never is part of a target, and parsers differ on what it
// would mean.
func inTarget(c byte) bool { return classes[c]&targetByte != 0 }

// hexDigit is the value of a hexadecimal digit, -1 of anything else.
func hexDigit(c byte) int {
	switch lower := c | 0x20; {
	case isDigit(c):
		return int(c - '0')
	case 'a' <= lower && lower <= 'f':
		return int(lower-'a') + 10
	}
	return -1
}

// equalFold reports whether b, which has no control characters, is lower in
// any case.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if c|0x20 != lower[i] {
			return false
		}
	}
	return true
}

// isFieldValue reports whether b is free of control characters other than
// tabs; see RFC 9110 section 5.5.
func isFieldValue(b []byte) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for i := 0; len(b)-i >= 8; i += 8 {
		// Eight at once: is one below 0x20, or is one 0x7f?
		x := binary.LittleEndian.Uint64(b[i:])
		del := x ^ ones*0x7f
		if ((x-ones*0x20)&^x|(del-ones)&^del)&tops != 0 && !isShortFieldValue(b[i:i+8]) {
			return false
		}
	}
	return isShortFieldValue(b[len(b)&^7:])
}

func isShortFieldValue(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
