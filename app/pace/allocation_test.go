//go:build !race

package pace

import (
	"testing"
	"time"
)

func TestSharingAllocatesNothing(t *testing.T) {
	w := newWorld(t, Rates{Server: 10e6, Client: 5e6})
	rule := &Rates{Server: 5e6, Client: 1e6}
	for i := range 100 {
		w.add(i%7, nil, greedy)
		w.add(i%5, rule, greedy)
	}
	w.pass(5 * time.Second)
	if n := testing.AllocsPerRun(100, func() { w.pass(period) }); n > 0 {
		t.Errorf("%v allocations a period", n)
	}
}

func TestTakingAllocatesNothing(t *testing.T) {
	f := paced(t, Rates{Server: 1e12}).Flow(someone, nil, nil)
	takeAll(f, 1000)
	if n := testing.AllocsPerRun(100, func() { f.Return(f.Take(10)) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkSharing(b *testing.B) {
	w := newWorld(b, Rates{Server: 100e6})
	for i := range 1000 {
		w.add(i, nil, greedy)
	}
	w.pass(time.Second)
	for b.Loop() {
		for _, k := range w.takes {
			k.left.Store(0)
			k.waits.Store(true)
		}
		w.now += period
		w.tree.tick(w.now)
	}
}
