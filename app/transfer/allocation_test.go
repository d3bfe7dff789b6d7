//go:build !race

package transfer

import "testing"

// The race detector allocates, hence the build tag.
func TestRequestForASmallFileAllocatesNothing(t *testing.T) {
	r := New(Config{EventsFrom: 1 << 20})
	defer r.Close()
	result := answered(t)
	if n := testing.AllocsPerRun(1000, func() { r.pass(result) }); n != 0 {
		t.Errorf("%v allocations a request", n)
	}
	if got := r.Totals(); got.Complete == 0 || got.Complete != got.Started {
		t.Errorf("totals %+v", got)
	}
}
