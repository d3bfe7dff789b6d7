//go:build linux

package rates

// This file counts what arrives, when, and at whom. A piece is dated when it is read,
// so a reader that comes late makes bursts of its own: there is one thread for all
// connections, and it does nothing else.

import (
	"context"
	"errors"
	"math"
	"net/netip"
	"sync"
	"time"

	"fullbore/bench/load"
)

const (
	binWidth = 10 * time.Millisecond

	// How much longer than planned a watch may take, before the first byte and to
	// notice its end.
	stuckAfter = 30 * time.Second
)

// bucket finds the largest burst: the most by which the bytes of any span of time
// exceed the rate times its length. It is a bucket that leaks at the rate; how full it
// was at its fullest is the answer.
type bucket struct {
	rate        float64 // bytes/s
	level, peak float64 // bytes
	last        time.Duration
}

func (b *bucket) add(at time.Duration, bytes int64) {
	b.level = max(0, b.level-b.rate*(at-b.last).Seconds()) + float64(bytes)
	b.last = at
	b.peak = max(b.peak, b.level)
}

// burst is the largest burst in milliseconds' worth of the rate.
func (b *bucket) burst() float64 {
	if b.rate <= 0 {
		return 0
	}
	return 1000 * b.peak / b.rate
}

// watch is what arrived during a measurement. Its methods may be called by several
// readers at once.
type watch struct {
	settle, span time.Duration
	enough       func() // called once the span is over

	mu      sync.Mutex
	begin   time.Time // of the first byte
	total   bucket
	each    []bucket // of a connection
	counted []int64  // bytes of a connection within the span
	begun   int      // connections that have got something
	bins    []int64  // bytes of all since begin, by binWidth
}

func newWatch(settle, span time.Duration, rate, each float64, connections int) *watch {
	w := &watch{
		settle: settle, span: span, total: bucket{rate: rate},
		each: make([]bucket, connections), counted: make([]int64, connections),
		bins: make([]int64, (settle+span)/binWidth+1),
	}
	for i := range w.each {
		w.each[i] = bucket{rate: each, last: -1}
	}
	return w
}

// arrived counts bytes of a connection that were read just now.
func (w *watch) arrived(connection int, bytes int64) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.begin.IsZero() {
		w.begin = now
		time.AfterFunc(w.settle+w.span, w.enough)
	}
	w.count(connection, now.Sub(w.begin), bytes)
}

// count is arrived, a while after the first byte.
func (w *watch) count(connection int, at time.Duration, bytes int64) {
	if at >= w.settle+w.span {
		return
	}
	w.total.add(at, bytes)
	each := &w.each[connection]
	if each.last < 0 {
		each.last = at
		w.begun++
	}
	each.add(at, bytes)
	w.bins[at/binWidth] += bytes
	if at >= w.settle {
		w.counted[connection] += bytes
	}
}

// haveBegun is how many connections have got something.
func (w *watch) haveBegun() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.begun
}

// rate is that of all connections over the span, bytes/s.
func (w *watch) rate() float64 { return float64(sum(w.counted)) / w.span.Seconds() }

// burst is the largest of any connection's, in milliseconds' worth of its rate.
func (w *watch) burst() float64 {
	largest := 0.0
	for i := range w.each {
		largest = max(largest, w.each[i].burst())
	}
	return largest
}

// holds is how long after from the rate holds: from then on, until to, every second has
// within a twentieth of it. It is negative if it never does.
func (w *watch) holds(from, to time.Duration, rate float64) time.Duration {
	const tolerance, second = 0.05, int(time.Second / binWidth)
	first, last := int(from/binWidth), min(int(to/binWidth), len(w.bins))-second
	if last < first {
		return -1
	}
	held := last + 1
	for ; held > first; held-- {
		if got := float64(sum(w.bins[held-1 : held-1+second])); math.Abs(got-rate) > tolerance*rate {
			break
		}
	}
	if held > last {
		return -1
	}
	return time.Duration(held-first) * binWidth
}

// downloads are the connections of a measurement.
type downloads struct {
	sources []netip.Addr // one connection each
	slow    int64        // one more, that reads this much a second; 0 is none
}

// slowSource is far from those of the other clients.
var slowSource = netip.AddrFrom4([4]byte{127, 0, 200, 1})

// observe downloads until the watch has seen enough. During, if any, runs beside it.
func (r *running) observe(ctx context.Context, w *watch, d downloads, during func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, w.settle+w.span+stuckAfter)
	defer cancel()
	watched, enough := context.WithCancel(ctx)
	defer enough()
	w.enough = enough
	request, want := r.get(bigName, bigSize)
	var beside sync.WaitGroup
	failures := make([]error, 3) // of the slow one, of what runs beside, of the others
	if d.slow > 0 {
		trickle := load.Trickle{
			Address: r.address, Source: slowSource, Request: request, Want: want, Rate: d.slow,
			Arrived: func(bytes int64) { w.arrived(len(d.sources), bytes) },
		}
		beside.Go(func() {
			if failures[0] = trickle.Run(watched); failures[0] != nil {
				enough()
			}
		})
	}
	if during != nil {
		beside.Go(func() {
			if failures[1] = during(watched); failures[1] != nil {
				enough()
			}
		})
	}
	loop := load.Loop{
		Address: r.address, Connections: len(d.sources), For: stuckAfter + w.settle + w.span,
		Source:  func(i int) netip.Addr { return d.sources[i] },
		Arrived: w.arrived,
		Next:    func(_ int, buffer []byte) ([]byte, load.Answer) { return append(buffer, request...), want },
	}
	_, failures[2] = loop.Run(watched)
	enough()
	beside.Wait()
	for _, failure := range failures {
		if failure != nil && !errors.Is(failure, context.Canceled) {
			return failure
		}
	}
	return ctx.Err() // that of the caller: enough is none
}

func sum(values []int64) int64 {
	var all int64
	for _, value := range values {
		all += value
	}
	return all
}
