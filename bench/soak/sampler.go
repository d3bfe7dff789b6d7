//go:build linux

package soak

// This file watches the target while it works. It exists because a peak between
// two rests is the difference between streaming a file and reading it.

import (
	"context"
	"sync"
	"time"

	"fullbore/bench/process"
	"fullbore/bench/report"
	"fullbore/bench/stats"
)

const (
	keepEvery = time.Second // one kept sample
	mostKept  = 20_000      // then every other one goes: 3 MB, however long the run
)

// A kept sample and the peaks are as they go into the result.
type (
	kept = report.Sample
	peak = report.Peak
)

// sampler reads a process all the time and remembers peaks and, for each second,
// the sample with the most RssAnon.
type sampler struct {
	service *process.Service
	every   time.Duration
	begin   time.Time
	failed  context.CancelCauseFunc    // called once with the reason when reading fails
	show    func(process.Sample, peak) // called with every sample, from the sampler's goroutine

	mu      sync.Mutex
	round   int
	peak    peak
	samples []kept
	keep    time.Duration // between two kept samples

	stop chan struct{}
	done chan struct{}
}

// start begins sampling; halt ends it and waits.
func (s *sampler) start() {
	s.begin, s.keep, s.stop, s.done = time.Now(), keepEvery, make(chan struct{}), make(chan struct{})
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
	ticker := time.NewTicker(s.every)
	defer ticker.Stop()
	var counted time.Time
	for {
		read := s.service.Quick
		if time.Since(counted) >= keepEvery {
			counted, read = time.Now(), s.service.Counted
		}
		sample, err := read()
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

func (s *sampler) add(sample process.Sample) {
	s.mu.Lock()
	s.peak.Anon = max(s.peak.Anon, sample.Anon)
	s.peak.RSS = max(s.peak.RSS, sample.RSS)
	s.peak.Descriptors = max(s.peak.Descriptors, int64(sample.Descriptors))
	s.peak.Threads = max(s.peak.Threads, int64(sample.Threads))
	s.record(sample)
	highest := s.peak
	s.mu.Unlock()
	s.show(sample, highest)
}

// record keeps one sample of each period, that with the most RssAnon.
func (s *sampler) record(sample process.Sample) {
	at := time.Since(s.begin)
	last := len(s.samples) - 1
	if last < 0 || int(at/s.keep) != int(s.samples[last].At/s.keep.Seconds()) || s.samples[last].Round != s.round {
		s.samples = append(s.samples, kept{At: at.Seconds(), Round: s.round, Sample: sample})
	} else {
		open := max(sample.Descriptors, s.samples[last].Descriptors) // only some samples have it
		if sample.Anon > s.samples[last].Anon {
			s.samples[last] = kept{At: at.Seconds(), Round: s.round, Sample: sample}
		}
		s.samples[last].Descriptors = open
	}
	if len(s.samples) > mostKept {
		s.keep *= 2
		for i := range len(s.samples) / 2 {
			s.samples[i] = s.samples[2*i]
			if s.samples[2*i+1].Anon > s.samples[i].Anon {
				s.samples[i] = s.samples[2*i+1]
			}
		}
		s.samples = s.samples[:len(s.samples)/2]
	}
}

// atRest reads the target after a pause: the median of several samples, since a
// collection or a late goroutine may fall into any one of them.
func atRest(ctx context.Context, service *process.Service, pause time.Duration) (process.Full, error) {
	const readings = 5
	wait := pause
	var samples []process.Full
	for range readings {
		select {
		case <-ctx.Done():
			return process.Full{}, context.Cause(ctx)
		case <-time.After(wait):
		}
		sample, err := service.Read(ctx)
		if err != nil {
			return process.Full{}, err
		}
		samples = append(samples, sample)
		wait = 100 * time.Millisecond
	}
	median := func(of func(process.Full) int64) int64 {
		values := make([]float64, len(samples))
		for i, sample := range samples {
			values[i] = float64(of(sample))
		}
		return int64(stats.Median(values))
	}
	last := samples[len(samples)-1]
	last.Anon = median(func(s process.Full) int64 { return s.Anon })
	last.RSS = median(func(s process.Full) int64 { return s.RSS })
	last.File = median(func(s process.Full) int64 { return s.File })
	last.PSS = median(func(s process.Full) int64 { return s.PSS })
	last.Descriptors = int(median(func(s process.Full) int64 { return int64(s.Descriptors) }))
	last.Threads = int(median(func(s process.Full) int64 { return int64(s.Threads) }))
	return last, nil
}
