package app

import (
	"fullbore/app/drain"
	"fullbore/app/limit"
	"fullbore/app/metrics"
	"fullbore/app/storage"
	"fullbore/app/transfer"
	"fullbore/app/watch"
	"fullbore/logger"
)

// publicRequests observes those of the public listener: the logger, which alone
// knows when a response is over and what was sent of it, tells of each.
type publicRequests struct {
	drain     *drain.Drain
	metrics   *metrics.Metrics
	transfers *transfer.Registry
	refused   *limit.Tally
	rates     *rates
}

// Begin makes it a transfer first: other rates are told to all that there are.
func (o publicRequests) Begin(result *logger.Result) {
	o.transfers.Begin(result)
	o.rates.begin(result)
}

// Ready says what is sent.
func (o publicRequests) Ready(result *logger.Result) { o.transfers.Ready(result) }

// End counts first: who sees that a transfer is gone sees it counted.
func (o publicRequests) End(result *logger.Result) {
	o.drain.Count(result)
	o.metrics.Observe(result)
	o.refused.Observe(result)
	o.transfers.End(result)
}

// adminRequests observes those of the admin listener.
type adminRequests struct{ metrics *metrics.Metrics }

// Begin does nothing.
func (adminRequests) Begin(*logger.Result) {}

// Ready does nothing.
func (adminRequests) Ready(*logger.Result) {}

// End counts.
func (o adminRequests) End(result *logger.Result) { o.metrics.ObserveAdmin(result) }

// storageMetrics is what the metrics say of the disks.
func storageMetrics(disks *storage.Storage) metrics.Storage {
	return metrics.Storage{Mounts: disks.Mounts(), Failing: len(disks.Failing()), Trips: disks.Trips()}
}

// watchMetrics is what the metrics say of the watchdog.
func watchMetrics(w *watch.Watch) metrics.Watch {
	m := metrics.Watch{Alarms: make(map[string]int64, len(watch.Rules)), Captures: w.Captures()}
	for _, rule := range watch.Rules {
		m.Alarms[string(rule)] = w.Alarms(rule)
	}
	return m
}
