package metrics

// This histogram takes two additions per observation. client_golang's takes six, so that
// each scrape sees sum and count of the same moment; two of those were half the cost of
// a request's metrics. Here the count is that of the buckets, and the sum may be a few
// observations ahead.

import (
	"sort"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// maxBuckets is enough for every histogram here.
const maxBuckets = 16

// histogram is of durations.
type histogram struct {
	bounds  [maxBuckets]time.Duration // upper ones, inclusive, in order
	buckets [maxBuckets + 1]atomic.Uint64
	sum     atomic.Int64 // nanoseconds
}

func (h *histogram) observe(d time.Duration) {
	i := 0
	for i < maxBuckets && d > h.bounds[i] {
		i++
	}
	h.buckets[i].Add(1)
	h.sum.Add(int64(d))
}

// histograms is a collector of one for each kind.
type histograms struct {
	desc   *prometheus.Desc
	bounds []float64 // seconds
	ofKind [len(kinds)]histogram
}

// newHistograms makes them with bounds in seconds, of which there are maxBuckets.
func newHistograms(name, help string, bounds [maxBuckets]float64) *histograms {
	h := &histograms{desc: prometheus.NewDesc(namespace+"_"+name, help, []string{"kind"}, nil), bounds: bounds[:]}
	if !sort.Float64sAreSorted(h.bounds) {
		panic("metrics: New: bounds are not in order")
	}
	for kind := range h.ofKind {
		for i, bound := range h.bounds {
			h.ofKind[kind].bounds[i] = time.Duration(bound * float64(time.Second))
		}
	}
	return h
}

// Describe implements prometheus.Collector.
func (h *histograms) Describe(descs chan<- *prometheus.Desc) { descs <- h.desc }

// Collect implements prometheus.Collector.
func (h *histograms) Collect(metrics chan<- prometheus.Metric) {
	for kind, name := range kinds {
		one := &h.ofKind[kind]
		sum := time.Duration(one.sum.Load()).Seconds()
		count := uint64(0)
		buckets := make(map[float64]uint64, maxBuckets)
		for i, bound := range h.bounds {
			count += one.buckets[i].Load()
			buckets[bound] = count
		}
		count += one.buckets[maxBuckets].Load()
		metrics <- prometheus.MustNewConstHistogram(h.desc, count, sum, buckets, name)
	}
}
