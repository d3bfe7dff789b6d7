package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"fullbore/app/health"
	"fullbore/app/limit"
	"fullbore/app/transfer"
)

// Sources are where numbers that are not counted here come from. The functions are called
// on each scrape, perhaps concurrently; a nil one has no metrics.
type Sources struct {
	Active       func() int                     // requests in flight on the public listener
	Downloads    func() transfer.Totals         // what became of downloads
	Connections  func() Connections             // of the public listener
	Rates        func() Rates                   // that connections are held to
	LinesDropped func() int64                   // of the access log
	EventsLost   func() int64                   // of those on standard error
	Health       func() health.Report           // how well the server is
	Drain        func() (time.Time, bool)       // when it began to drain, and whether
	Reloads      func() Reloads                 // of the configuration
	Watch        func() Watch                   // what the watchdog found
	Refused      func() []limit.Refused         // by limits
	Storage      func() Storage                 // the disks that have the files
	Filesystems  func() map[string]health.Space // by what is there: "files", "state"
}

// Connections are those of a listener.
type Connections struct {
	Open           int
	Accepted       int64 // since the start
	AcceptErrors   int64 // accepts that failed and were tried again
	SlowTurns      int64 // turns of an event loop that held others up
	Sent, Received int64 // bytes, including closed connections
}

// Rates are limits in bytes per second, 0 for none, and how many connections are held back
// by them or by those of their paths.
type Rates struct {
	Server, Client, Connection int64
	Paced                      int
}

// Reloads counts reloads of the configuration. The start counts as a success.
type Reloads struct {
	OK, Refused int64
	LastOK      bool
	LastOKAt    time.Time
}

// Watch is what the watchdog found.
type Watch struct {
	Alarms   map[string]int64 // by rule
	Captures int64
}

// Storage is how the disks are that have the files.
type Storage struct {
	Mounts  int   // that files are served from
	Failing int   // mounts that do not answer, or fail
	Trips   int64 // how often one was found to
}

// sourced is the collector of Sources.
type sourced struct {
	from  Sources
	descs []*prometheus.Desc
	byKey map[string]*prometheus.Desc
}

// described are the metrics of each source. The order is that of the
// documentation.
var described = []struct {
	source func(Sources) bool
	name   string
	help   string
	labels []string
}{
	{hasActive, "active_transfers", "Requests in flight: from when they were read until their response is over.", nil},
	{hasConnections, "connections", "Open connections of the public listener: active with a request in flight, idle without.", []string{"state"}},
	{hasConnections, "connections_accepted_total", "Connections that the public listener accepted.", nil},
	{hasConnections, "accept_errors_total", "Accepts that failed, for want of descriptors or memory, and were tried again.", nil},
	{hasConnections, "slow_turns_total", "Turns of an event loop that took more than 10 ms, for which its other connections had to wait.", nil},
	{hasConnections, "network_sent_bytes_total", "Bytes that the kernel took on connections of the public listener, headers included.", nil},
	{hasConnections, "network_received_bytes_total", "Bytes that came in on connections of the public listener, headers included.", nil},
	{hasRates, "paced_connections", "Connections that are being held to a rate: they want more than they get, or just did.", nil},
	{hasRates, "rate_limit_bytes", "The rates that are set, in bytes per second: of the server in all, of each client and of each connection; 0 is no limit.", []string{"of"}},
	{hasDownloads, "downloads_total", "Downloads of files, in however many requests each: started, and how they ended.", []string{"outcome"}},
	{hasDownloads, "downloads_active", "Downloads that go on, or may yet be resumed.", nil},
	{hasDownloads, "download_delivered_bytes_total", "Bytes of files that were delivered.", nil},
	{hasDownloads, "download_duplicate_bytes_total", "Bytes of files that were delivered to the same download before.", nil},
	{hasLines, "access_log_lines_dropped_total", "Lines that are missing in the access log because its sink was too slow or failed.", nil},
	{hasEvents, "events_dropped_total", "Events that are missing on standard error because nobody read it, or it failed.", nil},
	{hasHealth, "health_score", "How well the server is: 0 to 100, as on /health.", nil},
	{hasHealth, "health_part_score", "The parts of the health score.", []string{"part"}},
	{hasDrain, "draining", "1 while the server lets downloads end before it stops.", nil},
	{hasDrain, "drain_started_timestamp_seconds", "When it began to drain; 0 if it has not.", nil},
	{hasReloads, "config_last_reload_successful", "1 if the last reload of the configuration was taken.", nil},
	{hasReloads, "config_last_reload_success_timestamp_seconds", "When the configuration in use was read.", nil},
	{hasReloads, "config_reloads_total", "Reloads of the configuration, by whether they were taken.", []string{"result"}},
	{hasWatch, "watch_alarms_total", "Alarms of the watchdog.", []string{"rule"}},
	{hasWatch, "watch_captures_total", "Captures of profiles that alarms caused.", nil},
	{hasRefused, "refused_total", "Requests and connections that a limit refused.", []string{"rule"}},
	{hasStorage, "storage_mounts", "Mounts that files are served from: that of the served folder, and those below it.", nil},
	{hasStorage, "storage_failing_mounts", "Those of them that do not answer, or fail, so that requests for their files are refused.", nil},
	{hasStorage, "storage_failures_total", "How often a mount was found not to answer, or to fail.", nil},
	{hasFilesystems, "filesystem_free_bytes", "Room that is left in the file system that has the files, or the state folder.", []string{"of"}},
	{hasFilesystems, "filesystem_size_bytes", "Size of that file system.", []string{"of"}},
}

