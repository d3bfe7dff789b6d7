package config

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// What only the kernel knows about an address, it says when the server listens.
// What is wrong with the settings is found here, with where it was set.

// checkAddress finds out whether a value is host:port.
func checkAddress(key, value string) error {
	host, port, err := net.SplitHostPort(value)
	if err != nil {
		return wrong(key, "%q: want host:port, such as 127.0.0.1:8080 or :8080", value)
	}
	if strings.ContainsAny(host, " \t\r\n/@") {
		return wrong(key, "%q: %q is no host", value, host)
	}
	if _, err := netip.ParseAddr(host); err != nil && meantAsAddress(host) {
		return wrong(key, "%q: %s is no IP address", value, host)
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return wrong(key, "%q: want a port from 0 to 65535", value)
	}
	return nil
}

// meantAsAddress reports whether a host can be no name: the last part of one is
// never a number.
func meantAsAddress(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	_, err := strconv.ParseUint(last, 10, 64)
	return err == nil || strings.Contains(host, ":")
}

// sameAddress reports whether two valid addresses cannot both be listened on.
func sameAddress(a, b string) bool {
	hostA, nameA, _ := net.SplitHostPort(a) // valid, as are their ports
	hostB, nameB, _ := net.SplitHostPort(b)
	portA, _ := net.LookupPort("tcp", nameA)
	portB, _ := net.LookupPort("tcp", nameB)
	if portA != portB || portA == 0 {
		return false
	}
	ipA, ipB := addressOf(hostA), addressOf(hostB)
	switch {
	case !ipA.IsValid() && !ipB.IsValid():
		return strings.EqualFold(hostA, hostB)
	case ipA == netip.IPv6Unspecified(), ipB == netip.IPv6Unspecified(): // takes IPv4 as well
		return true
	case ipA.IsUnspecified(), ipB.IsUnspecified():
		return ipA.Is4() && ipB.Is4()
	}
	return ipA == ipB
}

// addressOf is a host as an address: none is all, and localhost is where Go
// looks for it first. It is not valid for other names.
func addressOf(host string) netip.Addr {
	switch {
	case host == "":
		return netip.IPv6Unspecified()
	case strings.EqualFold(host, "localhost"):
		host = "127.0.0.1"
	}
	ip, _ := netip.ParseAddr(host) // not valid with an error
	return ip.Unmap()
}
