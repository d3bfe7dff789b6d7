package stats

// This file asks the rule about series whose answer is known. Seeds are fixed:
// a verdict that changes here changed because the rule did.

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

const (
	mib        = 1 << 20
	gbPerRound = 28.0
)

// soaked makes a run of n rounds, two of them warm-up, with level(round, rng)
// bytes above an idle level of 4 MiB at each rest.
func soaked(seed uint64, n int, level func(round int, rng *rand.Rand) float64) Run {
	rng := rand.New(rand.NewPCG(seed, 1))
	run := Run{IdleAnon: 4 * mib, RestAnon: 4 * mib, Warmup: 2}
	memory := defaults().Memory("RssAnon")
	descriptors, threads := CountOf("open descriptors", AllowedDescriptors), CountOf("threads", AllowedThreads)
	for round := range n {
		run.RestAnon = run.IdleAnon + level(round, rng)
		run.PeakAnon = max(run.PeakAnon, run.RestAnon)
		gb := gbPerRound * float64(round+1)
		memory.GB, memory.Values = append(memory.GB, gb), append(memory.Values, run.RestAnon)
		descriptors.GB, descriptors.Values = append(descriptors.GB, gb), append(descriptors.Values, 8)
		threads.GB, threads.Values = append(threads.GB, gb), append(threads.Values, 6)
	}
	run.Series = []Series{memory, descriptors, threads}
	run.PeakRSS = run.PeakAnon + 8*mib
	return run
}

func defaults() Limits {
	return Limits{
		SlopePerGB: DefaultSlopePerGB, Noise: DefaultNoise, MaxGrowth: DefaultMaxGrowth,
		MaxPeak: DefaultMaxPeak, MinRounds: DefaultMinRounds, MinGB: DefaultMinGB,
	}
}

func TestVerdictOnMemoryOfKnownShape(t *testing.T) {
	flat := func(_ int, rng *rand.Rand) float64 { return mib + rng.NormFloat64()*mib/4 }
	sawtooth := func(round int, _ *rand.Rand) float64 { return float64(round%4) * mib }
	cases := []struct {
		name   string
		rounds int
		level  func(round int, rng *rand.Rand) float64
		want   Verdict
	}{
		{"flat with noise", 10, flat, Flat},
		{"long flat with noise", 60, flat, Flat},
		{"collector's sawtooth", 10, sawtooth, Flat},
		{"long sawtooth", 41, sawtooth, Flat},
		{"pool that fills once", 10, func(round int, rng *rand.Rand) float64 {
			if round < 5 {
				return rng.Float64() * mib / 4
			}
			return 6*mib + rng.Float64()*mib/4
		}, Undecided},
		{"pool that fills at once, early in a long run", 90, func(round int, rng *rand.Rand) float64 {
			if round < 3 {
				return rng.Float64() * mib / 4
			}
			return 6*mib + rng.Float64()*mib/4
		}, Flat},
		{"first stair of a leak", 20, func(round int, rng *rand.Rand) float64 {
			return 12*mib*float64((round+12)/20) + rng.Float64()*mib/4
		}, Undecided},
		{"one stair, near the end", 17, func(round int, rng *rand.Rand) float64 {
			return 12*mib*float64((round+5)/20) + rng.Float64()*mib/4
		}, Undecided},
		{"heap before its first collection", 30, func(round int, _ *rand.Rand) float64 { return float64(round) * mib / 8 }, Flat},
		{"memory given back", 10, func(round int, _ *rand.Rand) float64 { return float64(10-round) * mib }, Flat},
		{"slow leak under noise", 12, func(round int, rng *rand.Rand) float64 {
			return float64(round)*mib + rng.NormFloat64()*mib/4
		}, Leak},
		{"slow leak with too few readings to correct them", 10, func(round int, _ *rand.Rand) float64 { return float64(round) * mib }, Undecided},
		{"slower leak, longer run", 60, func(round int, rng *rand.Rand) float64 {
			return float64(round)*mib/5 + rng.NormFloat64()*mib/4
		}, Leak},
		{"whole file buffered once and kept", 10, func(round int, _ *rand.Rand) float64 {
			if round < 1 {
				return 0
			}
			return 2048 * mib
		}, Leak},
		{"pool that fills slowly and is full", 60, func(round int, rng *rand.Rand) float64 {
			return float64(min(round, 28))*mib/3 + rng.Float64()*mib/4
		}, Undecided},
		{"pool that has only just filled", 60, func(round int, rng *rand.Rand) float64 {
			return float64(min(round, 40))*mib/3 + rng.Float64()*mib/4
		}, Undecided},
		{"pool that fills at the very end", 20, func(round int, rng *rand.Rand) float64 {
			if round < 17 {
				return rng.Float64() * mib / 4
			}
			return 10*mib + rng.Float64()*mib/4
		}, Undecided},
		{"interrupted after two rounds", 2, flat, Undecided},
		{"interrupted before the first rest", 0, flat, Undecided},
		{"interrupted with the file already in memory", 1, func(int, *rand.Rand) float64 { return 2048 * mib }, Leak},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(20) {
				got := Judge(soaked(seed, c.rounds, c.level), defaults())
				if got.Verdict != c.want {
					t.Errorf("seed %d: %s, want %s: %+v", seed, got.Verdict, c.want, got.Finding("RssAnon"))
				}
			}
		})
	}
}

