//go:build linux && (amd64 || arm64)

package engine

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"fullbore/app/wire"
)

// Engine is one server on event loops. It serves one listener, once.
type Engine struct {
	server    *fasthttp.Server
	logger    fasthttp.Logger
	name      string // of the Server header; "" for none
	listener  *wire.Listener
	foreign   wire.ListeningSocket // what listener was made of; nil: it was given
	listening []int                // descriptors of its sockets that are ours
	headLimit int

	loops     []*loop
	running   sync.WaitGroup
	started   time.Time
	accepting atomic.Int32  // loops
	refusing  chan struct{} // closed when none is left
	aside     atomic.Int64  // connections that goroutines work for
	readers   pools         // of what is not in memory
	closers   pools         // of files whose close may wait
	slow      atomic.Int64
	monitor   monitor
}

// Serve serves the connections of a listener until that is closed and they have
// ended. What clients are allowed is what a *wire.Listener says, see deadline.Limits, in
// which the server's ReadTimeout, if it has one, is that for a head, and its IdleTimeout
// that between requests.
func Serve(ln net.Listener, server *fasthttp.Server, config ...Config) error {
	if wantsMore(server) {
		return server.Serve(ln)
	}
	e, err := New(ln, server, config...)
	if err != nil {
		return err
	}
	return e.Serve()
}

// wantsMore reports whether a server has settings that loops do not honor.
func wantsMore(s *fasthttp.Server) bool {
	return s.HeaderReceived != nil || s.WriteTimeout > 0 ||
		s.MaxConnsPerIP > 0 || s.MaxRequestsPerConn > 0 ||
		s.GetOnly || s.DisableHeaderNamesNormalizing || s.NoDefaultDate || s.NoDefaultContentType
}

// New makes an Engine for a listener: a *wire.Listener, or one of TCP or of Unix
// stream sockets. The
// server must have its handlers, and is not to be changed any more.
func New(ln net.Listener, server *fasthttp.Server, config ...Config) (*Engine, error) {
	var cfg Config
	if len(config) > 0 {
		cfg = config[0]
	}
	e := &Engine{
		readers: pools{most: coldReaders}, closers: pools{most: closers},
		server: server, logger: server.Logger, name: server.Name,
		headLimit: cfg.HeadLimit,
		started:   time.Now(), refusing: make(chan struct{}), monitor: monitor{wake: make(chan struct{}, 1)},
	}
	e.withDefaults(cfg)
	var err error
	if err = e.takeListener(ln); err != nil {
		return nil, err
	}
	e.limitAsServer()
	if err = e.takeDescriptors(); err == nil {
		err = e.makeLoops(cfg.Loops)
	}
	if err != nil {
		e.close()
		e.closeListening()
		return nil, err
	}
	return e, nil
}
