package watch

// This file asks the rules on growth about a thousand servers of each kind and
// prints how often they err. It exists because an alarm is worth what its error
// rates are; `go test -v -run Synthetic ./app/watch` shows them.

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

const mib = 1 << 20

// world is a server as the rules see it, sample by sample.
type world struct {
	rng *rand.Rand
	s   Sample
	at  int // samples so far

	recent highest // connections
	gc     int     // samples until the next collection
}

// shape is a kind of server. Step changes the figures of the sample.
type shape struct {
	name  string
	leaks bool
	rule  Rule
	most  int // alarms in a thousand (if it leaks: of those, missed) that are allowed
	start func(rng *rand.Rand) (step func(w *world))
}

const (
	everySample = 5 * time.Second
	fourHours   = int(4 * time.Hour / everySample)
)

var shapes = []shape{
	{"flat noise", false, ruleMemoryGrowth, 0, func(*rand.Rand) func(*world) {
		return func(w *world) { w.memory(30 + 2*w.rng.NormFloat64()) }
	}},
	{"red noise (each sample 0.99 of the last, deviation 3 MiB)", false, ruleMemoryGrowth, 5, func(rng *rand.Rand) func(*world) {
		level := 3 * rng.NormFloat64()
		return func(w *world) {
			level = 0.99*level + math.Sqrt(1-0.99*0.99)*3*w.rng.NormFloat64()
			w.memory(40 + level)
		}
	}},
	{"sawtooth of the collector, 20 to 60 MiB", false, ruleMemoryGrowth, 0, sawtooth},
	{"pool that fills by 10 to 40 MiB in up to a minute", false, ruleMemoryGrowth, 0, func(rng *rand.Rand) func(*world) {
		at, ramp, height := rng.IntN(fourHours*3/4), 1+rng.IntN(12), 10+30*rng.Float64()
		return func(w *world) {
			w.memory(20 + w.rng.NormFloat64() + height*min(1, max(0, float64(w.at-at)/float64(ramp))))
		}
	}},
	{"bursts of 2,000 connections that leave their memory a while", false, ruleMemoryGrowth, 0, bursts},
	{"connections that come and go by the hour", false, ruleMemoryGrowth, 0, func(rng *rand.Rand) func(*world) {
		phase := rng.Float64() * 2 * math.Pi
		return func(w *world) {
			w.s.Connections = int(1000 + 900*math.Sin(phase+float64(w.at)/120))
			w.memory(20 + 0.03*float64(w.s.Connections) + w.rng.NormFloat64())
		}
	}},
	{"warm-up that adds 10 to 20 MiB over 10 s to 10 min", false, ruleMemoryGrowth, 60, func(rng *rand.Rand) func(*world) {
		height, tau, at := 10+10*rng.Float64(), float64(2+rng.IntN(118)), rng.IntN(fourHours/2)
		return func(w *world) {
			w.memory(20 + w.rng.NormFloat64() + height*(1-math.Exp(-float64(max(0, w.at-at))/tau)))
		}
	}},
	{"goroutines of 0 to 500 connections", false, ruleGoroutineGrowth, 0, func(*rand.Rand) func(*world) {
		return func(w *world) {
			w.s.Connections = max(0, min(500, w.s.Connections+w.rng.IntN(101)-50))
			w.s.Goroutines = 12 + w.s.Connections + w.rng.IntN(20)
		}
	}},
	{"bursts of 100 to 2,000 connections whose workers stay for 20 s", false, ruleGoroutineGrowth, 0, func(*rand.Rand) func(*world) {
		var ended [4]int
		return func(w *world) {
			ended[w.at%4] = w.s.Connections
			w.s.Connections = 0
			if w.rng.IntN(8) == 0 {
				w.s.Connections = 100 + w.rng.IntN(1900)
			}
			w.s.Goroutines = 12 + w.s.Connections + ended[0] + ended[1] + ended[2] + ended[3]
		}
	}},
	{"leak of 1 KB per request of 100 KB, 50 a second", true, ruleMemoryGrowth, 0, leak(50, 100_000, 0)},
	{"leak of 1 KB per request of 1 MB, 10 a second, in noise of 2 MiB", true, ruleMemoryGrowth, 0, leak(10, 1_000_000, 2)},
	{"leak of 1 KB per request under a sawtooth of 40 MiB", true, ruleMemoryGrowth, 0, func(rng *rand.Rand) func(*world) {
		saw := sawtooth(rng)
		leaked := 0.0
		return func(w *world) {
			saw(w)
			leaked += 1000 * 50 * everySample.Seconds() / mib
			w.memory(float64(w.s.Anonymous)/mib + leaked)
		}
	}},
	{"leak of one goroutine per abort, one in 2 s", true, ruleGoroutineGrowth, 10, func(*rand.Rand) func(*world) {
		leaked := 0
		return func(w *world) {
			w.s.Connections = max(0, min(500, w.s.Connections+w.rng.IntN(101)-50))
			leaked += w.rng.IntN(6)
			w.s.Goroutines = 12 + w.s.Connections + w.rng.IntN(20) + leaked
		}
	}},
	{"leak of one descriptor per abort, one in 20 s", true, ruleDescriptorGrowth, 0, func(*rand.Rand) func(*world) {
		leaked := 0
		return func(w *world) {
			w.s.Connections = w.rng.IntN(300)
			if w.rng.IntN(4) == 0 {
				leaked++
			}
			w.s.Descriptors = 12 + 2*w.s.Connections + leaked
		}
	}},
}

