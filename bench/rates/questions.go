//go:build linux

package rates

// This file is what is asked of a server, one function each, but for what it costs.

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"fullbore/bench/load"
)

// shapes measures every scope, number of connections and rate.
func (b *bench) shapes(ctx context.Context, subject *Subject) error {
	reach, err := b.reach(ctx, subject)
	if err != nil {
		return err
	}
	for _, scope := range b.config.Scopes {
		for _, connections := range b.config.Connections {
			for _, rate := range b.config.Rates {
				if scope == ofConnection && rate < int64(connections) {
					continue
				}
				shape := Shape{Scope: scope, Connections: connections, Rate: rate, Reach: reach[connections]}
				subject.Shapes = append(subject.Shapes, &shape)
				if !shape.reachable() {
					continue
				}
				if err := b.shape(ctx, subject, &shape); err != nil {
					return fmt.Errorf("%d connections, %d bytes/s by %s: %w", connections, rate, scope, err)
				}
				b.say("  %s, %d connections, %s/s: %s/s, error %+.2f %%, burst %.0f ms", scope, connections, si(float64(rate)),
					si(shape.Measured), shape.Error, shape.Burst)
			}
		}
	}
	return nil
}

// reach is what this machine gives to a number of connections without a limit.
func (b *bench) reach(ctx context.Context, subject *Subject) (map[int]float64, error) {
	r, err := b.start(ctx, subject, limits{})
	if err != nil {
		return nil, err
	}
	defer r.stop()
	reach := map[int]float64{}
	for _, connections := range b.config.Connections {
		w := newWatch(time.Second/4, time.Second, 0, 0, connections)
		if err := r.observe(ctx, w, downloads{sources: clients(connections)}, nil); err != nil {
			return nil, fmt.Errorf("without a limit: %w", err)
		}
		reach[connections] = w.rate()
	}
	return reach, nil
}

func (b *bench) shape(ctx context.Context, subject *Subject, shape *Shape) error {
	r, err := b.start(ctx, subject, limited(shape.Scope, shape.Rate, shape.Connections))
	if err != nil {
		return err
	}
	defer r.stop()
	sources, each := clients(shape.Connections), 0.0
	if shape.Scope != ofServer {
		sources = alone(shape.Connections)
	}
	if shape.Scope == ofConnection {
		each = float64(shape.Rate) / float64(shape.Connections)
	}
	w := newWatch(b.config.Settle, b.config.For, float64(shape.Rate), each, shape.Connections)
	if err := r.observe(ctx, w, downloads{sources: sources}, nil); err != nil {
		return err
	}
	shape.Measured, shape.Error = w.rate(), percent(w.rate(), float64(shape.Rate))
	shape.Least, shape.Burst = least(w.counted), w.total.burst()
	if shape.Scope == ofConnection {
		shape.Burst = w.burst()
	}
	return nil
}

// fairness has two clients share a rate: one by 16 connections, the other by one.
func (b *bench) fairness(ctx context.Context, subject *Subject) error {
	const many = 16
	for _, rate := range b.config.FairRates {
		r, err := b.start(ctx, subject, limits{Rate: rate})
		if err != nil {
			return err
		}
		w := newWatch(b.config.Settle, b.config.For, float64(rate), 0, many+1)
		err = r.observe(ctx, w, downloads{sources: append(alone(many), client(1))}, nil)
		r.stop()
		if err != nil {
			return err
		}
		span := w.span.Seconds()
		row := Fairness{
			Rate: rate, Measured: w.rate(), Error: percent(w.rate(), float64(rate)),
			Many: float64(sum(w.counted[:many])) / span, One: float64(w.counted[many]) / span, LeastOfMany: least(w.counted[:many]),
		}
		row.Least = min(row.Many, row.One) / max(row.Many, row.One, 1)
		subject.Fairness = append(subject.Fairness, row)
		b.say("  %s/s: 16 connections %s/s, one %s/s", si(float64(rate)), si(row.Many), si(row.One))
	}
	return nil
}

