package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"fullbore/app/config"
	"fullbore/app/deadline"
	"fullbore/app/drain"
	"fullbore/app/engine"
	"fullbore/app/event"
	"fullbore/app/head"
	"fullbore/app/health"
	"fullbore/app/listen"
	"fullbore/app/metrics"
	"fullbore/app/wire"
)

const (
	// adminGrace is for the admin listener's answers to end.
	adminGrace = time.Second

	// profileGrace is for those that do not: profiles, which take as long as was
	// asked.
	profileGrace = 5 * time.Second
)

// door is where connections come in: what listens, and how it is served. Those
// who ask it do not know how many listeners that are, nor what serves them.
type door struct {
	*wire.Listener
	failures health.Recent  // of accepting
	engine   *engine.Engine // nil: fasthttp's own loop
	ended    chan struct{}  // closed when serve has returned
}

// newDoor takes over what listens. introduction is for those entrances that are
// Introduced. trouble is told when it cannot accept.
func newDoor(sockets []wire.ListeningSocket, times deadline.Limits, introduction wire.Introduction, trouble *event.Trouble) *door {
	d := &door{ended: make(chan struct{})}
	d.Listener = wire.NewListener(sockets, wire.Config{Introduction: introduction, OnAcceptError: func(err error, _ time.Duration) {
		d.failures.Failed(err)
		trouble.Report(err)
	}})
	d.SetLimits(times)
	return d
}

// names are the addresses that it listens on, as listen.Name tells them.
func (d *door) names() []string {
	var names []string
	for _, socket := range d.Entrances() {
		names = append(names, listen.Name(socket.Addr()))
	}
	return names
}

// addresses are those, without what is the same for all.
func (d *door) addresses() string {
	return strings.ReplaceAll(strings.Join(d.names(), ", "), "http://", "")
}

// use makes event loops for the server, unless kind says that goroutines are
// wanted, or there are none here. It is for before serve.
func (d *door) use(kind string, server *fasthttp.Server) (err error) {
	if kind == config.EngineGoroutines {
		return nil
	}
	d.engine, err = engine.New(d.Listener, server, engine.Config{})
	if kind == config.EngineAuto && errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("--engine %s: %w", kind, err)
	}
	return nil
}

// slowTurns is how often an event loop was held up; see engine.Engine.
func (d *door) slowTurns() int64 {
	if d.engine == nil {
		return 0
	}
	return d.engine.SlowTurns()
}

// serve accepts connections and has the server answer them until the door is
// closed. It is called once.
func (d *door) serve(server *fasthttp.Server) error {
	defer close(d.ended)
	if d.engine != nil {
		return d.engine.Serve()
	}
	failed := make(chan error)
	for _, socket := range d.Entrances() {
		go func() { failed <- server.Serve(judged{socket, d.Limits()}) }()
	}
	var err error
	for range d.Entrances() {
		err = errors.Join(err, <-failed)
		err = errors.Join(err, d.Close()) // one that ends is the end of all
	}
	return err
}

// judged is a listener whose connections let no request through whose head is
// not in order, and hold clients to their time limits.
type judged struct {
	*wire.Entrance
	limits *deadline.Current
}

// Accept waits for the next connection.
func (l judged) Accept() (net.Conn, error) {
	c, err := l.Entrance.Accept()
	if err != nil {
		return nil, err
	}
	judged := head.NewConn(c, nil, head.DefaultLimit)
	judged.Limits = l.limits
	return judged.Served(), nil
}

// Ended reports whether no more connections are accepted, and those that were
// are counted.
func (d *door) Ended() bool {
	select {
	case <-d.ended:
		return true
	default:
		return false
	}
}

// stop ends the door of the admin server. What that still says may be cut:
// those who watch ask again.
func (d *door) stop(server *fasthttp.Server) {
	// Shutdown knows the listener only once Serve has begun; a stop may come
	// before that.
	defer func() { _ = d.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), adminGrace)
	defer cancel()
	if server.ShutdownWithContext(ctx) == nil {
		return
	}
	_ = d.Cut(drain.ErrTimeout)
	_ = d.WaitClosed(profileGrace)
}

// sent is in bytes.
func (d *door) sent() int64 {
	sent, _ := d.Bytes()
	return sent
}

// counts is what the metrics say of it.
func (d *door) counts() metrics.Connections {
	c := metrics.Connections{Open: d.Open(), Accepted: d.Accepted(), AcceptErrors: d.AcceptErrors(), SlowTurns: d.slowTurns()}
	c.Sent, c.Received = d.Bytes()
	return c
}

// notePhase tells a connection whether it may be retired. It is a
// fasthttp.Server's ConnState.
func notePhase(c net.Conn, state fasthttp.ConnState) {
	link, ok := wire.LinkOf(c)
	if !ok {
		return
	}
	switch state {
	case fasthttp.StateActive:
		link.Work()
	case fasthttp.StateIdle:
		link.Rest()
	default: // new, closed or hijacked: nothing of ours
	}
}