func TestVerdictNamesWhatElseLeaks(t *testing.T) {
	cases := []struct {
		name   string
		change func(*Run, *Limits)
		reason string
	}{
		{"descriptors", func(run *Run, _ *Limits) {
			for i := range run.Series[1].Values {
				run.Series[1].Values[i] += float64(5 * i)
			}
		}, "open descriptors"},
		{"threads", func(run *Run, _ *Limits) {
			for i := range run.Series[2].Values {
				run.Series[2].Values[i] += float64(5 * i)
			}
		}, "threads"},
		{"peak that was given back", func(run *Run, _ *Limits) { run.PeakAnon = 2048 * mib }, "peaked"},
		{"cap on RSS", func(run *Run, limits *Limits) { limits.MaxRSS = run.PeakRSS - 1 }, "--max-rss"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			run, limits := soaked(1, 10, func(int, *rand.Rand) float64 { return mib }), defaults()
			if got := Judge(run, limits); got.Verdict != Flat {
				t.Fatalf("before the change: %v, want flat", got)
			}
			c.change(&run, &limits)
			got := Judge(run, limits)
			if got.Verdict != Leak || len(got.Reasons) != 1 || !strings.Contains(got.Reasons[0], c.reason) {
				t.Errorf("%s %v, want one reason about %q", got.Verdict, got.Reasons, c.reason)
			}
		})
	}
}

func TestStraightLineOfCountsIsALeak(t *testing.T) {
	for _, rounds := range []int{8, 12, 20, 60} {
		run := soaked(1, rounds, func(int, *rand.Rand) float64 { return mib })
		rng := rand.New(rand.NewPCG(3, 4))
		for i := range run.Series[1].Values {
			run.Series[1].Values[i] += 2 * float64(i)
			run.Series[1].GB[i] += 5 * rng.Float64()
		}
		if got := Judge(run, defaults()); got.Verdict != Leak {
			t.Errorf("%d rounds with two descriptors more in each: %s, %+v", rounds, got.Verdict, got.Finding("open descriptors"))
		}
	}
}

func TestFewDescriptorsMoreAreNotALeak(t *testing.T) {
	run := soaked(1, 10, func(int, *rand.Rand) float64 { return mib })
	for i := range run.Series[1].Values {
		run.Series[1].Values[i] += float64(min(i, 3))
	}
	if got := Judge(run, defaults()); got.Verdict != Flat {
		t.Errorf("three descriptors more: %s %v, want flat", got.Verdict, got.Reasons)
	}
}

func TestSlopeIgnoresAnOutlier(t *testing.T) {
	// Eight readings on a line with one outlier: ordinary least squares gives
	// 3.2 per unit, the median of pairwise slopes stays with the other seven.
	x := []float64{1, 2, 3, 4, 5, 6, 7, 8}
	y := []float64{2, 4, 6, 8, 10, 12, 14, 30}
	got := TheilSen(x, y)
	if got.PerUnit != 2 || got.Lower != 2 || got.Upper <= 2 {
		t.Errorf("slope %+v, want 2 with lower bound 2 and an upper one above", got)
	}
}

func TestTheilSenIntervalIsInfiniteForFewPoints(t *testing.T) {
	got := TheilSen([]float64{1, 2, 3}, []float64{5, 6, 7})
	if !math.IsInf(got.Lower, -1) || !math.IsInf(got.Upper, 1) {
		t.Errorf("interval [%v, %v], want an infinite one", got.Lower, got.Upper)
	}
}

func TestMedian(t *testing.T) {
	values := []float64{9, 1, 5, 3}
	if got := Median(values); got != 4 {
		t.Errorf("median of an even number: %v, want 4", got)
	}
	if got := Median(values[:3]); got != 5 || values[0] != 9 {
		t.Errorf("median of an odd number: %v, want 5, argument untouched", got)
	}
	if !math.IsNaN(Median(nil)) {
		t.Error("median of nothing should be NaN")
	}
}

func TestRuleSaysWhatItDoes(t *testing.T) {
	rule := strings.Join(strings.Fields(defaults().Rule()), " ")
	for _, want := range []string{
		"takes 10 readings: with fewer, memory that rises is undecided", "median of the last third", "first third",
		"is tolerated, and flat, only if 19 times as much was served after it as before", "0.6 times as far",
	} {
		if !strings.Contains(rule, want) {
			t.Errorf("the rule does not say %q", want)
		}
	}
}
