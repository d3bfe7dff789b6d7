package watch

import (
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestBurstIsOverWhenItWasOverTwice(t *testing.T) {
	type look struct {
		open, peak int
		over       bool
	}
	for name, looks := range map[string][]look{
		"a burst":                         {{4000, 4000, false}, {0, 4000, false}, {0, 0, true}, {0, 0, false}},
		"one between two looks":           {{0, 4000, false}, {0, 0, true}},
		"one that comes back":             {{0, 4000, false}, {3000, 3000, false}, {0, 3000, false}, {0, 0, true}},
		"few connections":                 {{0, 63, false}, {0, 0, false}, {0, 0, false}},
		"a slow end":                      {{4000, 4000, false}, {2500, 4000, false}, {1500, 2500, false}, {1000, 1500, true}},
		"after which the rest is no more": {{1000, 4000, false}, {1000, 1000, true}, {960, 1000, false}, {960, 960, false}},
	} {
		var b burstEnd
		for i, l := range looks {
			if got := b.over(l.open, l.peak); got != l.over {
				t.Errorf("%s: look %d (%d open, peak %d) gave %v", name, i, l.open, l.peak, got)
			}
		}
	}
}

func TestMemoryIsGivenBackAlsoWhenOff(t *testing.T) {
	var open, peak atomic.Int64
	open.Store(200)
	peak.Store(200)
	forced := func() uint32 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.NumForcedGC
	}
	before := forced()
	w := run(t, func(c *Config) {
		c.Settings.Every = 0
		c.Connections = func() int { return int(open.Load()) }
		c.Peak = func() int { return int(peak.Swap(open.Load())) }
	}, func(w *Watch) { w.giveBack = 5 * time.Millisecond })
	until(t, "a look", func() bool { return peak.Load() == 200 })
	if n := forced(); n != before {
		t.Errorf("%d collections during the burst", n-before)
	}
	open.Store(0)
	until(t, "two collections", func() bool { return forced() == before+2 })
	w.stop()
}

// What one of them takes from the listener, the other must hear of, too.
func TestPeakIsSeenByBoth(t *testing.T) {
	peak := 0
	w := newTestWatch()
	w.cfg.Peak = func() int { p := peak; peak = 0; return p }
	last := func() int { s, _ := w.Last(); return s.Peak }
	peak = 500
	w.look()
	if last() != 500 {
		t.Errorf("the sample has a peak of %d, want 500", last())
	}
	w.look()
	var b burstEnd
	w.giveBackAfter(&b)
	if b.high != 500 {
		t.Errorf("the end of bursts knows of %d, want 500", b.high)
	}
	w.giveBackAfter(&b)
	if w.peak != 0 || b.high != 0 {
		t.Errorf("peak %d, high %d after the burst", w.peak, b.high)
	}
	peak = 700
	w.giveBackAfter(&b) // takes it first
	w.look()
	if last() != 700 || b.high != 700 {
		t.Errorf("the sample has a peak of %d, the end of bursts of %d, want 700", last(), b.high)
	}
}

func TestHighestIsOfTheLastHalfMinute(t *testing.T) {
	var h highest
	at := func(seconds int64) time.Time { return time.Unix(1_000_000+seconds, 0) }
	h.add(at(0), 1500)
	h.add(at(0), 3)
	h.add(at(20), 8)
	for _, test := range []struct {
		seconds int64
		want    int
	}{{20, 1500}, {30, 1500}, {29, 1500}, {34, 1500}, {35, 8}, {54, 8}, {55, 0}, {100_000, 0}} {
		if got := h.since(at(test.seconds)); got != test.want {
			t.Errorf("after %d s: %d, want %d", test.seconds, got, test.want)
		}
	}
	h.add(at(100_000), 5)
	h.add(at(99_000), 7) // a clock that was put back
	if got := h.since(at(99_000)); got != 7 {
		t.Errorf("after a clock was put back: %d", got)
	}
}

// fasthttp keeps the workers of connections that have ended for a while: they
// are no leak, and no alarm.
func TestWorkersOfEndedConnectionsAreNoAlarm(t *testing.T) {
	peak := 1500
	w := newTestWatch()
	w.cfg.Peak = func() int { p := peak; peak = 0; return p }
	end := make(chan struct{})
	var workers sync.WaitGroup
	for range 1500 {
		workers.Go(func() { <-end })
	}
	defer workers.Wait()
	defer close(end)
	w.look()
	for range 3 { // with nothing open since the first
		w.look()
		if score, reasons := w.Health(); score != 100 {
			t.Fatalf("health %d: %q", score, reasons)
		}
	}
	w.recent = highest{} // half a minute later they would be one
	w.look()
	if score, reasons := w.Health(); score != 70 || !strings.Contains(reasons[0], "goroutines, and in the last half minute there were at most 0 connections") {
		t.Errorf("health %d: %q", score, reasons)
	}
}
