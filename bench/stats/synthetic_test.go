package stats

// This file asks the rule about a thousand runs of each shape and prints how
// often it errs. It exists because a verdict is worth what its error rates are;
// `go test -v -run Synthetic ./bench/stats` shows them.

import (
	"math"
	"math/rand/v2"
	"testing"
)

const seeds = 1000

// shape is a kind of memory over time. Downloads is how many there are a round.
type shape struct {
	name   string
	rounds int
	level  func(rng *rand.Rand, rounds int) []float64
	want   Verdict
	wrong  int // most runs of a thousand with the opposite verdict
	unsure int // most runs of a thousand that may be undecided
}

// anyNumber of runs may be undecided.
const anyNumber = seeds

var shapes = []shape{
	{"flat noise, 10 rounds", 10, noise(mib / 2), Flat, 0, 0},
	{"flat noise, default run", byDefault, noise(mib / 2), Flat, 0, 0},
	{"flat noise, 60 rounds", 60, noise(mib / 2), Flat, 0, 0},
	{"flat, noise of a larger heap (4 MiB)", 30, noise(4 * mib), Flat, 0, 5},
	{"flat, red noise (AR 0.7), 40 rounds", 40, red(2*mib, 0.7), Flat, 5, 20},
	{"flat, red noise (AR 0.7), 10 rounds", 10, red(2*mib, 0.7), Flat, 0, anyNumber},
	{"flat, red noise (AR 0.9), 10 rounds", 10, red(2*mib, 0.9), Flat, 0, anyNumber},
	{"flat, red noise (AR 0.7), default run", byDefault, red(2*mib, 0.7), Flat, 30, anyNumber},
	{"flat, red noise (AR 0.9), default run", byDefault, red(2*mib, 0.9), Flat, 30, anyNumber},
	{"sawtooth of the collector, 10 rounds", 10, sawtooth, Flat, 0, 0},
	{"sawtooth of the collector, default run", byDefault, sawtooth, Flat, 0, 0},
	{"sawtooth of the collector, 60 rounds", 60, sawtooth, Flat, 0, 0},
	{"step then flat, 10 rounds", 10, stepped, Flat, 0, anyNumber},
	{"step then flat, default run", byDefault, stepped, Flat, 0, anyNumber},
	{"step then flat, 60 rounds", 60, stepped, Flat, 0, anyNumber},
	{"pool that fills gradually (tau 3 rounds), 10 rounds", 10, filling(3), Flat, 0, anyNumber},
	{"pool that fills gradually (tau 3 rounds), default run", byDefault, filling(3), Flat, 10, anyNumber},
	{"1 KB per download, 200 a round, 60 rounds", 60, leaking(200, mib/2), Leak, 0, 10},
	{"1 KB per download, 1000 a round, 12 rounds", 12, leaking(1000, mib/4), Leak, 0, 10},
	{"1 KB per download under red noise", 60, both(leaking(400, 0), red(mib, 0.5)), Leak, 0, 30},
	{"1 KB per download under a sawtooth", 60, both(leaking(400, 0), sawtooth), Leak, 0, 10},
	{"short noisy leak, 1 MB a round, 10 rounds", 10, leaking(1000, mib), Leak, 20, anyNumber},
	{"short noisy leak, 1 MB a round, default run", byDefault, leaking(1000, mib), Leak, 0, anyNumber},
	{"leak in stairs of 4 MiB per 8 rounds, 60 rounds", 60, stairs(4*mib, 8), Leak, 0, 50},
	{"leak in stairs of 8 MiB per 8 rounds, 10 rounds", 10, stairs(8*mib, 8), Leak, 0, anyNumber},
	{"leak in stairs of 8 MiB per 8 rounds, default run", byDefault, stairs(8*mib, 8), Leak, 0, anyNumber},
	{"leak in stairs of 12 MiB per 20 rounds, 30 rounds", 30, stairs(12*mib, 20), Leak, 0, anyNumber},
	{"leak in stairs of 6 MiB per 40 rounds, 120 rounds", 120, stairs(6*mib, 40), Leak, 5, anyNumber},
	{"leak in stairs of 8 MiB per 100 rounds, 110 rounds", 110, stairs(8*mib, 100), Leak, 60, anyNumber},
}

// byDefault is how many rounds a run has without flags.
const byDefault = 17

func TestSyntheticSeriesAreClassified(t *testing.T) {
	if testing.Short() {
		t.Skip("skipping a thousand runs of each shape")
	}
	for _, s := range shapes {
		counts := map[Verdict]int{}
		for seed := range uint64(seeds) {
			counts[classify(s, seed)]++
		}
		opposite := Leak
		if s.want == Leak {
			opposite = Flat
		}
		t.Logf("%-53s %-5s right %5.1f %%, undecided %4.1f %%, wrong %4.1f %%", s.name, s.want,
			percent(counts[s.want]), percent(counts[Undecided]), percent(counts[opposite]))
		if counts[opposite] > s.wrong || counts[Undecided] > s.unsure {
			t.Errorf("%s: %v, want %s but for %d wrong and %d undecided", s.name, counts, s.want, s.wrong, s.unsure)
		}
	}
}

