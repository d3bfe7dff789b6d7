// Package app is the server. This file is the one place where its parts are
// put together.
package app

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"

	"fullbore/app/config"
	"fullbore/app/event"
	"fullbore/app/health"
	"fullbore/app/metrics"
	"fullbore/app/systemd"
	"fullbore/app/transfer"
	"fullbore/app/watch"
	"fullbore/app/wire"
	"fullbore/logger"
)

// App is a server whose listeners are open. It is run once.
type App struct {
	cfg    config.Config                 // as it was at the start
	live   atomic.Pointer[config.Config] // as it is now; see current
	log    *logger.Logger                // nil: off
	sink   sink                          // below log
	files  *files
	events *event.Log
	health *health.Monitor
	phase  phase

	acceptFailures, logFailures health.Recent

	transfers *transfer.Registry
	metrics   *metrics.Metrics

	public   *fiber.App
	publicLn *wire.Listener
	admin    *fiber.App // nil: off
	adminLn  *wire.Listener

	watch    *watch.Watch
	stateDir string // "": there is none

	reloads reloads
	early   []func() // warnings that wait for the start

	draining drainState
	accepted chan struct{} // closed when the public listener accepts no more
	manager  *systemd.Manager
}

// New opens everything that a server needs, so that what is missing is found
// before the first client comes. Access records for "-" go to stdout, notices
// of the server itself to stderr. Close gives everything back, also after Run.
func New(cfg config.Config, stdout, stderr io.Writer) (_ *App, err error) {
	a := &App{cfg: cfg, accepted: make(chan struct{})}
	a.events = event.New(cfg.Operations.EventFormat, stderr)
	a.manager = systemd.NewManager(event.NewTrouble(a.events.Logger, "systemd", "systemd").Report)
	defer func() {
		if err != nil {
			a.Close()
		}
	}()
	a.beginReloads(&cfg)
	sockets, err := systemd.Inherit()
	if err != nil {
		return nil, err
	}
	defer func() { sockets.Close() }() // what is used was taken out
	handler, err := openFiles(cfg)
	if err != nil {
		return nil, err
	}
	a.files = newFiles(handler)
	a.newObservers()
	if a.log, a.sink, err = openLog(cfg, stdout, a.trouble("log", "access log", &a.logFailures), requests{&a.draining, a.metrics, a.transfers}); err != nil {
		return nil, err
	}
	if err = a.openState(); err != nil {
		return nil, err
	}
	if a.publicLn, err = a.listen(cfg.Listen, &sockets.Public,
		a.trouble("accept", "accepting connections", &a.acceptFailures)); err != nil {
		return nil, err
	}
	a.watch = a.newWatch()
	a.health = health.New(health.Config{
		Events: a.events.Logger, Places: a.places, Accept: &a.acceptFailures, Log: &a.logFailures,
		Lost: a.linesDropped, Process: a.watch.Health,
	})
	a.onReload(func(cfg *config.Config) { a.watch.Set(watchSettings(cfg.Operations.Watch)) })
	a.onReload(a.applyTimes)
	a.public = a.newPublic()
	a.public.Server().Logger = event.NewTrouble(a.events.Logger, "server", "serving connections")
	if cfg.Admin != "" || sockets.Admin != nil {
		if a.adminLn, err = a.listen(cfg.Admin, &sockets.Admin,
			a.trouble("accept", "accepting connections of operators", new(health.Recent))); err != nil {
			return nil, err
		}
		a.admin = a.newAdmin(a.transfers, a.metrics.Handler)
		a.admin.Server().Logger = event.NewTrouble(a.events.Logger, "server", "serving connections")
		if err = a.observeAdmin(a.admin.Server()); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// listen opens a listener on addr, or takes the inherited one, if there is one.
// accept is told when it cannot accept.
func (a *App) listen(addr string, inherited **net.TCPListener, failed func(error)) (*wire.Listener, error) {
	cfg := wire.Config{
		IdleTimeout:   a.cfg.IdleTimeout,
		OnAcceptError: func(err error, _ time.Duration) { failed(err) },
	}
	if tcp := *inherited; tcp != nil {
		*inherited = nil
		return wire.NewListener(tcp, cfg), nil
	}
	return wire.Listen(addr, cfg)
}

// Run serves until ctx ends, then lets downloads in flight go on for the drain
// timeout. It prints a line per listener when it is ready. It returns nil
// after an orderly stop, also when it had to cut downloads, which it then
// says.
func (a *App) Run(ctx context.Context) error {
	failed := make(chan error, 2)
	running := 1
	go func() {
		defer close(a.accepted)
		failed <- a.public.Listener(a.publicLn)
	}()
	a.phase.serving.Store(true) // before anybody can know: connections wait in the socket meanwhile
	a.events.Line("listening http://%s", a.publicLn.Addr())
	if a.admin != nil {
		running++
		go func() { failed <- a.admin.Listener(a.adminLn) }()
		a.events.Line("admin http://%s", a.adminLn.Addr())
	}
	a.sayStart()
	for _, warn := range a.early {
		warn()
	}
	_ = a.events.Flush() // who does not read it is not waited for longer
	defer a.startWatchdog(ctx)()
	a.manager.Ready(a.publicLn.Addr().String())
	defer a.startWatch()()
	defer a.startHealth()()
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
		running--
	}
	a.drain()
	for ; running > 0; running-- {
		err = errors.Join(err, <-failed)
	}
	return err
}

// Close gives back what New opened. Errors are not reported: there is nobody
// who could still act on them.
func (a *App) Close() {
	if a.adminLn != nil {
		_ = a.adminLn.Close()
	}
	if a.publicLn != nil {
		_ = a.publicLn.Close()
	}
	if a.files != nil {
		a.files.close()
	}
	if a.transfers != nil {
		a.transfers.Close()
	}
	if a.sink.lines != nil {
		a.sink.close()
		if n := a.sink.lines.Dropped(); n > 0 {
			a.events.Warn().Str("event", "log").Int64("lines", n).Msgf("access log: %d lines were lost", n)
		}
	}
	_ = a.events.Close()
}

// ReopenLog opens the access log's file anew, for whoever moved it away.
func (a *App) ReopenLog() {
	if a.sink.lines == nil {
		return
	}
	if err := a.sink.lines.Reopen(); err != nil {
		a.events.Error().Str("event", "log").Err(err).Msg("access log goes on in the old file")
	}
}

// startHealth looks after the health until stop is called.
func (a *App) startHealth() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.health.Run(ctx)
	}()
	return func() { cancel(); <-done }
}

// startWatchdog begins to tell the service manager that connections are
// accepted. It stops with the start of the drain, as the manager's own watch
// does.
func (a *App) startWatchdog(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := a.manager.Watchdog(ctx, a.publicLn.Check); err != nil {
			a.events.Warn().Str("event", "systemd").Err(err).Msg("no signs of life are sent to the service manager")
		}
	}()
	return func() { cancel(); <-done }
}

// trouble makes what is told of each failure of one kind: it is an event, and
// counts for the health.
func (a *App) trouble(word, what string, recent *health.Recent) func(error) {
	said := event.NewTrouble(a.events.Logger, word, what)
	return func(err error) {
		recent.Failed(err)
		said.Report(err)
	}
}
