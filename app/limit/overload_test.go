package limit

import (
	"bytes"
	"fmt"
	"math"
	"net/netip"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// short is a process whose shortages a test makes.
type short struct {
	*Caps
	free int   // the lowest free descriptor
	used int64 // of 100 bytes
}

func newShort(descriptors, inUse int) *short {
	s := &short{Caps: New(Settings{})}
	s.overload = &overload{
		limit: descriptors, free: func() int { return s.free },
		measured: func() (int64, int64) { return s.used, 100 },
	}
	s.overload.reserve(descriptors, inUse)
	s.Gate(func(netip.Addr) bool { return false })
	return s
}

// Some are kept back from connections, the more the more there are, but never so many
// that nobody gets in.
func TestDescriptorsAreReserved(t *testing.T) {
	for _, c := range []struct{ most, used, budget, low, lingering int }{
		{64, 20, 48, 44, 8},
		{1024, 20, 768, 704, 8},
		{1 << 20, 20, 1<<20 - 1024, 1<<20 - 1024 - 256, 8},
		{40, 22, 31, 27, 2},
		{32, 24, 28, 25, 1},
		{0, 20, 0, 0, 0},
	} {
		o := &overload{}
		o.reserve(c.most, c.used)
		if budget, low := o.budget.Load(), o.low.Load(); budget != int64(c.budget) || low != int64(c.low) {
			t.Errorf("of %d: %d and %d, want %d and %d", c.most, budget, low, c.budget, c.low)
		}
		if int(o.lingering) != c.lingering {
			t.Errorf("of %d: %d may linger, want %d", c.most, o.lingering, c.lingering)
		}
	}
}

// A shortage is over when all clients are gone, however few descriptors there are.
func TestShortageOfFewDescriptorsEnds(t *testing.T) {
	for most := 24; most < 200; most++ {
		const inUse = 20
		s := newShort(most, inUse)
		s.overload.descriptors.Store(true)
		s.free = inUse
		s.overload.look()
		if rule := s.overload.enter(inUse); rule != "" {
			t.Errorf("of %d descriptors %d are in use before there are clients, and the first is refused", most, inUse)
		}
	}
}

// Who comes when descriptors are short is refused until clearly fewer are in use.
func TestShortageOfDescriptors(t *testing.T) {
	s := newShort(64, 20) // from 48 on, until below 44
	for i, step := range []struct {
		fd, free int
		rule     string
	}{
		{47, 0, ""}, {48, 0, Descriptors}, {47, 47, Descriptors}, {44, 44, Descriptors}, {43, 44, ""}, {44, 43, ""}, {47, 0, ""}, {60, 0, Descriptors},
	} {
		if step.free > 0 {
			s.free = step.free
			s.overload.look()
		}
		refusal := s.gate.Enter(step.fd)
		if rule := ruleIn(t, refusal); rule != step.rule {
			t.Errorf("step %d: refused by %q, want %q", i, rule, step.rule)
		}
	}
	if reason := s.Overloaded(); !strings.Contains(reason, "too many open files, of 64") {
		t.Errorf("%q", reason)
	}
}

// Memory in use beyond most of what there is refuses new work until much is free again.
func TestShortageOfMemory(t *testing.T) {
	s := newShort(0, 0)
	for i, step := range []struct {
		used int64
		rule string
	}{{89, ""}, {90, Memory}, {81, Memory}, {79, ""}, {89, ""}, {100, Memory}} {
		s.used = step.used
		s.overload.look()
		if rule := ruleIn(t, s.gate.Enter(5)); rule != step.rule {
			t.Errorf("step %d, with %d %% in use: refused by %q, want %q", i, step.used, rule, step.rule)
		}
	}
}

// A spell of refusals is two events, however many there are in it.
func TestSpellsAreEvents(t *testing.T) {
	var out bytes.Buffer
	s := newShort(64, 20)
	spells := newSpells(s.Caps, zerolog.New(&out))
	now := time.Now()
	look := func(after time.Duration) string {
		out.Reset()
		now = now.Add(after)
		spells.looked(now)
		return out.String()
	}
	if got := look(0); got != "" {
		t.Errorf("nothing is refused: %s", got)
	}
	for range 1234 {
		s.gate.Enter(50)
	}
	if got := look(lookEvery); strings.Count(got, "\n") != 1 || !strings.Contains(got, `"event":"refusing","rule":"descriptors","state":"begun"`) || !strings.Contains(got, "too many open files") {
		t.Errorf("at the beginning: %s", got)
	}
	s.free = 30
	s.overload.look()
	for range 10 {
		if got := look(time.Second / 2); got != "" {
			t.Errorf("meanwhile: %s", got)
		}
	}
	s.gate.Enter(50) // again, before it was over
	s.overload.look()
	if got := look(spellEnd - time.Second); got != "" {
		t.Errorf("again: %s", got)
	}
	if got := look(spellEnd); !strings.Contains(got, `"event":"refusing","rule":"descriptors","state":"over","refused":1235`) || !strings.Contains(got, "descriptors has refused 1,235") {
		t.Errorf("at the end: %s", got)
	}
	if got := look(spellEnd); got != "" {
		t.Errorf("afterwards: %s", got)
	}
}

// What is measured is of this process.
func TestMeasures(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n := lowestFree(); n <= 2 || n > 10_000 || n == int(f.Fd()) {
		t.Errorf("the lowest free descriptor is %d", n)
	}
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(math.MaxInt64))
	if used, most := memoryInUse(); most != 0 || used != 0 {
		t.Errorf("%d of %d without a limit", used, most)
	}
	if !exhausts(fmt.Errorf("open x: %w", syscall.EMFILE)) || exhausts(syscall.ENOENT) {
		t.Error("errors are mistaken")
	}
}

// The runtime's figures say how much is held, whatever was let go.
func TestMemoryInUse(t *testing.T) {
	before := debug.SetMemoryLimit(math.MaxInt64 - 1)
	defer debug.SetMemoryLimit(before)
	inUse()
	empty, most := memoryInUse()
	if most != math.MaxInt64-1 || empty <= 0 {
		t.Fatalf("%d of %d", empty, most)
	}
	kept := make([]byte, 64<<20)
	inUse()
	if used, _ := memoryInUse(); used-empty < 60<<20 || used-empty > 80<<20 {
		t.Errorf("%d bytes more with %d", used-empty, len(kept))
	}
	kept[0] = 1
	inUse()
	if used, _ := memoryInUse(); used-empty > 10<<20 {
		t.Errorf("%d bytes more without", used-empty)
	}
}

// Of a client with too many connections, the events say who it is.
func TestSpellOfAClient(t *testing.T) {
	var out bytes.Buffer
	caps := New(Settings{ClientConnections: 1})
	g := caps.Gate(func(netip.Addr) bool { return false })
	spells := newSpells(caps, zerolog.New(&out))
	enter(g, "2001:db8::1")
	enter(g, "2001:db8::2")
	spells.looked(time.Now())
	if got := out.String(); !strings.Contains(got, `"rule":"client-connections","state":"begun","client":"2001:db8::/64"`) {
		t.Errorf("%s", got)
	}
}
