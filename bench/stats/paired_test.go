package stats

// This file holds the paired test to values from SciPy 1.10.1:
// scipy.stats.wilcoxon(after, before, mode="exact").

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestSignedRankAgreesWithSciPy(t *testing.T) {
	for _, c := range []struct {
		differences []float64
		want        float64
	}{
		{[]float64{1, 2, 3, 4, 5, 6}, 0.03125},
		{[]float64{6, 8, 14, 16, 23, 24, 28, 29, 41, -48, 49, 56, 60, -67, 75}, 0.041259765625},
		{[]float64{-1, 2, -3, 4, -5}, 0.8125},
		{[]float64{0, 0}, 1},
		{[]float64{-1, -1, 2, 3}, 0.625}, // ties, which SciPy has no exact test for: 5 of 16 choices, twice
	} {
		after := c.differences
		if got := SignedRank(make([]float64, len(after)), after); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%v: p %v, want %v", c.differences, got, c.want)
		}
	}
}

func TestSignedRankErrsAsOftenAsItSays(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	found := 0
	const runs = 4000
	for range runs {
		before, after := make([]float64, 10), make([]float64, 10)
		for i := range before {
			before[i], after[i] = rng.NormFloat64(), rng.NormFloat64()
		}
		if SignedRank(before, after) < 0.05 {
			found++
		}
	}
	if share := float64(found) / runs; share > 0.06 || share < 0.03 {
		t.Errorf("%.3f of equal pairs are found to differ, want just under 0.05", share)
	}
}

func TestHolm(t *testing.T) {
	got := Holm([]float64{0.01, 0.04, 0.03, 0.005})
	for i, want := range []float64{0.03, 0.06, 0.06, 0.02} {
		if math.Abs(got[i]-want) > 1e-12 {
			t.Errorf("adjusted %v, want 0.03 0.06 0.06 0.02", got)
		}
	}
}
