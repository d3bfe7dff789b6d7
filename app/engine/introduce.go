//go:build linux && (amd64 || arm64)

package engine

import (
	"errors"

	"github.com/valyala/fasthttp"

	"fullbore/app/head"
)

// introduced reports whether proxies introduce the connections to a listening socket.
func (e *Engine) introduced(listening int) bool {
	if e.listener.Introduction == nil {
		return false
	}
	for i, fd := range e.listening {
		if fd == listening {
			return e.listener.Entrances()[i].Introduced
		}
	}
	return false
}

// introduce reads in l.in[:n] how a proxy introduces a connection, and leaves there what
// came behind that, of which it returns the length. It is not ok if the connection ends,
// as it does whenever ended is set: nothing more will come.
func (l *loop) introduce(c *Conn, n int, ended error) (left int, ok bool) {
	length, client, named, err := l.engine.listener.Introduction(c.remote.Addr(), l.in[:n], ended)
	switch {
	case err != nil:
		var refusal *head.Refusal
		if !errors.As(err, &refusal) {
			refusal = &head.Refusal{Status: fasthttp.StatusBadRequest, Reason: err.Error(), Err: err}
		}
		l.answerRefused(c, refusal)
		return 0, false
	case length == 0 && ended != nil:
		l.end(c)
		return 0, false
	case length == 0:
		return n, true
	}
	c.is &^= unnamed
	if named {
		if refusal := l.engine.listener.Name(c, client); refusal != nil {
			sent, _ := send(c.fd, refusal, false) // what is not sent now would not be waited for
			c.sent.Add(int64(sent))
			c.lingers = true
			l.end(c)
			return 0, false
		}
	}
	return copy(l.in, l.in[length:n]), true
}
