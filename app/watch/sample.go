package watch

import (
	"math"
	"os"
	"runtime/metrics"
	"slices"
	"time"

	"fullbore/app/sliding"
)

// Sample is the process at one moment. Its JSON is part of captures and of what
// is posted.
type Sample struct {
	Time        time.Time `json:"time"`
	Served      int64     `json:"bytes_served"`
	Connections int       `json:"connections"`
	Peak        int       `json:"connections_peak"` // in the last half minute, see highest
	Resident    int64     `json:"resident_bytes"`   // where the system does not tell: as Anonymous
	Anonymous   int64     `json:"anonymous_bytes"`  // resident memory that is no file's
	Heap        int64     `json:"heap_bytes"`       // what the last collection found in use
	Mapped      int64     `json:"go_mapped_bytes"`  // what Go has from the system, less what it gave back
	Goroutines  int       `json:"goroutines"`
	Descriptors int       `json:"descriptors"` // -1: the system does not tell
	GC          float64   `json:"gc_share"`    // of the CPU there is, since the sample before
	Collections int64     `json:"collections"` // since the start
}

// sampler reads samples. It is for one goroutine.
type sampler struct {
	read    []metrics.Sample
	gc, all float64 // CPU seconds at the last sample
}

// What the runtime is asked, by index.
const (
	metricHeap = iota
	metricTotal
	metricReleased
	metricGoroutines
	metricCollections
	metricGC
	metricCPU
)

func newSampler() *sampler {
	s := &sampler{read: []metrics.Sample{
		metricHeap:        {Name: "/gc/heap/live:bytes"},
		metricTotal:       {Name: "/memory/classes/total:bytes"},
		metricReleased:    {Name: "/memory/classes/heap/released:bytes"},
		metricGoroutines:  {Name: "/sched/goroutines:goroutines"},
		metricCollections: {Name: "/gc/cycles/total:gc-cycles"},
		metricGC:          {Name: "/cpu/classes/gc/total:cpu-seconds"},
		metricCPU:         {Name: "/cpu/classes/total:cpu-seconds"},
	}}
	s.sample() // shares are since then
	return s
}

// sample looks. Served and the connections are the caller's to fill in.
func (s *sampler) sample() Sample {
	metrics.Read(s.read)
	gc, all := s.float(metricGC), s.float(metricCPU)
	now := Sample{
		Time:        time.Now(),
		Heap:        s.int(metricHeap),
		Mapped:      s.int(metricTotal) - s.int(metricReleased),
		Goroutines:  int(s.int(metricGoroutines)),
		Collections: s.int(metricCollections),
		Descriptors: openDescriptors(),
	}
	if all > s.all {
		now.GC = math.Round(1e4*(gc-s.gc)/(all-s.all)) / 1e4
	}
	s.gc, s.all = gc, all
	var known bool
	if now.Resident, now.Anonymous, known = resident(); !known {
		now.Resident, now.Anonymous = now.Mapped, now.Mapped
	}
	return now
}

// int is a figure of the runtime, 0 if this Go does not know it.
func (s *sampler) int(index int) int64 {
	if v := s.read[index].Value; v.Kind() == metrics.KindUint64 {
		return int64(min(v.Uint64(), math.MaxInt64)) //nolint:gosec // within bounds
	}
	return 0
}

func (s *sampler) float(index int) float64 {
	if v := s.read[index].Value; v.Kind() == metrics.KindFloat64 {
		return v.Float64()
	}
	return 0
}

// countNames is how many descriptors a folder of them lists, without the one
// that it is read by; -1 if it cannot be read.
func countNames(dir string) int {
	f, err := os.Open(dir)
	if err != nil {
		return -1
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return -1
	}
	return len(names) - 1
}

// gcShare is the collector's share of CPU over whole windows of time, so that
// one collection is not an alarm.
type gcShare struct {
	since time.Time
	busy  float64 // share times seconds
	share float64 // over the last whole window
}

func (g *gcShare) add(s *Sample, previous time.Time, window time.Duration) {
	if previous.IsZero() {
		return
	}
	if g.since.IsZero() {
		g.since = previous
	}
	g.busy += s.GC * s.Time.Sub(previous).Seconds()
	if length := s.Time.Sub(g.since); length >= window {
		*g = gcShare{since: s.Time, share: g.busy / length.Seconds()}
	}
}

// highest is the most of something in the last half minute or so. That is how
// long a connection explains more than itself: fasthttp keeps the worker of one
// that has ended for 10 to 20 s.
type highest struct{ steps sliding.Window }

const highestStep = 5 * time.Second

func (h *highest) add(now time.Time, n int) {
	at := h.steps.At(now, highestStep)
	*at = max(*at, int64(n))
}

// since is the most that was added in the 30 to 35 s before now.
func (h *highest) since(now time.Time) int {
	return int(slices.Max(h.steps.All(now, highestStep)))
}

// ringSize is how many samples a capture tells: ten minutes' at the default.
const ringSize = 120

// ring is the latest samples.
type ring struct {
	samples [ringSize]Sample
	count   int // ever
}

func (r *ring) add(s Sample) {
	r.samples[r.count%ringSize] = s
	r.count++
}

func (r *ring) last() (Sample, bool) {
	if r.count == 0 {
		return Sample{}, false
	}
	return r.samples[(r.count-1)%ringSize], true
}

// all is a copy, oldest first.
func (r *ring) all() []Sample {
	kept := min(r.count, ringSize)
	out := make([]Sample, 0, kept)
	for i := r.count - kept; i < r.count; i++ {
		out = append(out, r.samples[i%ringSize])
	}
	return out
}
