// Package app is the server. This file is the one place where its parts are wired.
package app

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"fullbore/app/admin"
	"fullbore/app/client"
	"fullbore/app/config"
	"fullbore/app/drain"
	"fullbore/app/event"
	"fullbore/app/health"
	"fullbore/app/limit"
	"fullbore/app/metrics"
	"fullbore/app/systemd"
	"fullbore/app/transfer"
	"fullbore/app/watch"
)

// App is a server whose listeners are open. It is run once.
type App struct {
	opened
	path, version string // to be said at the start

	manager   *systemd.Manager
	announcer announcer
	watch     *watch.Watch
	health    *health.Monitor
	drain     *drain.Drain
	reloads   *reloads
	ready     *readiness

	publicServer, adminServer *fasthttp.Server
}

// opened is what a server has open; nil is what is off, or was not reached.
type opened struct {
	events        *event.Log
	proxies       *client.Proxies
	transfers     *transfer.Registry
	caps          *limit.Caps
	rates         *rates
	files         *files
	records       *accessLog
	state         string // a folder; "": there is none
	public, admin *door
}

// New opens everything that a server needs, so that what is missing is found
// before the first client comes. Access records for "-" go to stdout, events to
// stderr. Close gives everything back, also after Run.
func New(cfg config.Config, version string, stdout, stderr io.Writer) (*App, error) {
	opened, err := open(cfg, stdout, stderr)
	if err != nil {
		return nil, err
	}
	a := &App{opened: opened, path: cfg.Path, version: version}
	events, current := a.events.Logger, new(atomic.Pointer[config.Config])
	current.Store(&cfg)
	a.announcer = announcer{
		line: a.events.Line, warn: func(text string) { events.Warn().Str("event", "start").Msg(text) },
		base: cfg.BasePath, draws: cfg.QR, terminal: isTerminal(stderr),
	}
	a.manager = systemd.NewManager(a.events.Trouble("systemd", "systemd").Report)
	a.watch = watch.New(watch.Config{
		BytesServed: a.public.sent, Connections: a.public.Open, Peak: a.public.Peak,
		StateDir: a.state, Events: events, Settings: cfg.Operations.Watch,
	})
	a.health = health.New(health.Config{
		Events: events, Places: func() health.Places { return places(current.Load(), a.files, a.state) },
		Accept: &a.public.failures, Log: &a.records.failures, Lost: a.records.Dropped, Process: a.watch.Health, Load: a.caps.Overloaded,
		Mounts: a.files.mounts,
	})
	a.drain = drain.New(drain.Config{
		Door: a.public, Transfers: a.transfers, Events: events, Manager: a.manager,
		Timeout: func() time.Duration { return current.Load().DrainTimeout },
	})
	a.trust(&cfg)
	gate := a.caps.Gate(a.proxies.Trusts)
	a.public.Gate = gate
	a.ready = &readiness{drain: a.drain, health: a.health}
	a.reloads = newReloads(current, a.files, a.apply, events, a.manager, a.public.addresses())
	measured := metrics.New(version, metrics.Sources{
		Active: a.transfers.Active, Downloads: a.transfers.Totals, Connections: a.public.counts,
		Rates: a.rates.counts, LinesDropped: a.records.Dropped, EventsLost: a.events.Dropped,
		Health: a.health.Report, Filesystems: a.health.Spaces, Drain: a.drain.Begun, Reloads: a.reloads.counts,
		Watch: func() metrics.Watch { return watchMetrics(a.watch) }, Refused: a.caps.Refused,
		Storage: func() metrics.Storage { return storageMetrics(a.files.disks) },
	})
	a.publicServer, err = newPublic(cfg.BasePath, a.records, publicRequests{a.drain, measured, a.transfers, &a.caps.Tally, a.rates},
		a.proxies, a.caps, a.files, a.drain.Draining, a.events.Trouble("server", "serving connections"))
	if err == nil {
		err = a.public.use(cfg.Engine, a.publicServer)
	}
	if err == nil && a.admin != nil {
		a.adminServer, err = newAdmin(admin.Config{
			Transfers: a.transfers, Metrics: measured.Handler, Health: a.health.Report, Ready: a.ready.check,
			Drain: a.drain.Status, Version: version, Hosts: func() []string { return adminHosts(current.Load()) },
			Refused: a.caps.Report,
		}, adminRequests{measured}, a.events.Trouble("server", "serving connections"))
	}
	if err != nil {
		a.Close()
		return nil, err
	}
	a.caps.Opened()
	a.public.Lingering.Most = gate.Lingering()
	return a, nil
}

// open opens what cfg asks for, or nothing.
func open(cfg config.Config, stdout, stderr io.Writer) (o opened, err error) {
	defer func() {
		if err != nil {
			o.close()
		}
	}()
	o.events = event.New(cfg.Operations.EventFormat, stderr)
	o.proxies = &client.Proxies{}
	o.transfers = transfer.New(transfer.Config{
		Expiry: cfg.Operations.DownloadAfter, EventsFrom: int64(cfg.Operations.DownloadFrom), Events: &o.events.Logger,
	})
	o.caps = limit.New(cfg.Limits)
	o.rates = newRates(&cfg, o.transfers)
	if o.files, err = openFiles(&cfg, o.events.Logger); err != nil {
		return o, err
	}
	if o.records, err = openAccessLog(cfg, stdout, o.events.Trouble("log", "access log")); err != nil {
		return o, err
	}
	if o.state, err = openState(cfg.Operations, o.events.Logger); err != nil {
		return o, err
	}
	return o, o.openDoors(cfg)
}

