//go:build linux

package rates

// This file asks what pacing costs: the same bytes from the same build, paced and
// unpaced by turns, so that what else the machine does falls on both.

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"fullbore/bench/load"
	"fullbore/bench/stats"
)

func (b *bench) cost(ctx context.Context, subject *Subject) error {
	for _, connections := range []int{1, 16} {
		for _, rate := range b.config.CostRates {
			row, err := b.costOf(ctx, subject, connections, rate)
			if err != nil {
				return fmt.Errorf("%d connections, %d bytes/s: %w", connections, rate, err)
			}
			subject.Costs = append(subject.Costs, row)
			b.say("  %d connections, %s/s: %.3f s/GB paced, %.3f unpaced, ratio %.2f (%.2f to %.2f)", connections, si(float64(rate)),
				row.Paced, row.Unpaced, row.Ratio, row.Low, row.High)
		}
	}
	return nil
}

// costOf downloads as much as the rate gives in --for, in as many files as connections.
func (b *bench) costOf(ctx context.Context, subject *Subject, connections int, rate int64) (Cost, error) {
	row := Cost{Connections: connections, Rate: rate}
	size := int64(float64(rate) * b.config.For.Seconds() / float64(connections))
	name := fmt.Sprintf("cost-%d.bin", b.runs) // as no subject before had it
	if err := load.SparseFile(filepath.Join(b.files, name), size); err != nil {
		return row, err
	}
	paced, err := b.start(ctx, subject, limits{Rate: rate})
	if err != nil {
		return row, err
	}
	defer paced.stop()
	unpaced, err := b.start(ctx, subject, limits{})
	if err != nil {
		return row, err
	}
	defer unpaced.stop()
	if row.Idle, err = paced.idle(ctx, b.config.For); err != nil {
		return row, err
	}
	var with, without, ratios []float64
	for round := range b.config.Rounds + 1 {
		a, err := paced.cpuPerGB(ctx, name, size, connections)
		if err != nil {
			return row, err
		}
		b, err := unpaced.cpuPerGB(ctx, name, size, connections)
		if err != nil {
			return row, err
		}
		if round > 0 {
			with, without, ratios = append(with, a), append(without, b), append(ratios, a/b)
		}
	}
	row.Paced, row.Unpaced, row.Ratio = stats.Median(with), stats.Median(without), stats.Median(ratios)
	row.Low, row.High = slices.Min(ratios), slices.Max(ratios)
	return row, nil
}

// cpuPerGB is the server's CPU time over one download per connection, s/GB.
func (r *running) cpuPerGB(ctx context.Context, name string, size int64, connections int) (float64, error) {
	request, want := r.get(name, size)
	loop := load.Loop{
		Address: r.address, Connections: connections, Requests: connections,
		Source: client,
		Next:   func(_ int, buffer []byte) ([]byte, load.Answer) { return append(buffer, request...), want },
	}
	before, err := r.tree.CPU()
	if err != nil {
		return 0, err
	}
	done, err := loop.Run(ctx)
	if err != nil {
		return 0, err
	}
	if err := sleep(ctx, 50*time.Millisecond); err != nil { // for the server to finish its work
		return 0, err
	}
	after, err := r.tree.CPU()
	return (after - before).Seconds() / (float64(done.Bytes) / 1e9), err
}

// idle is the CPU time that the server takes while nobody asks it for anything, in
// milliseconds per second.
func (r *running) idle(ctx context.Context, span time.Duration) (float64, error) {
	before, err := r.tree.CPU()
	if err != nil {
		return 0, err
	}
	if err := sleep(ctx, span); err != nil {
		return 0, err
	}
	after, err := r.tree.CPU()
	return 1000 * (after - before).Seconds() / span.Seconds(), err
}
