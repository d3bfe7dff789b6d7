// Package metrics is what the server exports to Prometheus. Requests are counted from
// the logger's Result, as are access records, so that the two agree to the byte. What
// other parts count is read from them on each scrape.
//
// No label value is chosen by a client.
package metrics

import (
	"runtime"
	"slices"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/valyala/fasthttp"

	"fullbore/logger"
)

// namespace is before each name.
const namespace = "fullbore"

// Buckets in seconds. A download of a large file over a slow line takes a day; a
// small one from memory a fraction of a millisecond.
var (
	durationBuckets = [maxBuckets]float64{.001, .005, .025, .1, .5, 1, 5, 15, 60, 300, 900, 3600, 10800, 21600, 43200, 86400}
	ttfbBuckets     = [maxBuckets]float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
)

// The values of labels, in the order of the arrays of counters.
var (
	methods = [...]string{
		fasthttp.MethodGet, fasthttp.MethodHead, fasthttp.MethodPost, fasthttp.MethodPut, fasthttp.MethodDelete,
		fasthttp.MethodOptions, fasthttp.MethodPatch, fasthttp.MethodConnect, fasthttp.MethodTrace, "PROPFIND", "other",
	}
	codes    = [...]string{"1xx", "2xx", "3xx", "4xx", "5xx"}
	kinds    = [...]string{"other", "file", "listing", "admin"}
	outcomes = [...]string{
		string(logger.Complete), string(logger.Aborted), string(logger.Timeout), string(logger.SourceChanged), string(logger.Failed),
	}
)

const (
	kindOther = iota
	kindFile
	kindListing
	kindAdmin
)

// Metrics counts requests. It is safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec

	// Counters of requests, made on first use: most combinations never occur, and a
	// series for each would be a long page of zeros.
	counts [len(methods)][len(codes)][len(kinds)]atomic.Pointer[prometheus.Counter]

	ofKind [len(kinds)]ofKind
}

// ofKind is what is counted for one kind of answer.
type ofKind struct {
	outcomes [len(outcomes)]prometheus.Counter
	sent     prometheus.Counter
	received prometheus.Counter
	duration *histogram
	ttfb     *histogram
}

// New makes the metrics, with Go's and the process's own.
func New(version string, from Sources) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.requests = counters("requests_total", "Requests answered, by method, class of status and what they were answered from. Method \"other\" is one that nobody knows, or a request that could not be read.", "method", "code", "kind")
	responses := counters("responses_total", "Responses that are over, by how they ended.", "kind", "outcome")
	sent := counters("response_body_bytes_total", "Bytes of response bodies that the kernel took, as the access log has them.", "kind")
	received := counters("request_body_bytes_total", "Bytes of request bodies that were read, as the access log has them.", "kind")
	duration := newHistograms("transfer_duration_seconds", "Time from a request to the end of its response.", durationBuckets)
	ttfb := newHistograms("time_to_first_byte_seconds", "Time from a request to when its response could begin.", ttfbBuckets)
	for kind, name := range kinds {
		k := &m.ofKind[kind]
		for i, outcome := range outcomes {
			k.outcomes[i] = responses.WithLabelValues(name, outcome)
		}
		k.sent, k.received = sent.WithLabelValues(name), received.WithLabelValues(name)
		k.duration, k.ttfb = &duration.ofKind[kind], &ttfb.ofKind[kind]
	}
	// Series for alerts exist from the start: one that begins with its first error
	// does not increase by it.
	for method, name := range methods {
		if name == fasthttp.MethodGet || name == fasthttp.MethodHead {
			for kind := range kindAdmin {
				m.count(method, len(codes)-1, kind)
			}
		}
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "Always 1; the labels say what was built, and by which Go.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	build.Set(1)
	m.registry.MustRegister(
		m.requests, responses, sent, received, duration, ttfb, build, newSourced(from),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

// Observe counts a request of the public listener, which is over.
func (m *Metrics) Observe(result *logger.Result) {
	kind := kindOther
	switch result.Kind {
	case kinds[kindFile]:
		kind = kindFile
	case kinds[kindListing]:
		kind = kindListing
	}
	m.observe(result, kind)
}

// ObserveAdmin counts a request of the admin listener, which is over.
func (m *Metrics) ObserveAdmin(result *logger.Result) { m.observe(result, kindAdmin) }

func (m *Metrics) observe(result *logger.Result, kind int) {
	m.count(methodOf(result), min(max(result.Status/100-1, 0), len(codes)-1), kind).Inc()
	k := &m.ofKind[kind]
	k.outcomes[outcomeOf(result.Outcome)].Inc()
	if result.Sent > 0 {
		k.sent.Add(float64(result.Sent))
	}
	if result.Received > 0 {
		k.received.Add(float64(result.Received))
	}
	k.duration.observe(result.End.Sub(result.Start))
	k.ttfb.observe(result.Ready.Sub(result.Start))
}

// count is the counter of a combination, looked up by its labels the first time.
func (m *Metrics) count(method, code, kind int) prometheus.Counter {
	known := &m.counts[method][code][kind]
	if c := known.Load(); c != nil {
		return *c
	}
	c := m.requests.WithLabelValues(methods[method], codes[code], kinds[kind])
	known.Store(&c)
	return c
}

// methodOf is the method's place. A request that could not be read has none.
func methodOf(result *logger.Result) int {
	other := len(methods) - 1
	if i := slices.Index(methods[:other], result.Method); i >= 0 && !result.Unread {
		return i
	}
	return other
}

// outcomeOf is the outcome's place.
func outcomeOf(outcome logger.Outcome) int {
	for i, name := range outcomes {
		if string(outcome) == name {
			return i
		}
	}
	return len(outcomes) - 1
}
