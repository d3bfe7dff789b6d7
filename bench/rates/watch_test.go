//go:build linux

package rates

// This file asks what is made of arrivals whose times are known.

import (
	"math"
	"testing"
	"time"
)

func TestBurstIsTheMostBeyondTheRateInAnySpan(t *testing.T) {
	type piece struct {
		at    time.Duration
		bytes int64
	}
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		pieces []piece
		want   float64 // ms' worth of 1,000 bytes/s
	}{
		"nothing":                    {nil, 0},
		"one piece":                  {[]piece{{0, 250}}, 250},
		"on time":                    {[]piece{{0, 100}, {100 * ms, 100}, {200 * ms, 100}}, 100},
		"two at once":                {[]piece{{0, 100}, {100 * ms, 100}, {100 * ms, 100}}, 200},
		"what was missed comes late": {[]piece{{0, 100}, {1000 * ms, 600}}, 600},
		"slowly ahead":               {[]piece{{0, 100}, {50 * ms, 100}, {100 * ms, 100}, {150 * ms, 100}}, 250},
		"ahead, then caught up":      {[]piece{{0, 300}, {300 * ms, 100}, {400 * ms, 100}}, 300},
	} {
		b := bucket{rate: 1000}
		for _, p := range c.pieces {
			b.add(p.at, p.bytes)
		}
		if got := b.burst(); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s: burst of %g ms' worth, want %g", name, got, c.want)
		}
	}
}

func TestWatchCountsTheSpanAndNothingElse(t *testing.T) {
	w := newWatch(time.Second, 2*time.Second, 100, 50, 2)
	for _, p := range []struct {
		connection int
		at         time.Duration
		bytes      int64
	}{{0, 0, 1000}, {0, time.Second - 1, 1000}, {0, time.Second, 30}, {1, 2 * time.Second, 10}, {1, 3*time.Second - 1, 20}, {1, 3 * time.Second, 5000}} {
		w.count(p.connection, p.at, p.bytes)
	}
	if got := w.rate(); got != 30 {
		t.Errorf("%g bytes/s, want 60 bytes in 2 s", got)
	}
	if got := least(w.counted); got != 1 {
		t.Errorf("shares of %v: %g, want equal ones", w.counted, got)
	}
	if got := sum(w.bins); got != 2060 {
		t.Errorf("%d bytes in the bins, want all but those after the end, 2,060", got)
	}
	if got := w.haveBegun(); got != 2 {
		t.Errorf("%d connections have begun, want 2", got)
	}
}

func TestBurstOfAConnectionBeginsWithIt(t *testing.T) {
	w := newWatch(time.Second, time.Second, 0, 1000, 2)
	w.count(0, 0, 100)
	w.count(1, 500*time.Millisecond, 200) // had no right to the half second before
	w.count(1, 600*time.Millisecond, 200)
	if got := w.burst(); math.Abs(got-300) > 1e-9 {
		t.Errorf("burst of %g ms' worth, want 300", got)
	}
}

func TestRateHoldsFromWhereEverySecondHasIt(t *testing.T) {
	fill := func(w *watch, from, to time.Duration, rate int64) {
		for at := from; at < to; at += binWidth {
			w.bins[at/binWidth] = rate / int64(time.Second/binWidth)
		}
	}
	const changed, end = 2 * time.Second, 6 * time.Second
	for name, c := range map[string]struct {
		until time.Duration // the old rate
		last  int64         // of the last half second
		want  time.Duration
	}{
		"at once":                     {changed, 1000, 0},
		"half a second late":          {changed + 500*time.Millisecond, 1000, 400 * time.Millisecond}, // a tenth of a second at half the rate is tolerated
		"never":                       {end, 500, -1},
		"not to the end":              {changed, 100, -1},
		"the end is a little too low": {changed, 960, 0},
	} {
		w := newWatch(time.Second, 5*time.Second, 0, 0, 1)
		fill(w, 0, c.until, 500)
		fill(w, c.until, end-500*time.Millisecond, 1000)
		fill(w, max(c.until, end-500*time.Millisecond), end, c.last)
		if got := w.holds(changed, end, 1000); got != c.want {
			t.Errorf("%s: holds after %v, want %v", name, got, c.want)
		}
	}
}

func TestShareOfLeast(t *testing.T) {
	if got := least([]int64{4, 2, 8}); got != 0.25 {
		t.Errorf("%g, want a quarter", got)
	}
	if got := least([]int64{0, 0}); got != 0 {
		t.Errorf("%g, want 0 where nothing came", got)
	}
}
