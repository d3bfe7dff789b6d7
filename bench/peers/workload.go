//go:build linux

package peers

// This file is the list of workloads, and the order in which the servers take
// their turns. It exists to keep the comparison fair: fresh servers for each
// workload, and A B C A B C, so that a slow minute of the machine hits them all.

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// workload is something to ask of every server.
type workload struct {
	name    string // as in --workloads
	title   string
	note    string // what a reader has to know to read the figures
	metrics []Metric
	rounds  int // measured
	warmUp  int // not measured
	secure  bool

	prepare func(b *bench) error // makes the files
	before  func(b *bench) error // each measurement, not timed; may be nil
	measure func(ctx context.Context, b *bench, s *subject, round int) (work, error)

	// Some figures come later: after rest, which the servers spend side by side.
	rest   time.Duration
	rested func(s *subject, of figures) (figures, error) // of is the round that they belong to
}

// work is what a server did. What is zero does not apply.
type work struct {
	bytes    int64 // of bodies
	requests int
	took     time.Duration
	extra    figures
	detail   string // for the report
}

// figures are the values of one round by the name of their metric.
type figures map[string]float64

// catalog lists the workloads by their names, in their order.
var catalog = []struct {
	name string
	all  func(config Config) []*workload
}{
	{"whole", one(whole)},
	{"parallel", one(parallel)},
	{"ranges", one(ranges)},
	{"small", func(config Config) (list []*workload) {
		for _, size := range config.Small {
			list = append(list, small(config, size))
		}
		return list
	}},
	{"slow", one(slow)},
	{"idle", one(idle)},
	{"listing", one(listing)},
	{"tls", one(overTLS)},
	{"cold", one(cold)},
}

func one(of func(Config) *workload) func(Config) []*workload {
	return func(config Config) []*workload { return []*workload{of(config)} }
}

func workloadNames() (names []string) {
	for _, entry := range catalog {
		names = append(names, entry.name)
	}
	return names
}

// workloads lists what the config asks for.
func workloads(config Config) (list []*workload) {
	for _, entry := range catalog {
		if len(config.Workloads) == 0 || slices.Contains(config.Workloads, entry.name) {
			list = append(list, entry.all(config)...)
		}
	}
	return list
}

// compare runs a workload on all servers. The error is that of an interruption;
// what goes wrong with one server, or with the workload as a whole, is in the
// comparison.
func (b *bench) compare(ctx context.Context, w *workload) (*Comparison, error) {
	comparison := &Comparison{Workload: w.name, Title: w.title, Note: w.note, Metrics: w.metrics, References: b.references()}
	for _, p := range b.peers {
		comparison.Peers = append(comparison.Peers, &Series{Peer: p.title, Rounds: []figures{}})
	}
	b.say("%s", w.title)
	if err := w.prepare(b); err != nil {
		comparison.Problem = err.Error()
		return comparison, ctx.Err()
	}
	subjects, stop := b.startAll(ctx, w, comparison)
	defer stop()
	for round := range w.warmUp + w.rounds {
		if err := b.round(ctx, w, subjects, comparison, round); err != nil {
			return comparison, err
		}
	}
	return comparison, nil
}

// startAll starts the servers that can run this workload; the others say why not.
func (b *bench) startAll(ctx context.Context, w *workload, comparison *Comparison) (subjects []*subject, stop func()) {
	subjects = make([]*subject, len(b.peers))
	stop = func() {
		for _, s := range subjects {
			if s != nil {
				s.stop()
			}
		}
	}
	for i, p := range b.peers {
		series := comparison.Peers[i]
		if p.cannot != nil {
			series.LeftOut = p.cannot(w)
		}
		if series.LeftOut != "" {
			continue
		}
		s, err := b.start(ctx, p, w.secure)
		if err != nil {
			series.fail(b, err)
			continue
		}
		subjects[i] = s
	}
	return subjects, stop
}

// round gives each server one turn, and then those that need it their rest.
func (b *bench) round(ctx context.Context, w *workload, subjects []*subject, comparison *Comparison, round int) error {
	ends := make([]time.Time, len(subjects))
	for i, s := range subjects {
		series := comparison.Peers[i]
		if s == nil || series.Problem != "" {
			continue
		}
		f, detail, err := b.measure(ctx, w, s, round)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			series.fail(b, s.explain(err))
			continue
		}
		ends[i] = time.Now()
		if series.Detail = detail; round >= w.warmUp {
			series.Rounds = append(series.Rounds, f)
			b.say("  %d/%d %-12s %s", round-w.warmUp+1, w.rounds, s.peer.title, f.line(w.metrics))
		}
	}
	if w.rested == nil {
		return nil
	}
	return b.awaitRest(ctx, w, subjects, comparison, ends)
}

// awaitRest reads each server's later figures once it has rested.
func (b *bench) awaitRest(ctx context.Context, w *workload, subjects []*subject, comparison *Comparison, ends []time.Time) error {
	for i, s := range subjects {
		series := comparison.Peers[i]
		if ends[i].IsZero() {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Until(ends[i].Add(w.rest))):
		}
		round := series.Rounds[len(series.Rounds)-1]
		later, err := w.rested(s, round)
		if err != nil {
			series.fail(b, s.explain(err))
			continue
		}
		maps.Copy(round, later)
		b.say("      %-12s %s", s.peer.title, later.line(w.metrics))
	}
	return nil
}

// explain adds a dead server's last words.
func (s *subject) explain(err error) error {
	if _, gone := s.server.Sample(); gone != nil && s.server.LastWords() != "" {
		return errors.Join(err, fmt.Errorf("the server's last words: %s", s.server.LastWords()))
	}
	return err
}
