package stats

// This file looks for the one step in a series. It exists because a pool that
// fills once raises every reading after it, and a straight line through that
// looks like a leak that it is not.

import "math"

// step is where a series jumps from one level to another.
type step struct {
	at     int     // index of the first reading after it; 0 is none
	height float64 // of the medians after over those before
	misfit float64 // mean distance of the readings from their side's median
}

// largestStep finds the split whose two medians describe the series best.
func largestStep(y []float64) step {
	best := step{misfit: math.Inf(1)}
	for at := 1; at < len(y); at++ {
		before, after := Median(y[:at]), Median(y[at:])
		misfit := (distance(y[:at], before) + distance(y[at:], after)) / float64(len(y))
		if misfit < best.misfit {
			best = step{at, after - before, misfit}
		}
	}
	return best
}

// lineMisfit is the mean distance of the readings from the line.
func lineMisfit(x, y []float64, slope float64) float64 {
	flat := detrended(x, y, slope)
	return distance(flat, Median(flat)) / float64(len(y))
}

func detrended(x, y []float64, slope float64) []float64 {
	rest := make([]float64, len(y))
	for i := range y {
		rest[i] = y[i] - slope*x[i]
	}
	return rest
}

func distance(y []float64, level float64) float64 {
	var sum float64
	for _, value := range y {
		sum += math.Abs(value - level)
	}
	return sum
}
