package watch

import (
	"runtime"
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
	peak := 500
	w := newTestWatch()
	w.cfg.Peak = func() int { p := peak; peak = 0; return p }
	w.look()
	if last, _ := w.Last(); last.Peak != 500 {
		t.Errorf("the sample has a peak of %d, want 500", last.Peak)
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
}
