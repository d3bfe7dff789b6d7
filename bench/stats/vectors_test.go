package stats

// This file compares the estimators with those of others: pyMannKendall's and
// SciPy's answers to the same series, made once and kept in testdata.

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"
)

type vectors struct {
	Cases []struct {
		Name   string
		Series []float64
		Calls  []struct {
			Call                string
			P, Z, Tau, S, Slope *float64
			Variance            *float64 `json:"var_s"`
		}
		TheilSlopes struct{ Slope, Lower, Upper *float64 }
	}
}

func readVectors(t *testing.T) vectors {
	t.Helper()
	text, err := os.ReadFile("testdata/pymannkendall.json")
	if err != nil {
		t.Fatal(err)
	}
	var read vectors
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	return read
}

func TestMannKendallAgreesWithPyMannKendall(t *testing.T) {
	compared := 0
	for _, c := range readVectors(t).Cases {
		for _, call := range c.Calls {
			factor := 1.0
			switch call.Call {
			case "original_test(x)":
			case "hamed_rao_modification_test(x)":
				factor = hamedRao(c.Series, indexSlope(c.Series), len(c.Series)-1)
			case "hamed_rao_modification_test(x, lag=3)":
				factor = hamedRao(c.Series, indexSlope(c.Series), 3)
			default:
				t.Fatalf("no counterpart of %s", call.Call)
			}
			got := newMannKendall(Trend(c.Series).S, mannKendallVariance(c.Series)*factor, len(c.Series))
			for _, pair := range []struct {
				name string
				got  float64
				want *float64
			}{
				{"S", got.S, call.S},
				{"variance", got.Variance, call.Variance},
				{"z", got.Z, call.Z},
				{"p", got.P(), call.P},
				{"tau", got.Tau, call.Tau},
				{"slope", indexSlope(c.Series), call.Slope},
			} {
				if pair.want == nil { // NaN there: a constant series has no correlation
					continue
				}
				compared++
				if !near(pair.got, *pair.want) {
					t.Errorf("%s of %s: %s %v, want %v", call.Call, c.Name, pair.name, pair.got, *pair.want)
				}
			}
		}
	}
	if compared < 150 {
		t.Errorf("only %d values compared", compared)
	}
}

// The values that pyMannKendall's own tests assert, taken from R's modifiedmk.
// There the series has seven gaps, which count for the slope and not for the rest.
func TestHamedRaoAgreesWithThePublishedTest(t *testing.T) {
	y := readVectors(t).Cases[0].Series
	const slopeWithGaps = -0.006369426751592357
	for _, c := range []struct {
		lags        int
		z, variance float64
	}{
		{len(y) - 1, -3.8419950613710894, 259723.81316716125},
		{3, -0.5190709455046154, 14228919.889368296},
	} {
		got := newMannKendall(Trend(y).S, mannKendallVariance(y)*hamedRao(y, slopeWithGaps, c.lags), len(y))
		if !near(got.Z, c.z) || !near(got.Variance, c.variance) {
			t.Errorf("%d lags: z %v, variance %v, want %v and %v", c.lags, got.Z, got.Variance, c.z, c.variance)
		}
	}
	if p := Trend(y).P(); !near(p, 0.37591058740506833) {
		t.Errorf("original test: p %v, want 0.3759...", p)
	}
}

// SciPy rounds the ranks of the interval to the nearest, we round outwards: ours
// holds SciPy's and is at most one rank wider.
func TestIntervalHoldsSciPys(t *testing.T) {
	for _, c := range readVectors(t).Cases {
		x := make([]float64, len(c.Series))
		var slopes []float64
		for i := range x {
			x[i] = float64(i)
			for j := range i {
				slopes = append(slopes, (c.Series[i]-c.Series[j])/float64(i-j))
			}
		}
		slices.Sort(slopes)
		got, want := TheilSen(x, c.Series), c.TheilSlopes
		if !near(got.PerUnit, *want.Slope) {
			t.Errorf("%s: slope %v, want %v", c.Name, got.PerUnit, *want.Slope)
		}
		lower, _ := slices.BinarySearch(slopes, *want.Lower)
		upper, _ := slices.BinarySearchFunc(slopes, *want.Upper, func(slope, target float64) int {
			if slope <= target {
				return -1
			}
			return 1
		})
		if got.Lower > *want.Lower || got.Upper < *want.Upper || got.Lower < ranked(slopes, lower-1) || got.Upper > ranked(slopes, upper+2) {
			t.Errorf("%s: interval [%v, %v], SciPy's is [%v, %v]", c.Name, got.Lower, got.Upper, *want.Lower, *want.Upper)
		}
	}
}

func TestCorrectionNeverMakesMoreCertain(t *testing.T) {
	y := readVectors(t).Cases[0].Series // its correlations are negative on the whole
	if factor := hamedRao(y, indexSlope(y), len(y)-1); factor >= 1 {
		t.Fatalf("factor %v, want one below 1 for this test to mean something", factor)
	}
	x := make([]float64, len(y))
	for i := range x {
		x[i] = float64(i)
	}
	if _, got, factor := fit(x, y); got.Variance != Trend(y).Variance || factor != 1 {
		t.Errorf("variance %v, factor %v, want %v and 1", got.Variance, factor, Trend(y).Variance)
	}
}

func near(got, want float64) bool {
	return math.Abs(got-want) <= 1e-9*max(1, math.Abs(want))
}
