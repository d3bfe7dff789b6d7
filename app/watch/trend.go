package watch

import "slices"

// point is one stretch: what had been served at its end, in bytes, and its
// lowest reading.
type point struct {
	Served int64   `json:"bytes_served"`
	Lowest float64 `json:"lowest"`
}

// tau is Kendall's: pairs that rise less pairs that fall over all pairs, -1 to
// 1.
func tau(points []point) float64 {
	s, pairs := 0, 0
	for i := range points {
		for j := i + 1; j < len(points); j++ {
			pairs++
			switch {
			case points[j].Lowest > points[i].Lowest:
				s++
			case points[j].Lowest < points[i].Lowest:
				s--
			}
		}
	}
	if pairs == 0 {
		return 0
	}
	return float64(s) / float64(pairs)
}

// theilSen is the median slope of all pairs, per byte served. Points must be in
// the order of what was served, which must differ.
func theilSen(points []point) float64 {
	var slopes []float64
	for i := range points {
		for j := i + 1; j < len(points); j++ {
			slopes = append(slopes, (points[j].Lowest-points[i].Lowest)/float64(points[j].Served-points[i].Served))
		}
	}
	if len(slopes) == 0 {
		return 0
	}
	slices.Sort(slopes)
	return (slopes[(len(slopes)-1)/2] + slopes[len(slopes)/2]) / 2
}

// largestStep is the most that one point is above the one before it.
func largestStep(points []point) float64 {
	step := 0.0
	for i := 1; i < len(points); i++ {
		step = max(step, points[i].Lowest-points[i-1].Lowest)
	}
	return step
}
