//go:build !race

package metrics

import (
	"testing"
	"time"

	"fullbore/logger"
)

// The race detector allocates, hence the build tag.
func TestObserveAllocatesNothing(t *testing.T) {
	m := New("test", Sources{})
	r := result("GET", 200, logger.Complete, 4096, 10, time.Millisecond)
	if n := testing.AllocsPerRun(1000, func() { m.Observe(r) }); n != 0 {
		t.Errorf("%v allocations a request", n)
	}
}
