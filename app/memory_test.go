package app

import "testing"

func TestBurstIsOverWhenItWasOverTwice(t *testing.T) {
	type look struct {
		open, peak int
		over       bool
	}
	for name, looks := range map[string][]look{
		"a burst":                         {{4000, 4000, false}, {0, 4000, false}, {0, 0, true}, {0, 0, false}},
		"one between two looks":           {{0, 4000, false}, {0, 0, true}},
		"one that comes back":             {{0, 4000, false}, {3000, 3000, false}, {0, 3000, false}, {0, 0, true}},
		"few connections":                 {{0, 63, false}, {0, 0, false}, {0, 0, false}},
		"a slow end":                      {{4000, 4000, false}, {2500, 4000, false}, {1500, 2500, false}, {1000, 1500, true}},
		"after which the rest is no more": {{1000, 4000, false}, {1000, 1000, true}, {960, 1000, false}, {960, 960, false}},
	} {
		var b burstEnd
		for i, l := range looks {
			if got := b.over(l.open, l.peak); got != l.over {
				t.Errorf("%s: look %d (%d open, peak %d) gave %v", name, i, l.open, l.peak, got)
			}
		}
	}
}
