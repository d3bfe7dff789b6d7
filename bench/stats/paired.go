package stats

// This file compares two things measured in turns. It exists because "3 % less"
// is worth nothing without the question how often chance does that.

import (
	"cmp"
	"math"
	"slices"
)

// SignedRank is the two-sided probability that paired values differ as much as
// these by chance: Wilcoxon's signed-rank test (1945), exact, with mean ranks for
// ties; pairs without a difference are left out (Pratt's objection does not
// matter for measured values). Fewer than six pairs cannot reach 5 %. No
// difference at all is 1.
func SignedRank(before, after []float64) float64 {
	var differences []float64
	for i := range before {
		if d := after[i] - before[i]; d != 0 {
			differences = append(differences, d)
		}
	}
	absolute := make([]float64, len(differences))
	for i, d := range differences {
		absolute[i] = math.Abs(d)
	}
	// Twice the rank is whole, ties or not.
	var sum, positive int
	doubled := make([]int, len(differences))
	for i, rank := range ranks(absolute) {
		doubled[i] = int(math.Round(2 * rank))
		sum += doubled[i]
		if differences[i] > 0 {
			positive += doubled[i]
		}
	}
	// ways[s] is the share of all choices of signs whose positive ranks sum to s.
	ways := make([]float64, sum+1)
	ways[0] = 1
	for _, rank := range doubled {
		for s := sum; s >= 0; s-- {
			ways[s] /= 2
			if s >= rank {
				ways[s] += ways[s-rank] / 2
			}
		}
	}
	tail := min(positive, sum-positive)
	var p float64
	for s := range tail + 1 {
		p += ways[s]
	}
	return min(1, 2*p)
}

// Holm makes several probabilities into ones that may be held against the same
// level together (Holm 1979).
func Holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	adjusted := make([]float64, len(p))
	var highest float64
	for i, at := range order {
		highest = max(highest, min(1, p[at]*float64(len(p)-i)))
		adjusted[at] = highest
	}
	return adjusted
}
