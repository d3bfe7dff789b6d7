package listing

// One page is found among many items without sorting them all, and without
// keeping others from running.

import (
	"math/rand/v2"
	"slices"
	"time"
)

// pick moves items[from:to] of the sorted order to where they belong, sorted,
// with the smaller items before and the larger ones behind them. It takes time
// in proportion to the number of items, whatever their order.
func pick[T any](items []T, from, to int, compare func(a, b T) int, p *pause) {
	partition(items, to, compare, p)
	partition(items[:to], from, compare, p)
	slices.SortFunc(items[from:to], compare)
}

// partition is Hoare's selection: the n smallest items come first. The pivots
// are random, so that nobody can name files to make it slow.
func partition[T any](items []T, n int, compare func(a, b T) int, p *pause) {
	low, high := 0, len(items)-1
	for low < high && n > low && n <= high {
		pivot := items[low+rand.IntN(high-low+1)] //nolint:gosec // no secret
		i, j := low, high
		for i <= j {
			for compare(items[i], pivot) < 0 {
				i++
				p.tick()
			}
			for compare(items[j], pivot) > 0 {
				j--
				p.tick()
			}
			if i <= j {
				items[i], items[j] = items[j], items[i]
				i++
				j--
			}
		}
		switch {
		case n <= j:
			high = j
		case n >= i+1:
			low = i
		default:
			return
		}
	}
}

// pause lets other goroutines run during long work. Without it, on one
// processor, a request that comes meanwhile waits for 10 ms at a time: that is
// how long Go lets a goroutine run.
type pause struct {
	ticks int
	last  time.Time
}

const (
	ticksBetweenLooks = 256
	pauseEvery        = 2 * time.Millisecond
	pauseFor          = 50 * time.Microsecond
)

// tick is called about once a microsecond, or less often.
func (p *pause) tick() {
	if p.ticks++; p.ticks%ticksBetweenLooks == 0 {
		p.look()
	}
}

// look pauses if it is time. It sleeps: after runtime.Gosched this goroutine
// would go on before Go has looked at the network, which then happens only
// every 10 ms.
func (p *pause) look() {
	if p.last.IsZero() {
		p.last = time.Now()
	}
	if time.Since(p.last) < pauseEvery {
		return
	}
	time.Sleep(pauseFor)
	p.last = time.Now()
}
