// Package client says who a client is: one answer for limits, logs, downloads,
// transfers and rights.
package client

import (
	"net"
	"net/netip"

	"github.com/valyala/fasthttp"
)

// networkBits is how much of an IPv6 address tells clients apart: a network of that
// size is what one customer gets (RFC 6177), who may use any address in it.
const networkBits = 64

// Key is what a client is counted by: an IPv4 address, or the network of an IPv6 one.
// The zero Key is that of all who have no address, such as those on a Unix socket.
type Key struct{ addr netip.Addr }

// KeyOf is the key of an address. One of IPv4 inside IPv6 (RFC 4291 section 2.5.5.2) is
// that of IPv4; zones are ignored.
func KeyOf(addr netip.Addr) Key {
	addr = addr.Unmap().WithZone("")
	if addr.Is6() {
		prefix, _ := addr.Prefix(networkBits) // it fails for other numbers of bits only
		addr = prefix.Addr()
	}
	return Key{addr}
}

// String is the address, or the network with its length; "unix:" for the zero Key.
func (k Key) String() string {
	switch {
	case !k.addr.IsValid():
		return "unix:"
	case k.addr.Is6():
		return netip.PrefixFrom(k.addr, networkBits).String()
	}
	return k.addr.String()
}

// Of is the address of the client that sent a request; the zero Addr if it has none.
func Of(ctx *fasthttp.RequestCtx) netip.Addr { return OfConn(ctx.Conn()) }

// OfConn is the address of the client at the other end of a connection; the zero Addr
// if it has none.
func OfConn(c net.Conn) netip.Addr {
	if c, ok := c.(interface{ RemoteAddrPort() netip.AddrPort }); ok { // no allocation
		return c.RemoteAddrPort().Addr().Unmap()
	}
	if tcp, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
