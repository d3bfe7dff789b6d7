package pace

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// drawWants draws what some want, in bytes; a few want all that they can get.
func drawWants(t *rapid.T) []float64 {
	return rapid.SliceOfN(rapid.OneOf(
		rapid.Float64Range(0, 1000), rapid.Float64Range(0, 1e9), rapid.Just(0.0), rapid.Just(math.Inf(1)),
	), 1, 200).Draw(t, "wants")
}

func sum(of []float64) (total float64) {
	for _, n := range of {
		total += n
	}
	return total
}

// What is given fits into the pool, nobody has more than was wanted, and if somebody has
// less, what is left of the pool is less than a piece.
func TestNarrowNeitherOverdrawsNorWastes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wants, pool := drawWants(t), rapid.Float64Range(0, 1e9).Draw(t, "pool")
		got := slices.Clone(wants)
		narrow(got, nil, pool)
		for i := range got {
			if got[i] > wants[i] || got[i] < 0 {
				t.Errorf("wants %v, gets %v", wants[i], got[i])
			}
		}
		if given := min(sum(wants), pool); sum(got) > given*(1+1e-9) || sum(got) < given*(1-1e-9)-mostPiece {
			t.Errorf("gives %v of a pool of %v to those who want %v", sum(got), pool, sum(wants))
		}
	})
}

// Where all have something each time, who has less than was wanted has as much as anybody.
func TestNarrowIsMaxMinFair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wants := drawWants(t)
		pool := float64(len(wants)) * rapid.Float64Range(mostPiece, 1e6).Draw(t, "each")
		got := slices.Clone(wants)
		narrow(got, nil, pool)
		for i := range got {
			if got[i] < wants[i] && got[i] < slices.Max(got)*(1-1e-9) {
				t.Errorf("one that wants %v gets %v, another one %v", wants[i], got[i], slices.Max(got))
			}
		}
	})
}

// The level that is found by a few looks is that of the sorted list.
func TestLevelIsFoundEitherWay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wants := drawWants(t)
		total := sum(wants)
		if total == 0 {
			return
		}
		pool := rapid.Float64Range(0, 0.99).Draw(t, "part") * min(total, 1e12)
		slow, ok := findLevel(wants, pool, len(wants)+2)
		if !ok {
			t.Fatalf("no level for %v in %v", pool, wants)
		}
		if level := levelOf(wants, pool); math.Abs(level-slow) > 1e-6*slow+1e-6 {
			t.Errorf("level %v, by looks alone %v", level, slow)
		}
	})
}

// Many who want more than there is of a small pool take turns, in pieces worth a packet.
func TestTurnsAreFair(t *testing.T) {
	const n, pool, times = 100, 5000.0, 3000
	got, order := make([]float64, n), make([]int, n)
	for i := range order {
		order[i] = i
	}
	for range times {
		wants := make([]float64, n)
		for i := range wants {
			wants[i] = math.Inf(1)
		}
		narrow(wants, nil, pool)
		var behind, before []int
		for i, who := range order {
			if wants[i] == 0 {
				before = append(before, who)
				continue
			}
			if wants[i] < leastPiece {
				t.Fatalf("a piece of %v bytes", wants[i])
			}
			got[who] += wants[i]
			behind = append(behind, who)
		}
		order = append(before, behind...)
	}
	if least, most := slices.Min(got), slices.Max(got); most-least > 2*mostPiece || sum(got) < times*pool*0.999 {
		t.Errorf("the least has %v, the most %v, all %v of %v", least, most, sum(got), times*pool)
	}
}
