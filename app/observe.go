package app

// How the server knows what it does: the logger, which alone knows when a
// response is over and what was sent of it, tells the registry of transfers and
// the metrics of each request.

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

// quiet is the format of a logger that is there for its Observer alone. An empty
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

// requests observes the public listener's.
type requests struct {
	draining  *drainState
	metrics   *metrics.Metrics
	transfers *transfer.Registry
}

// Begin makes it a transfer.
func (o requests) Begin(result *logger.Result) { o.transfers.Begin(result) }

// Ready says what is sent.
func (o requests) Ready(result *logger.Result) { o.transfers.Ready(result) }

// End counts first: who sees that a transfer is gone sees it counted.
func (o requests) End(result *logger.Result) {
	o.draining.count(result)
	o.metrics.Observe(result)
	o.transfers.End(result)
}

// adminRequests observes the admin listener's.
type adminRequests struct{ metrics *metrics.Metrics }

// Begin does nothing.
func (adminRequests) Begin(*logger.Result) {}

// Ready does nothing.
func (adminRequests) Ready(*logger.Result) {}

// End counts.
func (o adminRequests) End(result *logger.Result) { o.metrics.ObserveAdmin(result) }

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
	log, err := newQuietLog(adminRequests{a.metrics})
	if err != nil {
		return err
	}
	handle := server.Handler
	server.Handler = func(ctx *fasthttp.RequestCtx) {
		if guard.KnownMethod(ctx) {
			handle(ctx)
		}
	}
	log.Wrap(server)
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
func newQuietLog(observer logger.Observer) (*logger.Logger, error) {
	return logger.NewLogger(logger.Config{Format: quiet, Output: io.Discard, Observer: observer, CountStreams: true})
}
