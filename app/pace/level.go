package pace

import (
	"math"
	"slices"
)

// A piece that goes in turns is what comes together in some periods, so that a flow sends
// about eight times a second; but no more than mostPiece, which is worth a call by itself,
// and no less than leastPiece, since packets have headers, too. In bytes.
const (
	turnPeriods = 5
	mostPiece   = 8 << 10
	leastPiece  = 512
)

// narrow lowers what each of some may have so that all of it fits into a pool, max-min
// fair: nobody has more than a level, and who wants less has that. Where the level is too
// little to be sent, those who want more take turns: the first in the order have a piece
// each, and the others nothing. Whoever calls it again puts those first that had none.
//
// owed is by how much each is behind the level because of turns, or ahead; nil: it is not
// kept.
func narrow(wants, owed []float64, pool float64) {
	sum := 0.0
	for _, want := range wants {
		sum += want
	}
	if sum <= pool {
		clear(owed)
		return
	}
	level := levelOf(wants, pool)
	if piece := min(max(turnPeriods*level, leastPiece), mostPiece, pool); level < piece {
		takeTurns(wants, owed, pool, level, piece)
		return
	}
	for i, want := range wants {
		wants[i] = min(want, level)
	}
	clear(owed)
}

// takeTurns gives as many pieces as there are in the pool, which are a little larger so that
// nothing is left: a part of a piece would be somebody's turn, too. Only if somebody wants
// less than a piece may the last one get what is left.
func takeTurns(wants, owed []float64, pool, level, piece float64) {
	pool -= serveModest(wants, owed, level)
	piece = pool / max(math.Floor(pool/piece), 1)
	for i, want := range wants {
		if want <= level || owed != nil && owed[i] < 0 {
			continue
		}
		got := turn(want, piece, pool)
		pool -= got
		if owed == nil {
			wants[i] = got
			continue
		}
		owed[i] = min(owed[i]-got, piece)
		wants[i] = -got // has had it
	}
	if owed != nil {
		serveAhead(wants, owed, pool, level, piece)
	}
}

// serveModest gives those who want no more than the level what they want, but for those
// who are ahead because of turns, who wait for the others. It returns the sum.
func serveModest(wants, owed []float64, level float64) (sum float64) {
	for i, want := range wants {
		if owed != nil && want > 0 {
			owed[i] += level
			if want <= level {
				wants[i] = max(min(want, owed[i]), 0)
				owed[i] = min(owed[i]-wants[i], 0)
			}
		}
		if want <= level {
			sum += wants[i]
		}
	}
	return sum
}

// serveAhead gives what is left after all who are owed something have had it, marked by
// less than 0, to those who are ahead: nobody else is there to take it.
func serveAhead(wants, owed []float64, pool, level, piece float64) {
	for i, want := range wants {
		switch {
		case want < 0:
			wants[i] = -want
		case want > level:
			wants[i] = 0
			if pool >= piece {
				wants[i] = turn(want, piece, pool)
				pool -= wants[i]
				owed[i] = max(owed[i]-wants[i], -2*piece)
			}
		}
	}
}

// turn is what somebody gets whose turn it is.
func turn(want, piece, pool float64) float64 {
	got := min(want, piece, pool)
	if got < min(piece, want, leastPiece)*(1-1e-9) {
		return 0
	}
	return got
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
