package listen

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
)

// Reachable gives the URLs by which others in the network reach a socket that
// listens on every address, the likeliest first: that of the way out to the
// Internet, then IPv4. It is nil for other sockets.
func Reachable(listening net.Addr) []string {
	tcp, ok := listening.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return nil
	}
	ips := ownAddresses()
	if tcp.IP.To4() != nil {
		ips = slices.DeleteFunc(ips, netip.Addr.Is6)
	}
	first := sourceOf("udp4", "192.0.2.1:9")
	slices.SortStableFunc(ips, func(a, b netip.Addr) int { return rank(a, first) - rank(b, first) })
	urls := make([]string, len(ips))
	for i, ip := range ips {
		urls[i] = "http://" + net.JoinHostPort(ip.String(), strconv.Itoa(tcp.Port))
	}
	return urls
}

func rank(ip, first netip.Addr) int {
	switch {
	case ip == first:
		return 0
	case ip.Is4():
		return 1
	}
	return 2
}

// ownAddresses are those of this machine that others may know.
func ownAddresses() (ips []netip.Addr) {
	interfaces, _ := net.Interfaces() // none is none
	for _, iface := range interfaces {
		if iface.Flags&net.FlagRunning == 0 || iface.Flags&net.FlagLoopback != 0 {
			continue
		}
		found, err := addressesOf(&iface)
		if err != nil {
			continue
		}
		for _, ip := range found {
			if ip.Zone() == "" {
				ips = append(ips, ip)
			}
		}
	}
	return ips
}

// sourceOf is the address that packets to a destination come from. Connecting
// over UDP sends none.
func sourceOf(network, destination string) netip.Addr {
	conn, err := net.Dial(network, destination)
	if err != nil {
		return netip.Addr{}
	}
	defer conn.Close()
	udp, ok := conn.LocalAddr().(*net.UDPAddr)
	if !ok {
		return netip.Addr{}
	}
	return udp.AddrPort().Addr().Unmap()
}

// Name is how a listening address is told: http://ADDR or unix:FILE.
func Name(listening net.Addr) string {
	if listening.Network() == "unix" {
		return unixPrefix + listening.String()
	}
	return "http://" + listening.String()
}
