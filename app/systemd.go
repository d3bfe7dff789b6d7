package app

// This file is how the server and a service manager work together: it takes
// over the sockets that the manager holds, and tells it how it fares. Without
// one, all of it does nothing. See sd_listen_fds(3) and sd_notify(3).

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
)

// The names of sockets: FileDescriptorName= in a .socket unit.
const (
	publicSocket = "public"
	adminSocket  = "admin"
)

// inheritedSockets are the listeners that the service manager has opened; each
// may be nil.
type inheritedSockets struct{ public, admin *net.TCPListener }

// inheritSockets takes the sockets that were passed to this process. They stay
// open in the manager, so that no client is refused while a server is replaced.
func inheritSockets() (_ inheritedSockets, err error) {
	var named inheritedSockets
	var others []*net.TCPListener
	files := activation.Files(true)
	defer func() {
		for _, f := range files {
			_ = f.Close() // what is used is a copy
		}
		if err != nil {
			named.close()
			closeAll(others)
		}
	}()
	for i, file := range files {
		ln, err := tcpListener(file)
		if err != nil {
			return named, fmt.Errorf("socket %d that the service manager passed (%s): %w; want ListenStream= with a port", i+1, file.Name(), err)
		}
		var place **net.TCPListener
		switch file.Name() {
		case publicSocket:
			place = &named.public
		case adminSocket:
			place = &named.admin
		default:
			others = append(others, ln)
			continue
		}
		if *place != nil {
			_ = ln.Close()
			return named, fmt.Errorf("two sockets that the service manager passed are called %q; want one", file.Name())
		}
		*place = ln
	}
	return named.fill(others)
}

// fill gives sockets without a name of ours their places in order.
func (s inheritedSockets) fill(others []*net.TCPListener) (inheritedSockets, error) {
	for _, place := range []**net.TCPListener{&s.public, &s.admin} {
		if *place == nil && len(others) > 0 {
			*place, others = others[0], others[1:]
		}
	}
	if len(others) > 0 {
		return s, fmt.Errorf("the service manager passed %d sockets more than the two there is a use for, public and admin", len(others))
	}
	return s, nil
}

func (s inheritedSockets) close() {
	for _, ln := range []*net.TCPListener{s.public, s.admin} {
		if ln != nil {
			_ = ln.Close()
		}
	}
}

func closeAll(listeners []*net.TCPListener) {
	for _, ln := range listeners {
		_ = ln.Close()
	}
}

// tcpListener makes a listener of a socket.
func tcpListener(file *os.File) (*net.TCPListener, error) {
	ln, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("not a TCP listener: %w", err)
	}
	tcp, ok := ln.(*net.TCPListener)
	if !ok {
		_ = ln.Close()
		return nil, fmt.Errorf("not a TCP listener but one of %s", ln.Addr().Network())
	}
	if !accepts(tcp) {
		_ = ln.Close()
		return nil, fmt.Errorf("not a TCP listener but a connection")
	}
	return tcp, nil
}

// notify tells the service manager, if there is one. What it cannot be told is
// said in the log of events, where it is missed.
func (a *App) notify(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		a.notifyTrouble.Report(err)
	}
}

// notifyReady says that clients are answered, and with which settings.
func (a *App) notifyReady() {
	a.notifyRunning(daemon.SdNotifyReady + "\nSTATUS=serving " + a.publicLn.Addr().String())
}

// notifyReloading says that settings are read anew, until notifyReady.
func (a *App) notifyReloading() {
	a.notifyRunning(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec() + "STATUS=reloading")
}

// notifyRunning is notify as long as the end has not begun: a reload during the
// drain does not make it a server that runs.
func (a *App) notifyRunning(state string) {
	if _, draining := a.drainBegun(); !draining {
		a.notify(state)
	}
}

func (a *App) notifyStopping() { a.notify(daemon.SdNotifyStopping) }

func (a *App) notifyStatus(text string) { a.notify("STATUS=" + text) }

// notifyExtend asks for patience until the next call, which has to come within
// that time; twice that is asked for, in case it is late. It is counted on top
// of what a stop takes at all.
func (a *App) notifyExtend(next time.Duration) {
	a.notify("EXTEND_TIMEOUT_USEC=" + strconv.FormatInt((2*next+adminGrace+cutGrace).Microseconds(), 10))
}

// startWatchdog begins to tell the service manager that the server lives, if
// the manager asks for that, until ctx ends. The result waits for that end.
func (a *App) startWatchdog(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.watchdog(ctx)
	}()
	return func() { cancel(); <-done }
}

// watchdog tells the service manager at half of the interval that it asks for
// that the server lives, until ctx ends: only when it accepts connections. It
// stops with the start of the drain, as the manager's own watch does.
func (a *App) watchdog(ctx context.Context) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		a.events.Warn().Str("event", "systemd").Err(err).Msg("no signs of life are sent to the service manager")
	}
	if interval == 0 {
		return
	}
	tick := time.NewTicker(interval / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			a.ping(ctx, interval/4)
		}
	}
}

// ping sends a sign of life if there is life, which has to show in the time
// given.
func (a *App) ping(ctx context.Context, timeout time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if a.publicLn.Check(ctx) == nil {
		a.notify(daemon.SdNotifyWatchdog)
	}
}
