// Package client says who a client is: one answer for limits, logs, downloads and
// transfers. It is the connection's peer, or whom proxies name that are
// trusted: in the fields of a request, or at the beginning of a connection.
package client

import (
	"net"
	"net/netip"
	"strings"
	"sync/atomic"

	"github.com/valyala/fasthttp"

	"fullbore/app/head"
	"fullbore/app/wire"
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

// Proxies are those that are trusted. The zero value trusts nobody. It is safe for
// concurrent use.
type Proxies struct{ trusted atomic.Pointer[Networks] }

// Trust changes whom to trust, for requests to come.
func (p *Proxies) Trust(networks Networks) {
	if networks.None() {
		p.trusted.Store(nil)
		return
	}
	p.trusted.Store(&networks)
}

// Trusts reports whether a proxy is one of them; the zero Addr is that of all who are
// at the other end of a Unix socket.
func (p *Proxies) Trusts(addr netip.Addr) bool {
	trusted := p.trusted.Load()
	return trusted != nil && trusted.has(addr)
}

// believed is the user value of a request whose fields tell of its way: the *Networks
// that were trusted when it began.
type believed struct{}

// Introduce is for the beginning of each request, before anybody asks Of and the like.
// It returns the client, and whether that is another than the connection's peer. The
// fields of a request that could not be read are not believed, unless Tell gave them: of
// two that say who sent it, one may be missing.
func (p *Proxies) Introduce(ctx *fasthttp.RequestCtx, read bool) (client netip.Addr, proxied bool) {
	peer := peerOf(ctx.Conn())
	client = namedOn(ctx.Conn(), peer)
	if trusted := p.trusted.Load(); trusted != nil && (read || ctx.UserValue(told{}) != nil) && trusted.has(client) {
		ctx.SetUserValue(believed{}, trusted)
		client = follow(&ctx.Request.Header, client, trusted).client
	}
	return client, client != peer
}

// told is the user value of a request that has its fields although it could not be read.
type told struct{}

// Tell gives a request that could not be read the fields of its head that tell of its way,
// a line each, if that head was whole. It is for before Introduce.
func Tell(ctx *fasthttp.RequestCtx, way string) {
	for line := range strings.Lines(way) {
		name, value, _ := strings.Cut(line, ":")
		ctx.Request.Header.Add(name, strings.Trim(value, " \t\r\n"))
	}
	ctx.SetUserValue(told{}, true)
}

// wayOf is the way of a request whose fields are believed.
func wayOf(ctx *fasthttp.RequestCtx) (w way, ok bool) {
	trusted, ok := ctx.UserValue(believed{}).(*Networks)
	if ok {
		w = follow(&ctx.Request.Header, OfConn(ctx.Conn()), trusted)
	}
	return w, ok
}

// Of is the address of the client that sent a request; the zero Addr if it has none. It
// belongs to the request's handlers, as the other functions of a ctx do.
func Of(ctx *fasthttp.RequestCtx) netip.Addr {
	if w, ok := wayOf(ctx); ok {
		return w.client
	}
	return OfConn(ctx.Conn())
}

// Scheme is how the client has sent its request: http or https.
func Scheme(ctx *fasthttp.RequestCtx) string {
	if w, ok := wayOf(ctx); ok {
		switch proto := w.said(xProto, "proto"); {
		case equalFold(proto, "https"):
			return "https"
		case equalFold(proto, "http"):
			return "http"
		}
	}
	if ctx.IsTLS() {
		return "https"
	}
	return "http"
}

// Host is the host that the client has asked, with its port if it named one. It is valid
// as long as the request is.
func Host(ctx *fasthttp.RequestCtx) []byte {
	if w, ok := wayOf(ctx); ok {
		if host := w.said(xHost, "host"); head.IsAuthority(host) {
			return host
		}
	}
	return ctx.Host()
}

// OfConn is the address of the client at the other end of a connection, whom a proxy may
// have named at its beginning; the zero Addr if it has none.
func OfConn(c net.Conn) netip.Addr { return namedOn(c, peerOf(c)) }

// namedOn is whom a proxy has named at the beginning of a connection, else its peer.
func namedOn(c net.Conn, peer netip.Addr) netip.Addr {
	if introduced, ok := wire.As[introduced](c); ok {
		if client, named := introduced.ClientAddrPort(); named {
			return client.Addr()
		}
	}
	return peer
}

// introduced is a wire.Introduced.
type introduced interface {
	ClientAddrPort() (client netip.AddrPort, named bool)
}

// peerOf is the address of a connection's peer.
func peerOf(c net.Conn) netip.Addr {
	if c, ok := c.(interface{ RemoteAddrPort() netip.AddrPort }); ok { // no allocation
		return c.RemoteAddrPort().Addr().Unmap()
	}
	if tcp, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
