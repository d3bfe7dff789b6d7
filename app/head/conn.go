package head

import (
	"crypto/tls"
	"io"
	"net"
	"time"

	"fullbore/app/deadline"
)

// Conn is a connection that fasthttp serves, of which it reads only what was
// judged; see [Reader]. What is written passes unseen.
//
// A head that is refused reaches Server.ErrorHandler as a [*Refusal] in the
// sense of errors.As, with a ctx that knows nothing of the request; later
// requests on the connection included, whose failures fasthttp would otherwise
// not tell anybody of. fasthttp then closes the connection.
//
// Like fasthttp's reading it is for one goroutine.
type Conn struct {
	net.Conn
	Reader

	// Limits are how long heads, content and the time between requests may take. Within
	// a head, the read deadline that fasthttp set does not count. Optional. Default: none
	// but that deadline.
	Limits *deadline.Current
	// AtRest is asked when the next request would have to be waited for, but
	// not for the first one. An error ends that: Read returns it, whereupon
	// fasthttp closes the connection without a word. Resting is still true
	// then, so that the connection below may be kept for another turn. Optional.
	AtRest func() error

	readBy   time.Time // the read deadline that fasthttp set
	waitsFor awaited
	since    time.Time // when the wait for that began
	answered bool      // fasthttp was made to answer a refused head
}

// awaited is what a connection waits for.
type awaited uint8

const (
	nothing awaited = iota
	aRequest
	aHead // the rest of it
	aContent
)

// NewConn judges what comes from c, from which read was already read; it is
// copied. limit is how many bytes a head may have, DefaultLimit if it is 0.
// fasthttp's ReadBufferSize must be above it. Give Served to fasthttp.
func NewConn(c net.Conn, read []byte, limit int) *Conn {
	conn := &Conn{Conn: c}
	conn.init((*hurrying)(conn), read, limit)
	return conn
}

// NetConn is the connection below.
func (c *Conn) NetConn() net.Conn { return c.Conn }

// Read passes on what fasthttp may see. Before the error of a refused head it
// returns one meaningless byte, as only a request that has begun is
// answered.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if n > 0 {
		c.waitsFor = nothing
	}
	if refusal, ok := err.(*Refusal); ok && !refusal.InBody && !c.answered && len(p) > 0 { //nolint:errorlint // Reader wraps none
		c.answered = true
		p[0] = '?'
		return 1, nil
	}
	return n, err
}

// SetReadDeadline sets when Read gives up; see net.Conn.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.readBy = t
	return c.Conn.SetReadDeadline(t)
}

// SetDeadline sets when Read and Write give up; see net.Conn.
func (c *Conn) SetDeadline(t time.Time) error {
	c.readBy = t
	return c.Conn.SetDeadline(t)
}

// hurrying is a Conn as its Reader sees it: the source.
type hurrying Conn

func (s *hurrying) Read(p []byte) (int, error) {
	c := (*Conn)(s)
	switch {
	case c.phase == inHead && c.waitsFor != aHead:
		c.sayWork()
	case c.AtRest != nil && c.head.Length > 0 && c.Resting():
		if err := c.AtRest(); err != nil {
			return 0, err
		}
	}
	if c.Limits == nil {
		return c.Conn.Read(p)
	}
	return c.readInTime(p)
}

// sayWork tells the connection below that a request has begun, for fasthttp tells only of
// whole heads.
func (c *Conn) sayWork() {
	below := c.Conn
	for below != nil {
		if link, ok := below.(interface{ Work() }); ok {
			link.Work()
			break
		}
		wrapper, ok := below.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		below = wrapper.NetConn()
	}
}

// Served is the connection for fasthttp, which has to see of the one below
// whether it is TLS, and whether it takes files by sendfile.
func (c *Conn) Served() net.Conn {
	switch below := c.Conn.(type) {
	case handshaker:
		return &tlsConn{c, below}
	case io.ReaderFrom:
		return &fileConn{c, below}
	}
	return c
}

type handshaker interface {
	Handshake() error
	ConnectionState() tls.ConnectionState
}

type tlsConn struct {
	*Conn
	handshaker
}

type fileConn struct {
	*Conn
	io.ReaderFrom
}