// TestSyntheticPower shows how large a leak must be to be found in a default run:
// below the allowance none is, well above it all are, and none is called a leak
// that is not one.
func TestSyntheticPower(t *testing.T) {
	if testing.Short() {
		t.Skip("skipping a thousand runs of each shape")
	}
	var found []int
	for _, kb := range []float64{0, 100, 200, 300, 400, 600, 800} {
		s := shape{rounds: byDefault, level: leaking(kb, mib/4)}
		leaks := 0
		for seed := range uint64(seeds) {
			if classify(s, seed) == Leak {
				leaks++
			}
		}
		t.Logf("default run, growth of %4.0f KB a round (%.1f KB per GB): found in %5.1f %%", kb, kb/gbPerRound, percent(leaks))
		found = append(found, leaks)
	}
	if found[0] != 0 || found[len(found)-1] != seeds {
		t.Errorf("found in %v of %d runs, want none without a leak and all with the largest", found, seeds)
	}
}

func percent(n int) float64 { return 100 * float64(n) / seeds }

func classify(s shape, seed uint64) Verdict {
	level := s.level(rand.New(rand.NewPCG(seed, 2)), s.rounds)
	run := soaked(seed, s.rounds, func(round int, _ *rand.Rand) float64 { return level[round] })
	limits := defaults()
	limits.MaxGrowth = 1e9 // the slope alone must tell
	run.Series[0].Exclude = DefaultMaxGrowth
	return Judge(run, limits).Verdict
}

func series(rounds int, level func(round int) float64) []float64 {
	levels := make([]float64, rounds)
	for round := range levels {
		levels[round] = level(round)
	}
	return levels
}

func noise(spread float64) func(*rand.Rand, int) []float64 {
	return func(rng *rand.Rand, rounds int) []float64 {
		return series(rounds, func(int) float64 { return mib + math.Abs(rng.NormFloat64())*spread })
	}
}

// red noise remembers: each reading is that share of the one before.
func red(spread, share float64) func(*rand.Rand, int) []float64 {
	return func(rng *rand.Rand, rounds int) []float64 {
		last := rng.NormFloat64() * spread
		return series(rounds, func(int) float64 {
			last = share*last + math.Sqrt(1-share*share)*spread*rng.NormFloat64()
			return 8*mib + last
		})
	}
}

// sawtooth rises by up to 4 MiB and falls when the collector runs, a little
// irregularly, and begins anywhere.
func sawtooth(rng *rand.Rand, rounds int) []float64 {
	step, level := (0.5+rng.Float64())*mib, rng.Float64()*4*mib
	return series(rounds, func(int) float64 {
		level += step * (0.8 + 0.4*rng.Float64())
		if level > 4*mib {
			level = rng.Float64() * mib / 4
		}
		return level
	})
}

// stepped is a pool of 5 to 12 MiB that fills at once in the first half.
func stepped(rng *rand.Rand, rounds int) []float64 {
	at, height := 1+rng.IntN(rounds/2), (5+7*rng.Float64())*mib
	return series(rounds, func(round int) float64 {
		level := mib + rng.NormFloat64()*mib/8
		if round >= at {
			level += height
		}
		return level
	})
}

func leaking(downloads, spread float64) func(*rand.Rand, int) []float64 {
	return func(rng *rand.Rand, rounds int) []float64 {
		return series(rounds, func(round int) float64 {
			return mib + float64(round)*downloads*1000 + rng.NormFloat64()*spread
		})
	}
}

// filling is a pool of 8 to 12 MiB that fills exponentially from the first round on.
func filling(tau float64) func(*rand.Rand, int) []float64 {
	return func(rng *rand.Rand, rounds int) []float64 {
		size := (8 + 4*rng.Float64()) * mib
		return series(rounds, func(round int) float64 {
			return size*(1-math.Exp(-float64(round+1)/tau)) + rng.NormFloat64()*mib/8
		})
	}
}

// stairs is how a straight leak shows where an arena grows by a height every so
// many rounds, seen from anywhere on a tread.
func stairs(height, every float64) func(*rand.Rand, int) []float64 {
	return func(rng *rand.Rand, rounds int) []float64 {
		begin := rng.Float64()
		return series(rounds, func(round int) float64 {
			return height*math.Floor(begin+float64(round)/every) + rng.NormFloat64()*mib/16
		})
	}
}

func both(a, b func(*rand.Rand, int) []float64) func(*rand.Rand, int) []float64 {
	return func(rng *rand.Rand, rounds int) []float64 {
		one, two := a(rng, rounds), b(rng, rounds)
		return series(rounds, func(round int) float64 { return one[round] + two[round] })
	}
}
