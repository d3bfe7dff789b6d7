package listen

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"

	"fullbore/app/wire"
)

// Options are for Unix sockets.
type Options struct {
	Mode  uint32 // permissions of the file
	Owner Owner  // of the file
}

// Opened is what Open has opened.
type Opened struct {
	Sockets []wire.ListeningSocket
	Asked   []Address // for which each of them is
	Skipped []string  // addresses of a name that this machine has not
}

// Open listens on all that the addresses stand for, or on nothing. The error
// names the address.
func Open(addresses []Address, o Options) (opened Opened, err error) {
	defer func() {
		if err != nil {
			for _, socket := range opened.Sockets {
				_ = socket.Close() // the error above is the one that matters
			}
			opened = Opened{}
		}
	}()
	for _, a := range addresses {
		if a.path != "" {
			socket, err := openUnix(a.path, o)
			if err != nil {
				return opened, fmt.Errorf("%s: %w", a, err)
			}
			opened.add(a, socket)
			continue
		}
		sockets, skipped, err := a.openTCP()
		opened.add(a, sockets...)
		if err != nil {
			return opened, fmt.Errorf("%s: %w", a, err)
		}
		opened.Skipped = append(opened.Skipped, skipped...)
	}
	return opened, nil
}

func (o *Opened) add(a Address, sockets ...wire.ListeningSocket) {
	for _, socket := range sockets {
		o.Sockets, o.Asked = append(o.Sockets, socket), append(o.Asked, a)
	}
}

// portTries is how often a port is picked that may be taken on another address.
const portTries = 20

// openTCP listens on every IP address that is meant, on the same port.
func (a Address) openTCP() (sockets []wire.ListeningSocket, skipped []string, err error) {
	ips, named, err := a.resolve()
	if err != nil {
		return nil, nil, err
	}
	for range portTries {
		sockets, skipped, err = openAll(ips, a.port, named)
		if a.port != 0 || len(ips) == 1 || !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
		for _, socket := range sockets {
			_ = socket.Close() // nobody knows of it yet
		}
		sockets = nil
	}
	return sockets, skipped, err
}

func openAll(ips []netip.Addr, port uint16, named bool) (sockets []wire.ListeningSocket, skipped []string, err error) {
	var absent error
	for _, ip := range ips {
		socket, err := openIP(ip, port)
		if err != nil && named && (errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)) {
			skipped, absent = append(skipped, ip.String()), err
			continue
		}
		if err != nil {
			return sockets, nil, explain(err, ip, port)
		}
		sockets = append(sockets, socket)
		if tcp, ok := socket.Addr().(*net.TCPAddr); ok {
			port = tcp.AddrPort().Port() // that was picked
		}
	}
	if sockets == nil {
		return nil, nil, explain(absent, ips[0], port)
	}
	return sockets, skipped, nil
}

// openIP listens on one IP address, the zero one being all. Go's "tcp" would
// take 0.0.0.0 for that, too.
func openIP(ip netip.Addr, port uint16) (wire.ListeningSocket, error) {
	network, host := "tcp", ""
	if ip.IsValid() {
		host = ip.String()
	}
	if ip.Is4() {
		network = "tcp4"
	}
	ln, err := new(net.ListenConfig).Listen(context.Background(), network, net.JoinHostPort(host, strconv.Itoa(int(port))))
	if err != nil {
		return nil, err
	}
	return ln.(*net.TCPListener), nil //nolint:forcetypeassert // "tcp" gives nothing else
}

// explain says what can be done about an error of the kernel.
func explain(err error, ip netip.Addr, port uint16) error {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return err
	}
	switch errno {
	case syscall.EADDRINUSE:
		return fmt.Errorf("%w: something listens there; want another port", errno)
	case syscall.EADDRNOTAVAIL:
		return fmt.Errorf("%w: %s is none of this machine's", errno, ip)
	case syscall.EINVAL:
		if ip.IsLinkLocalUnicast() && ip.Zone() == "" { // ipv6(7): sin6_scope_id is needed
			return fmt.Errorf("%w: a link-local address needs its interface: want [%s%%eth0]:%d", errno, ip, port)
		}
	case syscall.EACCES:
		return fmt.Errorf("%w: port %d needs the right to open ports below 1024 (CAP_NET_BIND_SERVICE), or a socket that systemd passes", errno, port)
	}
	return errno
}