// unused has five clients share a rate, of which one wants a fifth of its share.
func (b *bench) unused(ctx context.Context, subject *Subject) error {
	const eager = 4
	for _, rate := range b.config.FairRates {
		r, err := b.start(ctx, subject, limits{Rate: rate})
		if err != nil {
			return err
		}
		wanted := rate / (eager + 1) / (eager + 1)
		w := newWatch(b.config.Settle, b.config.For, float64(rate), 0, eager+1)
		err = r.observe(ctx, w, downloads{sources: clients(eager), slow: wanted}, nil)
		r.stop()
		if err != nil {
			return err
		}
		row := Unused{
			Rate: rate, Measured: w.rate(), Error: percent(w.rate(), float64(rate)), Wanted: float64(wanted),
			Slow: float64(w.counted[eager]) / w.span.Seconds(), Least: least(w.counted[:eager]),
		}
		subject.Unused = append(subject.Unused, row)
		b.say("  %s/s: %s/s in all, the slow one %s/s", si(float64(rate)), si(row.Measured), si(row.Slow))
	}
	return nil
}

// change gives 16 downloads in flight ten times their rate, and takes it away again.
func (b *bench) change(ctx context.Context, subject *Subject) error {
	const (
		connections = 16
		low, high   = 1e6, 10e6
	)
	hold := max(b.config.For/2, 3*time.Second/2) // a second of it must be left to judge
	r, err := b.start(ctx, subject, limits{Rate: low})
	if err != nil {
		return err
	}
	defer r.stop()
	w := newWatch(b.config.Settle, 3*hold, low, 0, connections)
	var at []time.Duration
	turn := func(ctx context.Context) error {
		for _, rate := range []int64{high, low} {
			if err := sleep(ctx, hold); err != nil {
				return err
			}
			if err := r.change(limits{Rate: rate}); err != nil {
				return err
			}
			w.mu.Lock()
			at = append(at, time.Since(w.begin))
			w.mu.Unlock()
		}
		return nil
	}
	if err := r.observe(ctx, w, downloads{sources: clients(connections)}, turn); err != nil {
		return err
	}
	if len(at) < 2 {
		return errors.New("the downloads ended before the rate was changed")
	}
	subject.Changes = []Change{
		{low, high, w.holds(at[0], at[1], high).Seconds()},
		{high, low, w.holds(at[1], w.settle+w.span, low).Seconds()},
	}
	return nil
}

// memoryWithin is how long all paced downloads may take to begin, and memory to settle.
const memoryWithin = time.Minute

// memory holds many paced downloads, whose clients take all they can get, and then as
// many that stand still because their clients take nothing.
func (b *bench) memory(ctx context.Context, subject *Subject) error {
	const each = 10_000 // bytes/s
	n := b.config.Downloads
	r, err := b.start(ctx, subject, limits{Rate: int64(n) * each})
	if err != nil {
		return err
	}
	defer r.stop()
	d := downloads{sources: make([]netip.Addr, n)}
	for i := range d.sources {
		d.sources[i] = client(i % perSubnet)
	}
	before, err := r.tree.Steady(ctx)
	if err != nil {
		return err
	}
	found := Memory{Downloads: n, Rate: each}
	w := newWatch(b.config.Settle, memoryWithin, 0, 0, n)
	err = r.observe(ctx, w, d, func(ctx context.Context) error {
		for w.haveBegun() < n {
			if err := sleep(ctx, 50*time.Millisecond); err != nil {
				return err
			}
		}
		memory, err := r.tree.Steady(ctx)
		found.Paced = float64(memory.Anon-before.Anon) / float64(n)
		w.enough()
		return err
	})
	if err != nil {
		return err
	}
	if found.Still, err = b.still(ctx, subject); err != nil {
		return err
	}
	subject.Memory = &found
	b.say("  %s per paced download, %s per one that stands still", si(found.Paced), si(found.Still))
	return nil
}

// still is the memory per download that stands still, on a server without limits.
func (b *bench) still(ctx context.Context, subject *Subject) (float64, error) {
	r, err := b.start(ctx, subject, limits{})
	if err != nil {
		return 0, err
	}
	defer r.stop()
	before, err := r.tree.Steady(ctx)
	if err != nil {
		return 0, err
	}
	request, want := r.get(bigName, bigSize)
	held, err := load.Hold(ctx, r.address, request, b.config.Downloads, want)
	if err != nil {
		return 0, err
	}
	defer held.Close()
	memory, err := r.tree.Steady(ctx)
	return float64(memory.Anon-before.Anon) / float64(b.config.Downloads), err
}

// least is the smallest share over the largest.
func least(shares []int64) float64 {
	return float64(slices.Min(shares)) / float64(max(1, slices.Max(shares)))
}

// percent by which something is more than it should be.
func percent(is, should float64) float64 { return 100 * (is - should) / should }
