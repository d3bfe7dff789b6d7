package logger

import (
	"net"
	"net/netip"
	"reflect"

	"github.com/valyala/fasthttp"
)

// BodyStream is what a response body stream may implement to be logged exactly.
// The methods are called after the stream was closed; Size also before.
type BodyStream interface {
	// BytesSent is the number of body bytes the kernel took.
	BytesSent() int64
	// Err is what ended the body early, nil if nothing did:
	// os.ErrDeadlineExceeded if the client took nothing for too long,
	// io.ErrUnexpectedEOF if the source had less than it promised, or any other
	// read or write error. The errors may be wrapped.
	Err() error
	// Size is the size in bytes of the whole representation, even if only a
	// range is sent; negative if unknown.
	Size() int64
}

// Conn is what a connection may implement so that bodies without a counter of
// their own are logged exactly, too. A wrapped one is found through NetConn,
// which *tls.Conn has; it then counts ciphertext. Two more methods are optional:
// BytesRead() int64, for Result.BytesReceived, and, on the outermost connection,
// RemoteAddrPort() netip.AddrPort, which takes precedence over RemoteAddr.
// Counters are read from any goroutine.
type Conn interface {
	// BytesWritten is the number of bytes the kernel took on this connection.
	BytesWritten() int64
	// WriteErr is the first error of a write, nil if there was none.
	WriteErr() error
}

// connOf returns the connection that counts, nil if there is none.
func connOf(c net.Conn) Conn {
	for {
		if counting, ok := c.(Conn); ok {
			return counting
		}
		outer, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return nil
		}
		c = outer.NetConn()
	}
}

// remoteOf is the address of the connection's peer, zero unless it is an IP
// address, and whether the peer is at the other end of a Unix socket.
func remoteOf(ctx *fasthttp.RequestCtx) (ip netip.Addr, unix bool) {
	if c, ok := ctx.Conn().(interface{ RemoteAddrPort() netip.AddrPort }); ok {
		if ip = c.RemoteAddrPort().Addr().Unmap(); ip.IsValid() {
			return ip, false
		}
	}
	switch addr := ctx.RemoteAddr().(type) {
	case *net.TCPAddr:
		return addr.AddrPort().Addr().Unmap(), false
	case *net.UnixAddr:
		return netip.Addr{}, true
	}
	return netip.Addr{}, false
}

// madeByHand reports whether the request was not read by a server. A server
// counts a connection's requests, but not yet one that expects 100-continue.
func (v *visit) madeByHand() bool {
	if v.ctx.ConnRequestNum() > 0 {
		return false
	}
	conn := v.ctx.Conn()
	return conn == nil || reflect.TypeOf(conn) == noConn
}

// noConn is the type of the fake connection that RequestCtx.Init sets.
var noConn = func() reflect.Type {
	var ctx fasthttp.RequestCtx
	ctx.Init(&fasthttp.Request{}, nil, nil)
	return reflect.TypeOf(ctx.Conn())
}()
