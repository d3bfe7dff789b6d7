// Package listen turns the addresses that an operator writes into listening
// sockets.
package listen

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Address is what to listen on, as it was written. It is one of
//
//	127.0.0.1:8080    IPv4 alone, 0.0.0.0 too
//	[::1]:8080        IPv6 alone; [::] has IPv4 as well
//	:8080             every address
//	eth0:8080         the addresses of an interface
//	example.org:8080  those addresses of a name that this machine has
//	unix:FILE         a Unix socket
type Address struct {
	text string
	path string     // of a Unix socket; "" is none
	host string     // "" is every address
	ip   netip.Addr // host, if it is an address
	port uint16
}

// unixPrefix begins the address of a Unix socket.
const unixPrefix = "unix:"

// pathMax is the longest path of a Unix socket, in bytes; see unix(7).
const pathMax = len(syscall.RawSockaddrUnix{}.Path) - 1

// Parse reads an address. It asks neither the network nor the file system. The
// error says what is wrong with text, without it.
func Parse(text string) (Address, error) {
	if path, ok := strings.CutPrefix(text, unixPrefix); ok {
		return parseUnix(text, path)
	}
	host, service, err := net.SplitHostPort(text)
	if err != nil {
		return Address{}, errors.New("want host:port, such as 127.0.0.1:8080 or :8080, or unix:FILE")
	}
	a := Address{text: text, host: host}
	if a.ip, err = netip.ParseAddr(host); err == nil {
		a.ip = a.ip.Unmap()
	} else if err := checkName(host); err != nil {
		return Address{}, err
	}
	a.port, err = parsePort(service)
	return a, err
}

func parseUnix(text, path string) (Address, error) {
	switch {
	case path == "" || strings.HasSuffix(path, "/"):
		return Address{}, errors.New("want a file, such as unix:/run/fullbore/http.sock")
	case path[0] == '@':
		return Address{}, errors.New("an abstract socket has no permissions: want a file, such as unix:/run/fullbore/http.sock")
	case strings.ContainsRune(path, 0):
		return Address{}, errors.New("a path cannot hold a zero byte")
	case len(path) > pathMax:
		return Address{}, fmt.Errorf("the path has %d bytes, and a socket's at most %d: want a shorter one", len(path), pathMax)
	}
	return Address{text: text, path: path}, nil
}

// checkName finds what can be neither an interface nor a host.
func checkName(host string) error {
	switch {
	case host == "*":
		return errors.New(`"*" is no host: want :PORT for every address`)
	case strings.ContainsAny(host, " \t\r\n/@%[]\x00"):
		return fmt.Errorf("%q is no host", host)
	case meantAsAddress(host):
		return fmt.Errorf("%s is no IP address", host)
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

// parsePort reads a number or the name of a service, such as http.
func parsePort(service string) (uint16, error) {
	if service != "" && strings.Trim(service, "0123456789") == "" {
		if port, err := strconv.ParseUint(service, 10, 16); err == nil {
			return uint16(port), nil
		}
	} else if service != "" && !strings.ContainsAny(service[:1], "+- \t") { // which LookupPort takes
		if port, err := net.LookupPort("tcp", service); err == nil {
			return uint16(port), nil //nolint:gosec // a port
		}
	}
	return 0, errors.New("want a port from 0 to 65535")
}

// String is the address as it was written.
func (a Address) String() string { return a.text }

// Host is the host as it was written; "" if there is none.
func (a Address) Host() string { return a.host }

// lookupPatience is for the name server.
const lookupPatience = 10 * time.Second

// resolve finds the IP addresses that are meant. The zero one is every address.
// named says that they come from a name, which may stand for other machines too.
func (a Address) resolve() (ips []netip.Addr, named bool, err error) {
	if a.ip.IsValid() || a.host == "" {
		return []netip.Addr{a.ip}, false, nil
	}
	iface, noInterface := net.InterfaceByName(a.host)
	if noInterface == nil {
		ips, err = addressesOf(iface)
		return ips, false, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookupPatience)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", a.host)
	var errno syscall.Errno
	switch {
	case err != nil && errors.As(noInterface, &errno): // in a sandbox without AF_NETLINK, say
		return nil, true, fmt.Errorf("interfaces cannot be looked up: %w, and %s is no host: %w", errno, a.host, err)
	case err != nil:
		return nil, true, fmt.Errorf("%s is neither an interface nor a host: %w", a.host, err)
	}
	return unique(found), true, nil
}

func unique(found []netip.Addr) (ips []netip.Addr) {
	seen := map[netip.Addr]bool{}
	for _, ip := range found {
		if ip = ip.Unmap(); !seen[ip] {
			seen[ip] = true
			ips = append(ips, ip)
		}
	}
	return ips
}

// addressesOf gives the addresses of an interface, without those of the link
// unless it has no others: browsers take none with a zone.
func addressesOf(iface *net.Interface) ([]netip.Addr, error) {
	all, err := iface.Addrs()
	if err != nil {
		return nil, err
	}
	var ips, local []netip.Addr
	for _, addr := range all {
		prefix, err := netip.ParsePrefix(addr.String())
		switch ip := prefix.Addr(); {
		case err != nil: // no IP address
		case ip.Is6() && ip.IsLinkLocalUnicast():
			local = append(local, ip.WithZone(iface.Name))
		case ip.IsLinkLocalUnicast():
			local = append(local, ip)
		default:
			ips = append(ips, ip)
		}
	}
	if ips == nil {
		ips = local
	}
	if ips == nil {
		return nil, fmt.Errorf("interface %s has no address: give it one first, or listen on every address", iface.Name)
	}
	return ips, nil
}

// Dial connects to a server on this machine that listens on a.
func (a Address) Dial(ctx context.Context) (net.Conn, error) {
	var dialer net.Dialer
	if a.path != "" {
		return dialer.DialContext(ctx, "unix", a.path)
	}
	host := a.host
	switch {
	case host == "" || a.ip == netip.IPv6Unspecified():
		host = "localhost"
	case a.ip == netip.IPv4Unspecified():
		host = "127.0.0.1"
	case !a.ip.IsValid():
		if iface, err := net.InterfaceByName(host); err == nil {
			ips, err := addressesOf(iface)
			if err != nil {
				return nil, err
			}
			host = ips[0].String()
		}
	}
	return dialer.DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(int(a.port))))
}
