package watch

import (
	"os"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestSampleSeesThisProcess(t *testing.T) {
	s := newSampler()
	debug.FreeOSMemory() // or what other tests left goes away meanwhile
	debug.FreeOSMemory()
	before := s.sample()
	if before.Resident < mib || before.Anonymous < mib/2 || before.Anonymous > before.Resident || before.Mapped < mib || before.Goroutines < 2 {
		t.Errorf("sample %+v", before)
	}
	stop := make(chan struct{})
	for range 400 {
		go func() { <-stop }()
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
	}
	held := make([]byte, 64*mib)
	for i := range held {
		held[i] = 1
	}
	runtime.GC()
	after := s.sample()
	close(stop)
	if n := after.Goroutines - before.Goroutines; n < 350 || n > 450 {
		t.Errorf("400 goroutines are %d more", n)
	}
	if n := after.Descriptors - before.Descriptors; before.Descriptors >= 0 && (n < 350 || n > 450) {
		t.Errorf("400 descriptors are %d more", n)
	}
	if n := after.Anonymous - before.Anonymous; n < 48*mib || (n > 96*mib && !raceEnabled) {
		t.Errorf("64 MiB are %d anonymous bytes more", n)
	}
	if n := after.Heap - before.Heap; n < 56*mib || n > 72*mib {
		t.Errorf("64 MiB are %d bytes of heap more", n)
	}
	if after.Collections == before.Collections || after.GC < 0 || after.GC > 1 {
		t.Errorf("sample %+v", after)
	}
	runtime.KeepAlive(held)
}

func TestCountNamesCountsOthersOnly(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"0", "1", "2", "3"} { // one stands for the folder itself
		if err := os.WriteFile(dir+"/"+name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if n := countNames(dir); n != 3 {
		t.Errorf("%d, want 3", n)
	}
	if n := countNames(dir + "/none"); n != -1 {
		t.Errorf("%d for what is not there, want -1", n)
	}
}

func TestRingKeepsTheLatest(t *testing.T) {
	var r ring
	if _, there := r.last(); there || len(r.all()) != 0 {
		t.Error("it is not empty")
	}
	for i := range 3*ringSize + 7 {
		r.add(Sample{Connections: i})
	}
	all := r.all()
	if last, _ := r.last(); last.Connections != 3*ringSize+6 || len(all) != ringSize || all[0].Connections != 2*ringSize+7 || all[ringSize-1] != last {
		t.Errorf("%d samples from %d to %d", len(all), all[0].Connections, all[len(all)-1].Connections)
	}
}

// A watch must not be what grows.
func TestLookingDoesNotGrow(t *testing.T) {
	w := newTestWatch()
	served := int64(0)
	w.cfg.BytesServed = func() int64 { served += mib; return served }
	look := func(n int) uint64 {
		for i := range n {
			if i%100 == 0 {
				runtime.GC() // or no stretch would end
			}
			w.look()
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	before := look(10_000) // all windows of the finest scales are full
	after := look(10_000)
	if after > before+64<<10 {
		t.Errorf("%d bytes of heap, %d after 10,000 more looks", before, after)
	}
}

// BenchmarkLook is one whole look: sample and rules.
func BenchmarkLook(b *testing.B) {
	w := newTestWatch()
	w.settings.Store(&Settings{Every: time.Second, Growth: 256 << 10})
	b.ReportAllocs()
	for b.Loop() {
		w.look()
	}
}
