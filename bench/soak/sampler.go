//go:build linux

package soak

// This file watches the target while it works. It exists because a peak between
// two rests is the difference between streaming a file and reading it.

import (
	"context"
	"sync"
	"time"

	"fullbore/bench/stats"
	"fullbore/bench/target"
)

const (
	sampleEvery = 50 * time.Millisecond
	keepEvery   = time.Second // one kept sample: a day's run stays under 10 MB
)

// kept is a raw sample as it goes into the result.
type kept struct {
	At    float64 `json:"at_seconds"` // since the run began
	Round int     `json:"round"`      // 0 before the first
	target.Sample
}

// sampler reads a process all the time and remembers peaks and, for each second,
// the sample with the most RssAnon.
type sampler struct {
	process *target.Process
	begin   time.Time
	failed  context.CancelCauseFunc   // called once with the reason when reading fails
	show    func(target.Sample, peak) // called with every sample, from the sampler's goroutine

	mu      sync.Mutex
	round   int
	peak    peak
	samples []kept

	stop chan struct{}
	done chan struct{}
}

// peak is the highest of each figure so far.
type peak struct{ Anon, RSS, Descriptors, Threads int64 }

// start begins sampling; halt ends it and waits.
func (s *sampler) start() {
	s.begin, s.stop, s.done = time.Now(), make(chan struct{}), make(chan struct{})
	go s.loop()
}

func (s *sampler) halt() {
	close(s.stop)
	<-s.done
}

func (s *sampler) enter(round int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.round = round
}

func (s *sampler) loop() {
	defer close(s.done)
	ticker := time.NewTicker(sampleEvery)
	defer ticker.Stop()
	for {
		sample, err := s.process.Sample()
		if err != nil {
			s.failed(err)
			return
		}
		s.add(sample)
		select {
		case <-s.stop:
			return
		case <-ticker.C:
		}
	}
}

func (s *sampler) add(sample target.Sample) {
	s.mu.Lock()
	s.peak.Anon = max(s.peak.Anon, sample.Anon)
	s.peak.RSS = max(s.peak.RSS, sample.RSS)
	s.peak.Descriptors = max(s.peak.Descriptors, int64(sample.Descriptors))
	s.peak.Threads = max(s.peak.Threads, int64(sample.Threads))
	at := time.Since(s.begin)
	last := len(s.samples) - 1
	if last < 0 || int(at/keepEvery) != int(s.samples[last].At/keepEvery.Seconds()) || s.samples[last].Round != s.round {
		s.samples = append(s.samples, kept{at.Seconds(), s.round, sample})
	} else if sample.Anon > s.samples[last].Anon {
		s.samples[last] = kept{at.Seconds(), s.round, sample}
	}
	highest := s.peak
	s.mu.Unlock()
	s.show(sample, highest)
}

// atRest reads the target after a pause: the median of several samples, since a
// collection or a late goroutine may fall into any one of them.
func atRest(ctx context.Context, process *target.Process, pause time.Duration) (target.Sample, error) {
	const readings = 5
	wait := pause
	var samples []target.Sample
	for range readings {
		select {
		case <-ctx.Done():
			return target.Sample{}, context.Cause(ctx)
		case <-time.After(wait):
		}
		sample, err := process.Sample()
		if err != nil {
			return target.Sample{}, err
		}
		samples = append(samples, sample)
		wait = 100 * time.Millisecond
	}
	median := func(of func(target.Sample) int64) int64 {
		values := make([]float64, len(samples))
		for i, sample := range samples {
			values[i] = float64(of(sample))
		}
		return int64(stats.Median(values))
	}
	last := samples[len(samples)-1]
	last.Anon = median(func(s target.Sample) int64 { return s.Anon })
	last.RSS = median(func(s target.Sample) int64 { return s.RSS })
	last.Descriptors = int(median(func(s target.Sample) int64 { return int64(s.Descriptors) }))
	last.Threads = int(median(func(s target.Sample) int64 { return int64(s.Threads) }))
	return last, nil
}
