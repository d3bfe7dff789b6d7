package head

import (
	"bytes"
	"net/netip"
	"unsafe"
)

// IsAuthority reports whether b is a host, with or without a port, as Host has it.
func IsAuthority(b []byte) bool { return authority(b) > 0 }

// authority reports where in b the port begins, which is len(b) if b has none,
// and 0 or less if b is not "host [: port]" with a host that is not empty. See
// RFC 3986 section 3.2. User information is refused, as RFC 9110 section 4.2.4
// recommends, and so is IPvFuture, of which none exists. An empty port is that
// of the scheme.
func authority(b []byte) int {
	n := bytes.IndexByte(b, ':')
	if len(b) > 0 && b[0] == '[' {
		n = bytes.IndexByte(b, ']') + 1
		if n == 0 || !isIPv6(b[1:n-1]) {
			return 0
		}
	} else {
		if n < 0 {
			n = len(b)
		}
		if n == 0 || !isName(b[:n]) {
			return 0
		}
	}
	if n == len(b) {
		return n
	}
	if b[n] != ':' || !isPort(b[n+1:]) {
		return 0
	}
	return n + 1
}

// isName reports whether b is a reg-name, of which an IPv4 address is one.
func isName(b []byte) bool {
	for i, c := range b {
		if !inName(c) && (c != '%' || i+2 >= len(b) || hexDigit(b[i+1]) < 0 || hexDigit(b[i+2]) < 0) {
			return false
		}
	}
	return true
}

// isIPv6 reports whether b is an IPv6address, without a zone.
func isIPv6(b []byte) bool {
	if len(b) < 2 || len(b) > 45 || bytes.IndexByte(b, '%') >= 0 {
		return false
	}
	// Without a copy: neither b nor the error that may point into it is kept.
	addr, err := netip.ParseAddr(unsafe.String(&b[0], len(b)))
	return err == nil && addr.Is6()
}

func isPort(b []byte) bool {
	port := 0
	for _, c := range b {
		if !isDigit(c) || len(b) > 5 {
			return false
		}
		port = port*10 + int(c-'0')
	}
	return port <= 65535
}