// memory sets the resident memory, in MiB, the heap following it.
func (w *world) memory(level float64) {
	w.s.Anonymous = int64(level * mib)
	w.s.Heap = int64(level * mib * 0.6)
}

func sawtooth(rng *rand.Rand) func(*world) {
	rate := 1 + 10*rng.Float64() // MiB a sample
	level := 20 + 40*rng.Float64()
	return func(w *world) {
		if w.gc == 0 || level > 60 {
			level = 20 + rng.Float64()
			w.collect()
		}
		level += rate * (0.8 + 0.4*rng.Float64())
		w.s.Anonymous = int64(level * mib)
		w.s.Heap = 12*mib + int64(rng.Float64()*mib)
	}
}

func bursts(rng *rand.Rand) func(*world) {
	next, left := rng.IntN(600), 0.0
	return func(w *world) {
		if next--; next < 0 {
			next = 300 + rng.IntN(600)
		}
		switch {
		case next < 120: // it comes, within ten minutes
			w.s.Connections = min(2000, w.s.Connections+20+rng.IntN(20))
		default:
			w.s.Connections = max(0, w.s.Connections-10-rng.IntN(10))
		}
		now := 0.035 * float64(w.s.Connections)
		left = max(now, left*0.99) // what is freed goes back slowly
		w.memory(20 + left + rng.NormFloat64())
	}
}

func leak(perSecond, size, noise float64) func(*rand.Rand) func(*world) {
	return func(*rand.Rand) func(*world) {
		leaked := 0.0
		return func(w *world) {
			requests := perSecond * everySample.Seconds() * (0.5 + w.rng.Float64())
			w.s.Served += int64(requests*size) - int64(40*mib) // instead of the usual
			leaked += requests * 1000 / mib
			w.memory(25 + leaked + noise*w.rng.NormFloat64())
		}
	}
}

// collect is a garbage collection; the next one is two minutes away at most.
func (w *world) collect() {
	w.s.Collections++
	w.gc = int(2 * time.Minute / everySample)
}

// next makes a sample: 40 MiB in 5 s, give or take, unless the shape says
// otherwise.
func (w *world) next(step func(*world)) *Sample {
	w.at++
	w.s.Time = w.s.Time.Add(everySample)
	w.s.Served += 40 * mib
	if w.gc--; w.gc <= 0 {
		w.collect()
	}
	step(w)
	w.recent.add(w.s.Time, w.s.Connections)
	w.s.Peak = w.recent.since(w.s.Time)
	return &w.s
}

// firstAlarm is after how many samples a rule on growth gave alarm, 0 for never.
func firstAlarm(s shape, seed uint64, samples int) int {
	rng := rand.New(rand.NewPCG(seed, 6))
	w := &world{rng: rng, s: Sample{Time: time.Unix(0, 0)}}
	step := s.start(rng)
	watch := newTestWatch()
	for i := 1; i <= samples; i++ {
		sample := w.next(step)
		for _, g := range watch.growth[s.rule] {
			g.add(sample, allowedBy(s.rule))
			if g.rising != nil {
				return i
			}
		}
	}
	return 0
}

func allowedBy(rule Rule) float64 {
	if rule == ruleMemoryGrowth {
		return 256 << 10
	}
	return 0
}

func newTestWatch() *Watch {
	return New(Config{
		BytesServed: func() int64 { return 0 }, Connections: func() int { return 0 }, Peak: func() int { return 0 },
	})
}

func TestRulesOnSyntheticSeries(t *testing.T) {
	seeds := 1000
	if testing.Short() || raceEnabled {
		seeds = 50
	}
	for _, s := range shapes {
		alarms, wait := 0, 0
		for seed := range uint64(seeds) {
			if at := firstAlarm(s, seed, fourHours); at > 0 {
				alarms++
				wait += at
			}
		}
		share := 100 * float64(alarms) / float64(seeds)
		if !s.leaks {
			t.Logf("%-68s false alarms %5.1f %%", s.name, share)
			if alarms > s.most*seeds/1000 {
				t.Errorf("%s: %d false alarms in %d, want %d in 1000 at most", s.name, alarms, seeds, s.most)
			}
			continue
		}
		t.Logf("%-68s found       %5.1f %%, after %v on average", s.name, share,
			(time.Duration(wait/max(1, alarms)) * everySample).Round(time.Minute))
		if missed := seeds - alarms; missed > s.most*seeds/1000 {
			t.Errorf("%s: %d of %d were not found, want %d in 1000 at most", s.name, missed, seeds, s.most)
		}
	}
}
