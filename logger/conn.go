package logger

import (
	"net"
	"net/netip"
	"reflect"

	"github.com/valyala/fasthttp"
)

// BodyStream is what a response body stream may implement to be logged with
// certainty. Each method is asked after the stream was closed; Size also before.
type BodyStream interface {
	// BytesSent is the number of body bytes the kernel took.
	BytesSent() int64
	// Err is what ended the body early, nil if nothing did: an error that is
	// os.ErrDeadlineExceeded for a client that took nothing for too long,
	// io.ErrUnexpectedEOF for a source that had less than it promised, or
	// whatever reading or writing gave.
	Err() error
	// Size is the whole representation's size in bytes, of which a range may
	// be sent; negative if it is not known.
	Size() int64
}

// Conn is what a connection may implement so that bodies without a counter of
// their own are logged with certainty too. One inside another is found if the
// outer one has NetConn, as *tls.Conn has; it then counts ciphertext. Two more
// methods are used if it has them: BytesRead() int64, for Result.BytesReceived,
// and on the outermost connection RemoteAddrPort() netip.AddrPort, which is
// believed before RemoteAddr. Counters are read from any goroutine.
type Conn interface {
	// BytesWritten is the number of bytes the kernel took on this connection.
	BytesWritten() int64
	// WriteErr is the first error of a write, nil if there was none.
	WriteErr() error
}

// connOf finds the connection that counts, nil if there is none.
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

// remoteOf is the address of the connection's peer, zero if it is no IP address.
func remoteOf(ctx *fasthttp.RequestCtx) netip.Addr {
	if c, ok := ctx.Conn().(interface{ RemoteAddrPort() netip.AddrPort }); ok {
		return c.RemoteAddrPort().Addr().Unmap()
	}
	if tcp, ok := ctx.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// madeByHand reports whether no server read the request. A server counts the
// requests of a connection, but not one yet that expects 100-continue.
func (v *visit) madeByHand() bool {
	if v.ctx.ConnRequestNum() > 0 {
		return false
	}
	conn := v.ctx.Conn()
	return conn == nil || reflect.TypeOf(conn) == noConn
}

// noConn is the type of the connection that fasthttp gives a request made by
// RequestCtx.Init.
var noConn = func() reflect.Type {
	var ctx fasthttp.RequestCtx
	ctx.Init(&fasthttp.Request{}, nil, nil)
	return reflect.TypeOf(ctx.Conn())
}()