// close gives back what is open. Errors are not reported: there is nobody who
// could still act on them.
func (o *opened) close() {
	for _, d := range []*door{o.admin, o.public} {
		if d != nil {
			_ = d.Close()
		}
	}
	if o.files != nil {
		o.files.close()
	}
	o.rates.close()
	o.transfers.Close()
	if o.records != nil {
		_ = o.records.Close()
		if n := o.records.Dropped(); n > 0 {
			o.events.Warn().Str("event", "log").Int64("lines", n).Msgf("access log: %d lines were lost", n)
		}
	}
	_ = o.events.Close()
}

// Run serves until ctx ends, then lets downloads in flight go on for the drain
// timeout. It prints a line per listener when it is ready, and the warnings
// after them, since scripts wait for those lines. It returns nil after an
// orderly stop, also when it had to cut downloads, which it then says.
func (a *App) Run(ctx context.Context, warnings ...string) error {
	ended := make(chan error, 2)
	serving := 1
	go func() { ended <- a.public.serve(a.publicServer) }()
	a.ready.serving.Store(true) // before anybody can know: connections wait in the socket meanwhile
	a.announcer.listening("listening", a.public)
	if a.admin != nil {
		serving++
		go func() { ended <- a.admin.serve(a.adminServer) }()
		a.announcer.listening("admin", a.admin)
	}
	a.announcer.reachable(a.public)
	a.sayStart(warnings)
	stop := a.startBackground(ctx)
	defer stop()
	a.manager.Ready(a.public.addresses())
	var err error
	select {
	case <-ctx.Done():
	case err = <-ended:
		serving--
	}
	a.caps.StopWaiting()
	a.drain.Run()
	if a.admin != nil { // last, so that the drain can be watched
		a.admin.stop(a.adminServer)
	}
	for ; serving > 0; serving-- {
		err = errors.Join(err, <-ended)
	}
	return err
}

// sayStart tells what is served, and where.
func (a *App) sayStart(warnings []string) {
	event := a.events.Info().Str("event", "start").
		Str("version", a.version).Int("pid", os.Getpid()).Str("path", a.path).
		Str("listen", a.public.addresses())
	if a.admin != nil {
		event = event.Str("admin", a.admin.addresses())
	}
	event.Msgf("serving %s", a.path)
	for _, text := range warnings {
		a.events.Warn().Str("event", "config").Msg(text)
	}
	_ = a.events.Flush() // who does not read it is not waited for longer
}

// startBackground starts what looks after the server, until stop is called,
// which waits for its end. Signs of life end with ctx, which is the start of
// the drain, as the service manager's own watch does.
func (a *App) startBackground(ctx context.Context) (stop func()) {
	living, stopLiving := context.WithCancel(ctx)
	looking, stopLooking := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := a.manager.Watchdog(living, a.public.Check); err != nil {
			a.events.Warn().Str("event", "systemd").Err(err).Msg("no signs of life are sent to the service manager")
		}
	})
	running.Go(func() { a.watch.Run(looking) })
	running.Go(func() { a.health.Run(looking) })
	running.Go(func() { a.caps.Run(looking, a.events.Logger) })
	return func() { stopLiving(); stopLooking(); running.Wait() }
}

// Close gives back what New opened.
func (a *App) Close() { a.close() }

// Reload loads settings and changes the server to them, or to none of them; see
// reloads. asked means by SIGHUP, not by a changed file: the outcome is always
// logged.
func (a *App) Reload(load func() (*config.Settings, error), asked bool) {
	a.reloads.reload(load, asked)
}

// trust says which proxies are trusted.
func (a *App) trust(cfg *config.Config) {
	networks, _ := client.ParseNetworks(cfg.TrustedProxies) // Validate has looked at them
	a.proxies.Trust(networks)
}

// apply changes the parts that can change while they run.
func (a *App) apply(cfg *config.Config) {
	a.trust(cfg)
	a.watch.Set(cfg.Operations.Watch)
	a.transfers.Configure(cfg.Operations.DownloadAfter, int64(cfg.Operations.DownloadFrom))
	a.caps.Set(cfg.Limits)
	a.public.Recount()
	a.public.SetLimits(cfg.Times)
	a.rates.set(&cfg.Bandwidth)
	if a.admin != nil {
		a.admin.SetLimits(cfg.Times)
	}
}

// ReopenLog opens the access log's file anew, for whoever moved it away.
func (a *App) ReopenLog() {
	if err := a.records.Reopen(); err != nil {
		a.events.Error().Str("event", "log").Err(err).Msg("access log goes on in the old file")
	}
}

// FlushLogs hands the records and events that wait to where they go, for a
// process that is about to end without Close, or during it. What takes longer
// than patience is lost.
func (a *App) FlushLogs(patience time.Duration) {
	var flushing sync.WaitGroup
	for _, log := range []interface {
		Flush() error
		Close() error
	}{a.records, a.events} {
		flushing.Go(func() {
			if errors.Is(log.Flush(), os.ErrClosed) {
				_ = log.Close() // the Close in progress writes them: it is waited for
			}
		})
	}
	flushed := make(chan struct{})
	go func() { flushing.Wait(); close(flushed) }()
	select {
	case <-flushed:
	case <-time.After(patience):
	}
}
