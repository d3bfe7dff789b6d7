package app

// This file is how the server knows what it does: each request is told to the
// registry of transfers and to the metrics by the logger, which alone knows when
// a response is over and what was sent of it.

import (
	"io"
	"time"

	"github.com/valyala/fasthttp"

	"fullbore/app/guard"
	"fullbore/app/metrics"
	"fullbore/app/transfer"
	"fullbore/app/watch"
	"fullbore/logger"
)

// quiet is the format of a logger that is there for its Observe alone. An empty
// one would be the default.
const quiet = " "

// newObservers makes what observes requests.
func (a *App) newObservers() {
	o := a.cfg.Operations
	a.transfers = transfer.New(transfer.Config{
		Expiry: o.DownloadAfter, EventsFrom: int64(o.DownloadFrom), Events: &a.events.Logger,
	})
	a.metrics = metrics.New(Version, a.sources())
}

// observe is told of each request on the public listener. The metrics come
// first: who sees that a transfer is gone sees it counted.
func (a *App) observe(result *logger.Result) {
	a.draining.count(result)
	a.metrics.Observe(result)
	a.transfers.Observe(result)
}

// sources are where the metrics ask when somebody scrapes.
func (a *App) sources() metrics.Sources {
	return metrics.Sources{
		Active:    a.transfers.Active,
		Downloads: a.transfers.Totals,
		Connections: func() metrics.Connections {
			c := metrics.Connections{
				Open: a.publicLn.Open(), Accepted: a.publicLn.Accepted(), AcceptErrors: a.publicLn.AcceptErrors(),
			}
			c.Sent, c.Received = a.publicLn.Bytes()
			return c
		},
		LinesDropped: a.linesDropped,
		EventsLost:   a.events.Dropped,
		Health:       a.healthMetrics,
		Drain:        a.drainBegun,
		Reloads:      a.reloadMetrics,
		Watch:        a.watchMetrics,
		Filesystems:  a.filesystems,
	}
}

func (a *App) reloadMetrics() metrics.Reloads {
	r := &a.reloads
	return metrics.Reloads{
		OK: r.ok.Load(), Refused: r.refused.Load(), LastOK: !r.failed.Load(), LastOKAt: time.Unix(0, r.lastOK.Load()),
	}
}

func (a *App) watchMetrics() metrics.Watch {
	w := metrics.Watch{Alarms: make(map[string]int64, len(watch.Rules)), Captures: a.watch.Captures()}
	for _, rule := range watch.Rules {
		w.Alarms[string(rule)] = a.watch.Alarms(rule)
	}
	return w
}

// filesystems tells how full the file systems are.
func (a *App) filesystems() map[string]metrics.Filesystem {
	all := make(map[string]metrics.Filesystem, 2)
	for of, space := range a.health.Spaces() {
		all[of] = metrics.Filesystem(space)
	}
	return all
}

// healthMetrics is what the metrics say of the health.
func (a *App) healthMetrics() metrics.Health {
	r := a.health.Report()
	m := metrics.Health{Score: r.Score, Parts: make(map[string]int, len(r.Parts))}
	for _, p := range r.Parts {
		m.Parts[p.Name] = p.Score
	}
	return m
}

// observeAdmin has the requests of the admin listener counted. The server must
// have its handlers.
func (a *App) observeAdmin(server *fasthttp.Server) error {
	log, err := newQuietLog(a.metrics.ObserveAdmin)
	if err != nil {
		return err
	}
	handle, answer := server.Handler, server.ErrorHandler
	server.Handler = func(ctx *fasthttp.RequestCtx) {
		if guard.KnownMethod(ctx) {
			handle(ctx)
		}
		log.Unseen(ctx)
	}
	server.ErrorHandler = func(ctx *fasthttp.RequestCtx, err error) {
		answer(ctx, err)
		log.ServerError(ctx, err)
	}
	return nil
}

// linesDropped is how many lines the access log lacks.
func (a *App) linesDropped() int64 {
	if a.sink.lines == nil {
		return 0
	}
	return a.sink.lines.Dropped()
}

// newQuietLog makes a logger that writes nothing.
func newQuietLog(observe func(*logger.Result)) (*logger.Logger, error) {
	return logger.NewLogger(logger.Config{Format: quiet, Output: io.Discard, Observe: observe})
}
