package config

// This file finds addresses that nobody can listen on before somebody tries,
// as far as that can be told without asking the network.

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

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
	if _, known := portOf(port); !known {
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

// portOf is a port as a number; there may be a name for it, such as http.
func portOf(text string) (port int, known bool) {
	if n, err := strconv.Atoi(text); err == nil {
		return n, n >= 0 && n <= 65535
	}
	n, err := net.LookupPort("tcp", text)
	return n, err == nil
}

// sameAddress reports whether there can be only one listener for both of two
// valid addresses.
func sameAddress(a, b string) bool {
	hostA, portTextA, _ := net.SplitHostPort(a) // valid
	hostB, portTextB, _ := net.SplitHostPort(b)
	portA, _ := portOf(portTextA)
	portB, _ := portOf(portTextB)
	return portA == portB && portA != 0 && (covers(hostA, hostB) || covers(hostB, hostA))
}

// covers reports whether who listens on host a does so on b, too.
func covers(a, b string) bool {
	a, b = strings.ToLower(a), strings.ToLower(b)
	addrA, errA := addressOf(a)
	addrB, errB := addressOf(b)
	switch {
	case errA != nil || errB != nil && !addrA.IsUnspecified():
		return a == b
	case addrA == netip.IPv6Unspecified(): // takes IPv4 as well
		return true
	case addrA.IsUnspecified():
		return errB == nil && addrB.Is4()
	}
	return addrA == addrB
}

// addressOf is a host as an address: none is all, and localhost is where Go
// looks for it first.
func addressOf(host string) (netip.Addr, error) {
	switch host {
	case "":
		return netip.IPv6Unspecified(), nil
	case "localhost":
		host = "127.0.0.1"
	}
	addr, err := netip.ParseAddr(host)
	return addr.Unmap(), err
}
