//go:build linux && (amd64 || arm64)

package engine

import (
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"fullbore/app/deadline"
	"fullbore/app/head"
	"fullbore/app/wire"
)

func (e *Engine) withDefaults(cfg Config) {
	if e.logger == nil {
		e.logger = log.New(os.Stderr, "", log.LstdFlags)
	}
	if e.name == "" && !e.server.NoDefaultServerHeader {
		e.name = "fasthttp"
	}
	if e.headLimit <= 0 {
		e.headLimit = head.DefaultLimit
	}
	e.headLimit = min(e.headLimit, readSize)
}

// takeListener makes a listener one that counts.
func (e *Engine) takeListener(ln net.Listener) error {
	switch ln := ln.(type) {
	case *wire.Listener:
		e.listener = ln
	case wire.ListeningSocket:
		e.listener, e.foreign = wire.NewListener([]wire.ListeningSocket{ln}), ln
	default:
		return fmt.Errorf("an event loop needs a listening socket, not %T", ln)
	}
	return nil
}

// limitAsServer puts the server's own time limits in force.
func (e *Engine) limitAsServer() {
	limits := *e.limits()
	if t := e.server.ReadTimeout; t > 0 {
		limits.Head, limits.Rest = t, t // as fasthttp does it
	}
	if t := e.server.IdleTimeout; t > 0 {
		limits.Rest = t
	}
	e.listener.SetLimits(limits)
}

// closedLook is how often a listener is checked that does not report that it was
// closed.
const closedLook = 100 * time.Millisecond

// watchForeign ends accepting, and the connections when they rest, when the
// listener that we were given was closed.
func (e *Engine) watchForeign(stop <-chan struct{}) {
	tick := time.NewTicker(closedLook)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		if raw, err := e.foreign.SyscallConn(); err != nil || raw.Control(func(uintptr) {}) != nil {
			_ = e.listener.Retire(true) // it is closed already
			return
		}
	}
}

// takeDescriptors gets a descriptor of each of the listener's sockets.
func (e *Engine) takeDescriptors() error {
	for _, socket := range e.listener.Entrances() {
		fd, err := descriptorOf(socket)
		if err != nil {
			return err
		}
		e.listening = append(e.listening, fd)
	}
	return nil
}

func (e *Engine) closeListening() {
	for _, fd := range e.listening {
		closeFD(fd)
	}
}

// descriptorOf returns a descriptor of a listening socket that is not closed with
// it, so that what waits to be accepted then is not lost.
func descriptorOf(socket wire.ListeningSocket) (fd int, err error) {
	raw, err := socket.SyscallConn()
	if err != nil {
		return -1, err
	}
	controlErr := raw.Control(func(listening uintptr) {
		fd, err = unix.FcntlInt(listening, unix.F_DUPFD_CLOEXEC, 0)
		// Accepted sockets begin with this: small answers must not wait for
		// acknowledgements. See tcp(7), TCP_NODELAY. Unix sockets do not take it.
		setOption(int(listening), unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	})
	return fd, errors.Join(controlErr, err)
}

func (e *Engine) makeLoops(n int) error {
	if n <= 0 {
		n = runtime.GOMAXPROCS(0)
	}
	for range n {
		l, err := newLoop(e)
		if err != nil {
			return err
		}
		e.loops = append(e.loops, l)
		if err := l.startAccepting(); err != nil {
			return err
		}
	}
	return nil
}

// Serve runs the loops until the listener is closed and all connections have
// ended. Those that rest then are ended by wire.Listener.Retire, or by their
// time limit.
func (e *Engine) Serve() error {
	defer e.close()
	e.listener.AcceptBy(e.wakeLoops)
	e.running.Add(len(e.loops))
	e.accepting.Store(int32(len(e.loops))) //nolint:gosec // few
	for _, l := range e.loops {
		go l.run(0)
	}
	e.wakeLoops() // it may be closed already
	stop := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() { e.monitor.run(e, stop) })
	if e.foreign != nil {
		watching.Go(func() { e.watchForeign(stop) })
	}
	e.running.Wait()
	close(stop)
	watching.Wait()
	return nil
}

// wakeLoops has the loops look at the listener. When that is closed it waits
// until nothing is accepted any more, but not for a loop that is held up.
func (e *Engine) wakeLoops() {
	for _, l := range e.loops {
		l.tell(message{what: ofTheListener})
	}
	if !e.listener.Accepting() {
		select {
		case <-e.refusing:
		case <-time.After(closePatience):
		}
	}
}

// closePatience is how long closing the listener waits for the loops.
const closePatience = time.Second

// ended is called by a loop that is over.
func (e *Engine) ended() { e.running.Done() }

// close releases everything but the listening socket. No loop runs any more.
func (e *Engine) close() {
	e.readers.wait(coldPatience)
	e.closers.wait(coldPatience)
	for _, l := range e.loops {
		l.close()
	}
}

// coldPatience is how long the end waits for a disk.
const coldPatience = time.Second

func (e *Engine) nanotime() int64 { return int64(time.Since(e.started)) }

func (e *Engine) limits() *deadline.Limits { return e.listener.Limits().Get() }

// SlowTurns is how often a handler, or a piece of a file, has taken so long that
// other connections of its loop had to wait for more than 10 ms.
func (e *Engine) SlowTurns() int64 { return e.slow.Load() }

// localAddr is the address of a socket; see getsockname(2).
func localAddr(fd int) net.Addr {
	address, err := unix.Getsockname(fd)
	if err != nil {
		return &net.TCPAddr{}
	}
	switch in := address.(type) {
	case *unix.SockaddrInet4:
		return &net.TCPAddr{IP: in.Addr[:], Port: in.Port}
	case *unix.SockaddrInet6:
		return &net.TCPAddr{IP: in.Addr[:], Port: in.Port}
	case *unix.SockaddrUnix:
		return &net.UnixAddr{Name: in.Name, Net: "unix"}
	}
	return &net.TCPAddr{}
}