func hasActive(s Sources) bool      { return s.Active != nil }
func hasConnections(s Sources) bool { return s.Connections != nil && s.Active != nil }
func hasRates(s Sources) bool       { return s.Rates != nil }
func hasDownloads(s Sources) bool   { return s.Downloads != nil }
func hasLines(s Sources) bool       { return s.LinesDropped != nil }
func hasEvents(s Sources) bool      { return s.EventsLost != nil }
func hasHealth(s Sources) bool      { return s.Health != nil }
func hasDrain(s Sources) bool       { return s.Drain != nil }
func hasReloads(s Sources) bool     { return s.Reloads != nil }
func hasWatch(s Sources) bool       { return s.Watch != nil }
func hasRefused(s Sources) bool     { return s.Refused != nil }
func hasStorage(s Sources) bool     { return s.Storage != nil }
func hasFilesystems(s Sources) bool { return s.Filesystems != nil }

func newSourced(from Sources) *sourced {
	s := &sourced{from: from, byKey: map[string]*prometheus.Desc{}}
	for _, d := range described {
		if d.source(from) {
			desc := prometheus.NewDesc(namespace+"_"+d.name, d.help, d.labels, nil)
			s.descs, s.byKey[d.name] = append(s.descs, desc), desc
		}
	}
	return s
}

// Describe implements prometheus.Collector.
func (s *sourced) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range s.descs {
		descs <- d
	}
}

// Collect implements prometheus.Collector.
func (s *sourced) Collect(metrics chan<- prometheus.Metric) {
	out := output{s, metrics}
	active := 0
	if s.from.Active != nil {
		active = s.from.Active()
		out.gauge("active_transfers", float64(active))
	}
	if hasConnections(s.from) {
		out.connections(s.from.Connections(), active)
	}
	if s.from.Rates != nil {
		out.rates(s.from.Rates())
	}
	if s.from.Downloads != nil {
		out.downloads(s.from.Downloads())
	}
	if s.from.LinesDropped != nil {
		out.counter("access_log_lines_dropped_total", s.from.LinesDropped())
	}
	if s.from.EventsLost != nil {
		out.counter("events_dropped_total", s.from.EventsLost())
	}
	if s.from.Drain != nil {
		out.drain(s.from.Drain())
	}
	s.collectCare(out)
}

