// Package stats turns a series of memory readings into a verdict. Everything in
// it is a pure function of numbers, so that every rule can be tested on a series
// whose answer is known.
package stats

// This file is the robust straight line: the Theil-Sen slope and Sen's interval.
// It exists because resident-set readings have outliers and steps (garbage
// collections, a pool that fills) that pull a least-squares line off course; a
// median of pairwise slopes holds until 29 % of the readings are wrong.

import (
	"math"
	"slices"
)

// Slope is change of y per unit of x, with a 95 % confidence interval. A series
// too short for an interval has an infinite one.
type Slope struct {
	PerUnit, Lower, Upper float64
}

// TheilSen is the median of the slopes between every pair of points (Sen,
// "Estimates of the regression coefficient based on Kendall's tau", JASA 63,
// 1968). The interval takes the ranks that the Mann-Kendall variance leaves in
// the middle (Gilbert, "Statistical Methods for Environmental Pollution
// Monitoring", 1987, section 16.5), rounded outwards. It assumes independent
// readings; x must be strictly increasing. Fewer than two points give NaN.
func TheilSen(x, y []float64) Slope { return theilSen(x, y, mannKendallVariance(y)) }

// theilSen takes the variance of the Mann-Kendall S that the interval rests on.
func theilSen(x, y []float64, variance float64) Slope {
	slopes := make([]float64, 0, len(x)*max(0, len(x)-1)/2)
	for i := range x {
		for j := i + 1; j < len(x); j++ {
			slopes = append(slopes, (y[j]-y[i])/(x[j]-x[i]))
		}
	}
	slices.Sort(slopes)
	width := normalQuantile975 * math.Sqrt(variance)
	pairs := float64(len(slopes))
	return Slope{
		PerUnit: medianSorted(slopes),
		Lower:   ranked(slopes, int(math.Floor((pairs-width)/2))),
		Upper:   ranked(slopes, int(math.Ceil((pairs+width)/2))+1),
	}
}

// mannKendallVariance is Var(S) with the correction for tied readings.
func mannKendallVariance(y []float64) float64 {
	term := func(n float64) float64 { return n * (n - 1) * (2*n + 5) }
	counts := make(map[float64]float64, len(y))
	for _, reading := range y {
		counts[reading]++
	}
	sum := term(float64(len(y)))
	for _, ties := range counts {
		sum -= term(ties)
	}
	return sum / 18
}

// ranked is the value at a 1-based rank, infinite beyond either end.
func ranked(sorted []float64, rank int) float64 {
	switch {
	case rank < 1:
		return math.Inf(-1)
	case rank > len(sorted):
		return math.Inf(1)
	}
	return sorted[rank-1]
}

// Median is the middle value, or the mean of the two middle ones. It does not
// change its argument. No values give NaN.
func Median(values []float64) float64 {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return medianSorted(sorted)
}

func medianSorted(sorted []float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// Deviation is the median distance from the median, a spread that one wild value
// does not move: about two thirds of a standard deviation of normal noise.
func Deviation(values []float64) float64 {
	middle := Median(values)
	distances := make([]float64, len(values))
	for i, value := range values {
		distances[i] = math.Abs(value - middle)
	}
	return Median(distances)
}
