//go:build linux

package soak

// This file decides what one round downloads. It exists so that a seed names a
// run: the same aborts, the same ranges, in the same order.

import (
	"fmt"
	"math/rand/v2"

	"fullbore/bench/load"
)

// planner makes the requests of one run. Every request has an ID of its own.
type planner struct {
	config Config
	run    string // tells this run's IDs from those of others in the same log
	size   int64
	rng    *rand.Rand
	issued int
}

func newPlanner(config Config, run string, size int64) *planner {
	return &planner{config: config, run: run, size: size, rng: rand.New(rand.NewPCG(config.Seed, 0))}
}

// round plans the next round, in random order.
func (p *planner) round() []load.Request {
	var requests []load.Request
	for range p.config.Whole {
		requests = append(requests, load.Request{Kind: load.Whole})
	}
	for range p.config.Aborted {
		requests = append(requests, load.Request{Kind: load.Aborted, Take: p.take()})
	}
	for range p.config.Ranged {
		first, last := p.span()
		requests = append(requests, load.Request{Kind: load.Ranged, First: first, Last: last})
	}
	p.rng.Shuffle(len(requests), func(i, j int) { requests[i], requests[j] = requests[j], requests[i] })
	for i := range requests {
		p.issued++
		requests[i].ID = fmt.Sprintf("%s-%d", p.run, p.issued)
	}
	return requests
}

// take is after how many bytes a reader walks away: early enough that the rest
// does not fit into socket buffers, which would make the download complete.
func (p *planner) take() int64 {
	const buffers = 64 << 20
	return 1 + p.rng.Int64N(p.size-min(buffers, p.size/2))
}

// span is a range anywhere in the file, at most an eighth of it long.
func (p *planner) span() (first, last int64) {
	first = p.rng.Int64N(p.size)
	longest := max(1, min(p.size-first, p.size/8))
	return first, first + p.rng.Int64N(longest)
}
