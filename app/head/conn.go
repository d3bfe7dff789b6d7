package head

import (
	"crypto/tls"
	"io"
	"net"
	"time"
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

	// HeadTimeout is how long a head may take from its first byte on. Optional.
	// Default: as long as the read deadline that fasthttp set leaves it.
	HeadTimeout time.Duration
	// AtRest is asked when the next request would have to be waited for, but
	// not for the first one. An error ends that: Read returns it, whereupon
	// fasthttp closes the connection without a word. Resting is still true
	// then, so that the connection below may be kept for another turn. Optional.
	AtRest func() error

	readBy   time.Time // the read deadline that fasthttp set
	hurried  bool      // HeadTimeout is set instead
	answered bool      // fasthttp was made to answer a refused head
}

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
		c.patient()
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
	c.readBy, c.hurried = t, false
	return c.Conn.SetReadDeadline(t)
}

// SetDeadline sets when Read and Write give up; see net.Conn.
func (c *Conn) SetDeadline(t time.Time) error {
	c.readBy, c.hurried = t, false
	return c.Conn.SetDeadline(t)
}

// hurry starts the time limit of a head that has begun, and tells the
// connection below that a request has, for fasthttp tells only of whole heads.
func (c *Conn) hurry() error {
	if c.hurried {
		return nil
	}
	c.hurried = true
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
	if c.HeadTimeout <= 0 {
		return nil
	}
	return c.Conn.SetReadDeadline(time.Now().Add(c.HeadTimeout))
}

// patient goes back to fasthttp's deadline. An error shows in the next Read.
func (c *Conn) patient() {
	if c.hurried {
		c.hurried = false
		_ = c.Conn.SetReadDeadline(c.readBy)
	}
}

// hurrying is a Conn as its Reader sees it: the source.
type hurrying Conn

func (s *hurrying) Read(p []byte) (int, error) {
	c := (*Conn)(s)
	switch {
	case c.phase == inHead:
		if err := c.hurry(); err != nil {
			return 0, err
		}
	case c.AtRest != nil && c.head.Length > 0 && c.Resting():
		if err := c.AtRest(); err != nil {
			return 0, err
		}
	}
	return c.Conn.Read(p)
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
