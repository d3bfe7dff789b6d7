package pace

import (
	"math"
	"slices"
)

// A piece that goes in turns is what comes together in turnPeriods, so that a flow sends
// about four times a second, but no more than mostPiece, which is worth a call by itself.
const (
	turnPeriods = 5
	mostPiece   = 8 << 10
)

// narrow lowers what each of some may have so that all of it fits into a pool, max-min
// fair: nobody has more than a level, and who wants less has that. Where the level is too
// little to be sent, those who want more take turns: the first in the order have a piece
// each, and the others nothing. Whoever calls it again puts those first that had none.
func narrow(wants []float64, pool float64) {
	sum := 0.0
	for _, want := range wants {
		sum += want
	}
	if sum <= pool {
		return
	}
	level := levelOf(wants, pool)
	if piece := min(max(turnPeriods*level, leastPiece), mostPiece, pool); level < piece {
		takeTurns(wants, pool, level, piece)
		return
	}
	for i, want := range wants {
		wants[i] = min(want, level)
	}
}

// takeTurns gives as many pieces as there are in the pool, which are a little larger so that
// nothing is left: a part of a piece would be somebody's turn, too. Only if somebody wants
// less than a piece may the last one get what is left.
func takeTurns(wants []float64, pool, level, piece float64) {
	for _, want := range wants {
		if want <= level {
			pool -= want
		}
	}
	piece = pool / max(math.Floor(pool/piece), 1)
	for i, want := range wants {
		if want <= level {
			continue
		}
		if wants[i] = min(want, piece, pool); wants[i] < min(piece, want, leastPiece)*(1-1e-9) {
			wants[i] = 0
		}
		pool -= wants[i]
	}
}

// levelOf is the most that anybody may have of a pool that is smaller than what is
// wanted.
func levelOf(wants []float64, pool float64) float64 {
	const looks = 8 // nearly always enough; else they are put in order
	if level, ok := findLevel(wants, pool, looks); ok {
		return level
	}
	sorted := slices.Sorted(slices.Values(wants))
	for i, want := range sorted {
		if level := pool / float64(len(sorted)-i); want >= level {
			return level
		}
		pool -= want
	}
	return sorted[len(sorted)-1] // the sums differ in their last digits
}

// findLevel rises from the level that would be right if all wanted more.
func findLevel(wants []float64, pool float64, looks int) (level float64, ok bool) {
	below := -1
	for range looks {
		sum, n := 0.0, 0
		for _, want := range wants {
			if want < level || want == 0 {
				sum += want
				n++
			}
		}
		if n == below || n == len(wants) {
			return level, true
		}
		below, level = n, (pool-sum)/float64(len(wants)-n)
	}
	return level, false
}
