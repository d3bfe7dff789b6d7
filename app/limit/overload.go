package limit

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"syscall"
	"time"

	"fullbore/app/watch"
)

// What is left for connections that are in, and for the server itself: of descriptors
// before new connections are refused, and from when on they are let in again.
const (
	reservePart, reserveMin, reserveMax = 4, 16, 1024 // a quarter of the limit
	gapPart, gapMin, gapMax             = 16, 4, 256  // a sixteenth below that
)

// Memory in use, in parts of Go's limit, from which new work is refused, and below which
// it is taken again.
const (
	memoryHigh = 0.9
	memoryLow  = 0.8
)

// lookEvery is the time between two looks at memory, and at descriptors while they are
// short.
const lookEvery = 250 * time.Millisecond

// collectEvery is the time between two collections while memory is short: what is in use is
// known only after one, and perhaps none would come.
const collectEvery = time.Second

// overload is whether the process is short of descriptors or memory. Where it is, new
// work is refused, so that what goes on can go on. It is safe for concurrent use.
type overload struct {
	descriptors, memory atomic.Bool
	budget, low         atomic.Int64 // numbers of descriptors; 0: there is no limit
	limit               int          // of descriptors
	lingering           int32        // how many of those that were refused may linger

	free     func() int                // the lowest number of a descriptor that is free
	measured func() (used, most int64) // memory in bytes; most is 0 without a limit

	collected time.Time // of the goroutine that looks
}

func newOverload() *overload {
	return &overload{free: lowestFree, measured: memoryInUse, limit: watch.DescriptorLimit()}
}

// reserve works out the budget from the limit and how many descriptors are in use before
// there are any clients.
func (o *overload) reserve(most, used int) {
	if most == 0 {
		return
	}
	reserve := min(max(most/reservePart, reserveMin), reserveMax)
	budget := max(most-reserve, used+(most-used)/2) // where there are very few
	o.budget.Store(int64(budget))
	low := budget - min(max(most/gapPart, gapMin), gapMax)
	low = max(low, used+1) // or it would never be over
	o.low.Store(int64(low))
	o.lingering = int32(min(max((low-used)/2, 1), lingeringMost)) //nolint:gosec // few
}

// lingeringMost is how many refused connections may linger, unless that would make a
// shortage of its own.
const lingeringMost = 8

// enter is the rule that refuses a connection with this descriptor, "" if none does.
// Numbers are given out from the lowest on (POSIX, File Descriptor Allocation), so that
// one says how many are in use at least.
func (o *overload) enter(fd int) (rule string) {
	if o.memory.Load() {
		return Memory
	}
	low := o.low.Load()
	if low == 0 || int64(fd) < low {
		return ""
	}
	if int64(fd) >= o.budget.Load() {
		o.descriptors.Store(true)
	}
	if o.descriptors.Load() {
		return Descriptors
	}
	return ""
}

// exhausts reports whether an error is that there are no descriptors left.
func exhausts(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// look ends a shortage that is over, and begins one of memory.
func (o *overload) look() {
	if o.descriptors.Load() && int64(o.free()) < o.low.Load() {
		o.descriptors.Store(false)
	}
	used, most := o.measured()
	switch share := float64(used) / float64(most); {
	case most == 0 || share < memoryLow:
		o.memory.Store(false)
	case share >= memoryHigh:
		o.memory.Store(true)
	}
	if now := time.Now(); o.memory.Load() && now.Sub(o.collected) >= collectEvery {
		runtime.GC()
		o.collected = now
	}
}

// watch looks until ctx ends, and calls looked after each look.
func (o *overload) watch(ctx context.Context, looked func(now time.Time)) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			o.look()
			looked(now)
		}
	}
}

// isShort reports whether the process is short of what a rule is about.
func (o *overload) isShort(rule string) bool {
	return rule == Memory && o.memory.Load() || rule == Descriptors && o.descriptors.Load()
}

// reasonOf says what is short; "" if it is not.
func (o *overload) reasonOf(rule string) string {
	switch {
	case !o.isShort(rule):
		return ""
	case rule == Memory:
		used, most := o.measured()
		return fmt.Sprintf("new clients are refused: %d MiB of memory are in use, and %d MiB are Go's limit", used>>20, most>>20)
	}
	return fmt.Sprintf("new clients are refused: too many open files, of %d that the process may have", o.limit)
}

// lowestFree is the lowest number of a descriptor that is free, MaxInt if there is none.
func lowestFree() int {
	f, err := os.Open(os.DevNull)
	if err != nil {
		return math.MaxInt
	}
	defer f.Close()
	return int(f.Fd()) //nolint:gosec // descriptors are small
}

// The runtime's figures for memory, by index.
const (
	memoryTotal = iota
	memoryReleased
	memoryFree
	memoryUnused
	memoryObjects
	memoryLive
)

// memoryInUse is what stays in use through a collection, and Go's limit, of which the
// container's is a part; see debug.SetMemoryLimit.
func memoryInUse() (used, most int64) {
	if most = debug.SetMemoryLimit(-1); most == math.MaxInt64 {
		return 0, 0
	}
	samples := [...]metrics.Sample{
		memoryTotal:    {Name: "/memory/classes/total:bytes"},
		memoryReleased: {Name: "/memory/classes/heap/released:bytes"},
		memoryFree:     {Name: "/memory/classes/heap/free:bytes"},
		memoryUnused:   {Name: "/memory/classes/heap/unused:bytes"},
		memoryObjects:  {Name: "/memory/classes/heap/objects:bytes"},
		memoryLive:     {Name: "/gc/heap/live:bytes"},
	}
	metrics.Read(samples[:])
	value := func(i int) int64 {
		if v := samples[i].Value; v.Kind() == metrics.KindUint64 {
			return int64(min(v.Uint64(), math.MaxInt64)) //nolint:gosec // within bounds
		}
		return 0
	}
	used = value(memoryTotal) - value(memoryReleased) - value(memoryFree) - value(memoryUnused) - value(memoryObjects) + value(memoryLive)
	return used, most
}
