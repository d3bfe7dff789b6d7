package watch

// An alarm is raised when something begins to be wrong, again after a while if
// it still is, and once more when it is over.

import (
	"fmt"
	"math"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/dustin/go-humanize"
)

const (
	memoryShare     = 0.9  // of the container's limit
	descriptorShare = 0.9  // of the process's limit
	gcLimit         = 0.25 // of the CPU there is

	// goroutines is what there may be without any connection; each one may have
	// as many more as goroutinesPer.
	goroutines    = 1000
	goroutinesPer = 8

	// hysteresis is how far below its limit a figure must be for its alarm to
	// be over.
	hysteresis = 0.9
)

// state is a rule's.
type state struct {
	raised bool
	reason string
	told   bool      // an alarm was raised for it and is not over
	last   time.Time // when the last alarm was
	alarms int64
}

// judge asks all rules. The caller holds the lock.
func (w *Watch) judge(s *Sample, settings *Settings) []*alarm {
	var alarms []*alarm
	for _, rule := range Rules {
		raised, reason, rising := w.ask(rule, s, settings)
		if a := w.states[rule].set(raised, reason, s.Time, settings.Cooldown); a != "" {
			alarms = append(alarms, &alarm{
				Event: "alarm", Rule: rule, State: a, Time: s.Time, Reason: reason,
				Figures: *s, Growth: rising, samples: w.ring.all(),
			})
		}
	}
	return alarms
}

// set takes a rule's answer and says whether that is to be told, as what.
func (s *state) set(raised bool, reason string, now time.Time, cooldown time.Duration) string {
	s.raised, s.reason = raised, reason
	switch {
	case !raised && s.told:
		s.told = false
		return stateOver
	case raised && (s.last.IsZero() || now.Sub(s.last) >= cooldown):
		s.told, s.last = true, now
		s.alarms++
		return stateRaised
	}
	return ""
}

// ask is one rule's answer, and why so.
func (w *Watch) ask(rule Rule, s *Sample, settings *Settings) (raised bool, reason string, _ *rise) {
	was := w.states[rule].raised
	switch rule {
	case ruleMemory:
		limit, of := w.memoryLimit(settings, s.Time)
		return above(was, float64(s.Resident), limit), fmt.Sprintf(
			"resident memory is %s; the limit is %s%s", bytesText(float64(s.Resident)), bytesText(limit), of), nil
	case ruleDescriptors:
		limit := float64(DescriptorLimit())
		return above(was, float64(s.Descriptors), descriptorShare*limit), fmt.Sprintf(
			"%d descriptors are open of %.0f that the process may have", s.Descriptors, limit), nil
	case ruleGC:
		share := w.gc.share
		return above(was, share, gcLimit), fmt.Sprintf(
			"the garbage collector takes %.0f %% of the CPU", 100*share), nil
	case ruleGoroutines:
		limit := float64(goroutines + goroutinesPer*s.Peak)
		return above(was, float64(s.Goroutines), limit), fmt.Sprintf(
			"there are %d goroutines, and in the last half minute there were at most %d connections", s.Goroutines, s.Peak), nil
	}
	return w.askGrowth(rule, s, settings)
}

// above compares with a limit, 0 for none.
func above(was bool, figure, limit float64) bool {
	if was {
		limit *= hysteresis
	}
	return limit > 0 && figure > limit
}

func (w *Watch) askGrowth(rule Rule, s *Sample, settings *Settings) (raised bool, reason string, _ *rise) {
	allowed := 0.0
	if rule == ruleMemoryGrowth {
		allowed = float64(settings.Growth)
	}
	var rising *rise
	for _, g := range w.growth[rule] {
		g.add(s, allowed)
		if rising == nil {
			rising = g.rising
		}
	}
	if rising == nil {
		return false, "no growth beyond what connections explain", nil
	}
	return true, rising.String(), rising
}

// memoryLimit is the limit on resident memory in bytes, 0 for none, and of what
// it is a part.
func (w *Watch) memoryLimit(settings *Settings, now time.Time) (limit float64, of string) {
	if settings.Memory > 0 {
		return float64(settings.Memory), ""
	}
	c := w.container.get(now)
	if c == 0 {
		return 0, ""
	}
	return memoryShare * float64(c), ", 90 % of the container's"
}

// container remembers the limit of the cgroup, which may change while the
// process runs, but is not worth several files a sample.
type container struct {
	limit uint64 // 0: none
	read  time.Time
}

func (c *container) get(now time.Time) uint64 {
	if c.read.IsZero() || now.Sub(c.read) >= time.Minute {
		c.read = now
		limit, err := memlimit.FromCgroup()
		if err != nil { // no cgroup, or none with a limit: there is nothing to be near to
			limit = 0
		}
		c.limit = limit
	}
	return c.limit
}

// bytesText writes an amount of memory for people.
func bytesText(n float64) string {
	if n < 0 {
		return "-" + bytesText(-n)
	}
	return humanize.IBytes(uint64(min(n, math.MaxInt64)))
}

// countText writes a number of things for people.
func countText(n float64) string { return fmt.Sprintf("%.0f", math.Ceil(n)) }