// collectCare collects what operators care about.
func (s *sourced) collectCare(out output) {
	if s.from.Health != nil {
		h := s.from.Health()
		out.gauge("health_score", float64(h.Score))
		for _, part := range h.Parts {
			out.gauge("health_part_score", float64(part.Score), part.Name)
		}
	}
	if s.from.Reloads != nil {
		out.reloads(s.from.Reloads())
	}
	if s.from.Watch != nil {
		w := s.from.Watch()
		for rule, n := range w.Alarms {
			out.counter("watch_alarms_total", n, rule)
		}
		out.counter("watch_captures_total", w.Captures)
	}
	if s.from.Refused != nil {
		for _, refused := range s.from.Refused() {
			out.counter("refused_total", refused.N, refused.Rule)
		}
	}
	if s.from.Storage != nil {
		disks := s.from.Storage()
		out.gauge("storage_mounts", float64(disks.Mounts))
		out.gauge("storage_failing_mounts", float64(disks.Failing))
		out.counter("storage_failures_total", disks.Trips)
	}
	if s.from.Filesystems != nil {
		for of, fs := range s.from.Filesystems() {
			out.gauge("filesystem_free_bytes", float64(fs.Free), of)
			out.gauge("filesystem_size_bytes", float64(fs.Size), of)
		}
	}
}

// output is one scrape.
type output struct {
	s       *sourced
	metrics chan<- prometheus.Metric
}

func (o output) gauge(name string, value float64, labels ...string) {
	o.metrics <- prometheus.MustNewConstMetric(o.s.byKey[name], prometheus.GaugeValue, value, labels...)
}

func (o output) counter(name string, value int64, labels ...string) {
	o.metrics <- prometheus.MustNewConstMetric(o.s.byKey[name], prometheus.CounterValue, float64(value), labels...)
}

func (o output) connections(c Connections, active int) {
	// The two were not counted at the same moment.
	active = min(active, c.Open)
	o.gauge("connections", float64(active), "active")
	o.gauge("connections", float64(c.Open-active), "idle")
	o.counter("connections_accepted_total", c.Accepted)
	o.counter("accept_errors_total", c.AcceptErrors)
	o.counter("slow_turns_total", c.SlowTurns)
	o.counter("network_sent_bytes_total", c.Sent)
	o.counter("network_received_bytes_total", c.Received)
}

func (o output) rates(r Rates) {
	o.gauge("paced_connections", float64(r.Paced))
	o.gauge("rate_limit_bytes", float64(r.Server), "server")
	o.gauge("rate_limit_bytes", float64(r.Client), "client")
	o.gauge("rate_limit_bytes", float64(r.Connection), "connection")
}

func (o output) downloads(t transfer.Totals) {
	o.counter("downloads_total", t.Started, "started")
	o.counter("downloads_total", t.Complete, string(transfer.Complete))
	o.counter("downloads_total", t.Abandoned, string(transfer.Abandoned))
	o.counter("downloads_total", t.Evicted, string(transfer.Evicted))
	o.gauge("downloads_active", float64(t.Active))
	o.counter("download_delivered_bytes_total", t.Delivered)
	o.counter("download_duplicate_bytes_total", t.Duplicate)
}

func (o output) drain(started time.Time, draining bool) {
	o.gauge("draining", oneIf(draining))
	o.gauge("drain_started_timestamp_seconds", seconds(started))
}

func (o output) reloads(r Reloads) {
	o.gauge("config_last_reload_successful", oneIf(r.LastOK))
	o.gauge("config_last_reload_success_timestamp_seconds", seconds(r.LastOKAt))
	o.counter("config_reloads_total", r.OK, "ok")
	o.counter("config_reloads_total", r.Refused, "refused")
}

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// seconds is since 1970, 0 for no time at all.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1e3
}
