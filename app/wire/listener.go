// Package wire is the transport side of the server: it accepts connections, counts
// every byte that crosses them, ends those that make no progress, and hands
// files to the kernel. It knows nothing of HTTP.
package wire

import (
	"context"
	"fmt"
	"net"
	"time"

	"fullbore/app/deadline"
)

// Config of a Listener. The zero value is ready to use.
type Config struct {
	// IdleTimeout ends a connection whose peer took no byte for this long
	// while there was something to send. It is not a limit on a whole
	// response: a slow peer that keeps taking bytes is never cut.
	//
	// Optional. Default: deadline.IdleDefault
	IdleTimeout time.Duration

	// Introduction reads what proxies say at the beginning of connections to those
	// sockets whose Entrance has Introduced.
	//
	// Optional. Default: nil, for none of them
	Introduction Introduction

	// OnAcceptError is called from Accept for each failed accept, with the pause
	// before the next try. It must not block.
	//
	// Optional. Default: nil
	OnAcceptError func(err error, pause time.Duration)
}

// Listener accepts connections as *Conn, on one or more listening sockets.
// Unlike those, it survives being out of descriptors or memory: it waits and
// tries again instead of ending the server. It is safe for concurrent use.
//
// Its Registry has the connections that were accepted, and those that an event
// loop adds, which takes them off the same sockets; see AcceptBy.
type Listener struct {
	accepting
	Registry
	limits deadline.Current

	Lingering Lingering

	// Introduction is Config.Introduction.
	Introduction Introduction
}

// Listen opens a TCP listener on addr (host:port; port 0 picks a free one).
func Listen(addr string, config ...Config) (*Listener, error) {
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, err
	}
	tcp, ok := ln.(*net.TCPListener)
	if !ok { // "tcp" returns nothing else; not trusted
		_ = ln.Close() // the error below is the one that matters
		return nil, fmt.Errorf("listen %s: not a TCP listener but %T", addr, ln)
	}
	return NewListener([]ListeningSocket{tcp}, config...), nil
}

// NewListener takes over sockets that were opened elsewhere, at least one.
func NewListener(sockets []ListeningSocket, config ...Config) *Listener {
	var cfg Config
	if len(config) > 0 {
		cfg = config[0]
	}
	l := &Listener{accepting: accepting{onError: cfg.OnAcceptError, closed: make(chan struct{})}, Introduction: cfg.Introduction}
	for _, socket := range sockets {
		l.entrances = append(l.entrances, &Entrance{ListeningSocket: socket, listener: l})
	}
	l.SetLimits(deadline.Limits{Idle: cfg.IdleTimeout})
	return l
}

// SetLimits changes what clients are allowed, also those of connections that are open.
func (l *Listener) SetLimits(limits deadline.Limits) {
	l.limits.Set(limits)
	l.reconsider()
}

// Limits is what clients are allowed now.
func (l *Listener) Limits() *deadline.Current { return &l.limits }

// Accept is Entrance.Accept on the first socket, for a Listener that has one.
func (l *Listener) Accept() (net.Conn, error) { return l.entrances[0].Accept() }

// Adopt makes a connection that an event loop carried, as old, one for a
// goroutine. It goes on with old's counters, its pacing and its place in the Registry, and
// begins at work, on the request that brought it here; see Conn.Work.
func (l *Listener) Adopt(stream Stream, old Member) *Conn {
	c := l.newConn(stream)
	c.read.Store(old.BytesRead())
	c.written.Store(old.BytesWritten())
	c.inherit(old)
	c.paceBy(old.place())
	c.carrier, _ = old.(Waker)
	c.Work() // before it may be retired
	l.Replace(old, c)
	return c
}

// Retire stops accepting, as Close does, and ends every connection that rests,
// now or later; see Conn.Rest. A connection on which nothing has come yet stays
// open for its first request, until Retire is called with fresh. What is being
// sent is not touched.
func (l *Listener) Retire(fresh bool) error {
	how := AfterAnswers
	if fresh {
		how = EvenFresh
	}
	err := l.Close()
	l.retire(how) // those too that Accept has got and not told of yet
	return err
}
