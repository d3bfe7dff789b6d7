//go:build linux

package soak

// This file decides what one round downloads. It exists so that a seed names a
// run: the same aborts, the same ranges, in the same order.

import (
	"fmt"
	"math/rand/v2"
	"time"

	"fullbore/bench/load"
)

// planner makes the requests of one run. Every request has an ID of its own.
type planner struct {
	counts map[load.Kind]int // of each round
	slow   time.Duration
	run    string // tells this run's IDs from those of others in the same log
	size   int64
	rng    *rand.Rand
	issued int
}

func newPlanner(config Config, counts map[load.Kind]int, run string, size int64) *planner {
	return &planner{counts: counts, slow: config.Slow, run: run, size: size, rng: rand.New(rand.NewPCG(config.Seed, 0))}
}

// round plans the next round, in random order.
func (p *planner) round() []load.Request {
	var requests []load.Request
	for _, kind := range load.Kinds {
		for range p.counts[kind] {
			requests = append(requests, p.request(kind))
		}
	}
	p.rng.Shuffle(len(requests), func(i, j int) { requests[i], requests[j] = requests[j], requests[i] })
	for i := range requests {
		p.issued++
		requests[i].ID = fmt.Sprintf("%s-%d", p.run, p.issued)
	}
	return requests
}

func (p *planner) request(kind load.Kind) load.Request {
	request := load.Request{Kind: kind}
	switch kind {
	case load.Aborted, load.Resumed:
		request.Take = p.take()
	case load.Slow:
		const most = 1 << 20
		request.Take, request.Over = 1+p.rng.Int64N(min(most, p.size)), p.slow
	case load.Ranged:
		request.First, request.Last = p.span(0, p.size)
	case load.Ranges:
		third := p.size / 3 // one in each, so that no two of them touch
		for i := range int64(3) {
			first, last := p.span(i*third, (i+1)*third-1)
			request.Spans = append(request.Spans, load.Span{First: first, Last: last})
		}
	}
	return request
}

// take is after how many bytes a reader walks away: early enough that the rest
// does not fit into socket buffers, which would make the download complete.
func (p *planner) take() int64 {
	const buffers = 64 << 20
	return 1 + p.rng.Int64N(p.size-min(buffers, p.size/2))
}

// span is a range anywhere in [from, to), at most an eighth of it long.
func (p *planner) span(from, to int64) (first, last int64) {
	to = max(to, from+1)
	first = from + p.rng.Int64N(to-from)
	longest := max(1, min(to-first, (to-from)/8))
	return first, first + p.rng.Int64N(longest)
}

// Plan is the rounds of a soak for others: each call returns the requests of one
// more round of so many downloads of a file of size bytes, in the proportions of
// the mix. The kinds that the server cannot do must not be in it.
func Plan(mix Mix, downloads int, slow time.Duration, seed uint64, run string, size int64) func() []load.Request {
	config := Config{Slow: slow, Seed: seed}
	return newPlanner(config, mix.share(downloads), run, size).round
}
