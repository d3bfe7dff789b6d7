//go:build !race

package limit

import (
	"net/netip"
	"testing"
	"time"
)

// The race detector allocates, hence the build tag.
func TestCountingAllocatesNothing(t *testing.T) {
	r, d, rate := newRates(), newDownloads(), Rate{N: 10, Per: time.Second}
	g := New(Settings{Connections: 10, ClientConnections: 10}).Gate(func(netip.Addr) bool { return false })
	d.set(Settings{Downloads: 10, ClientDownloads: 10, Queue: Line{N: 10}})
	n, now := uint32(0), time.Now()
	one := func() {
		n++
		g.Enter(-1)
		share, _ := g.Count(addrOf(n))
		share.Leave()
		g.Leave()
		r.take(nth(n), rate, now)
		s, _ := d.begin(nth(n))
		_ = s.Detach().Close()
	}
	one()
	if got := testing.AllocsPerRun(1000, one); got != 0 {
		t.Errorf("%v allocations a download", got)
	}
}

func BenchmarkRate(b *testing.B) {
	r, rate := newRates(), Rate{N: 10, Per: time.Second}
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for n := uint32(0); p.Next(); n++ {
			r.take(nth(n), rate, time.Now())
		}
	})
}

func BenchmarkDownload(b *testing.B) {
	d := newDownloads()
	d.set(Settings{ClientDownloads: 10})
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for n := uint32(0); p.Next(); n++ {
			if s, _ := d.begin(nth(n % 1000)); s != nil {
				_ = s.Close()
			}
		}
	})
}
