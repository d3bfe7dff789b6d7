package stats

// This file answers "is there a trend at all?" by ranks, with a correction for
// readings that remember each other. It exists beside the slope because memory
// is not independent from one rest to the next: a heap that was high is high a
// while longer, and a test that does not know that finds trends in noise.

import (
	"cmp"
	"math"
	"slices"
)

// MannKendall is the result of a test for a monotonic trend. Z is standard normal
// when there is none; it is positive for a rising series.
type MannKendall struct {
	S        float64 // pairs that rise less pairs that fall
	Variance float64 // of S when there is no trend
	Z        float64 // S, less one towards zero, over its standard deviation; 0 for a constant series
	Tau      float64 // S over the number of pairs, -1 to 1
}

// P is the two-sided probability of so strong a trend by chance.
func (m MannKendall) P() float64 { return math.Erfc(math.Abs(m.Z) / math.Sqrt2) }

// PRising is the one-sided probability of so strong a rise by chance.
func (m MannKendall) PRising() float64 { return math.Erfc(m.Z/math.Sqrt2) / 2 }

// Trend is the test of Mann (1945) and Kendall (1975), with Kendall's variance
// for ties. It assumes independent readings. Fewer than two have no trend.
func Trend(y []float64) MannKendall {
	return newMannKendall(concordance(y), mannKendallVariance(y), len(y))
}

// Inflation is by how much autocorrelation inflates the variance of S, at least
// 1: a correction that makes a verdict more certain than independent readings
// would is not believed.
//
// Hamed and Rao was chosen from the published corrections because it keeps every
// reading and its size: prewhitening removes part of a real trend together with
// the autocorrelation that the trend itself makes, and block resampling needs
// more rests than a soak of minutes has. Fewer than ten readings are too few to
// tell autocorrelation from chance and are taken as they are.
func Inflation(y []float64) float64 {
	if len(y) < fewestCorrected {
		return 1
	}
	return max(1, hamedRao(y, indexSlope(y), len(y)-1))
}

// concordance is Kendall's S.
func concordance(y []float64) float64 {
	s := 0
	for i := range y {
		for j := i + 1; j < len(y); j++ {
			switch {
			case y[j] > y[i]:
				s++
			case y[j] < y[i]:
				s--
			}
		}
	}
	return float64(s)
}

func newMannKendall(s, variance float64, n int) MannKendall {
	m := MannKendall{S: s, Variance: variance}
	if n > 1 {
		m.Tau = s / (float64(n) * float64(n-1) / 2)
	}
	if s != 0 && variance > 0 {
		m.Z = (s - math.Copysign(1, s)) / math.Sqrt(variance)
	}
	return m
}

// hamedRao is n/n*: the factor for the variance of S from the autocorrelations
// of the ranks of the detrended series, of those lags up to the given one that
// differ from zero at the 5 % level (Hamed and Rao, "A modified Mann-Kendall
// trend test for autocorrelated data", Journal of Hydrology 204, 1998, equation
// 18). A series without variation has 1.
func hamedRao(y []float64, slope float64, lags int) float64 {
	n := float64(len(y))
	detrended := make([]float64, len(y))
	var largest float64
	for i := range y {
		detrended[i] = y[i] - slope*float64(i+1)
		largest = max(largest, math.Abs(y[i]))
	}
	// What is left of a straight line is rounding errors, which have ranks too.
	for i := range detrended {
		if grain := largest * 1e-12; grain > 0 {
			detrended[i] = math.Round(detrended[i]/grain) * grain
		}
	}
	correlations := autocorrelations(ranks(detrended), min(lags, len(y)-1))
	significant := normalQuantile975 / math.Sqrt(n)
	var sum float64
	for i, correlation := range correlations {
		if math.Abs(correlation) > significant {
			lag := float64(i + 1)
			sum += (n - lag) * (n - lag - 1) * (n - lag - 2) * correlation
		}
	}
	if sum == 0 {
		return 1
	}
	return 1 + 2/(n*(n-1)*(n-2))*sum
}

const normalQuantile975 = 1.959963984540054

// indexSlope is the Theil-Sen slope per reading.
func indexSlope(y []float64) float64 {
	slopes := make([]float64, 0, len(y)*(len(y)-1)/2)
	for i := range y {
		for j := i + 1; j < len(y); j++ {
			slopes = append(slopes, (y[j]-y[i])/float64(j-i))
		}
	}
	if len(slopes) == 0 {
		return 0
	}
	return Median(slopes)
}

// ranks are 1 for the smallest; ties share their mean rank.
func ranks(y []float64) []float64 {
	order := make([]int, len(y))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(y[a], y[b]) })
	ranked := make([]float64, len(y))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && y[order[j]] == y[order[i]] {
			j++
		}
		for _, at := range order[i:j] {
			ranked[at] = float64(i+1+j) / 2
		}
		i = j
	}
	return ranked
}

// autocorrelations are those of lag 1 and up. A constant series has none.
func autocorrelations(y []float64, lags int) []float64 {
	var mean, variance float64
	for _, value := range y {
		mean += value / float64(len(y))
	}
	for _, value := range y {
		variance += (value - mean) * (value - mean)
	}
	if variance == 0 {
		return nil
	}
	correlations := make([]float64, 0, max(0, lags))
	for lag := 1; lag <= lags; lag++ {
		var covariance float64
		for i := lag; i < len(y); i++ {
			covariance += (y[i] - mean) * (y[i-lag] - mean)
		}
		correlations = append(correlations, covariance/variance)
	}
	return correlations
}
