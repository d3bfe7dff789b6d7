package wire

import "net"

// Link is what a server asks of the connection under a request, whatever kind
// of connection that is. See LinkOf.
type Link interface {
	// BytesRead and BytesWritten count what the kernel gave and took so far.
	// They may be called at any time from any goroutine, as may Cut.
	BytesRead() int64
	BytesWritten() int64

	// WriteErr is what ended writing, nil if nothing did.
	WriteErr() error

	// Cut ends the connection at once. The reason is part of the error that a
	// write in progress returns.
	Cut(reason error)

	// Linger says that the peer is still sending data that will not be read.
	Linger()

	// Work says that a request begins to arrive, Rest that all that was
	// received is answered.
	Work()
	Rest()
}

// LinkOf finds the Link of a connection, or of the one that it is wrapped
// around. Inside TLS it counts ciphertext.
func LinkOf(c net.Conn) (Link, bool) { return As[Link](c) }

// As finds the first of a connection and those that it is wrapped around that
// is a T. A wrapper tells what is inside it by a method NetConn() net.Conn, as
// *tls.Conn does.
func As[T any](c net.Conn) (found T, ok bool) {
	for c != nil {
		if found, ok = c.(T); ok {
			return found, true
		}
		wrapper, wraps := c.(interface{ NetConn() net.Conn })
		if !wraps {
			break
		}
		c = wrapper.NetConn()
	}
	return found, false
}
