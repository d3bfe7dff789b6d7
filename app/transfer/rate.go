package transfer

// A look at a transfer's rate leaves a mark for the next one, but not more often than
// markEvery, so that frequent looks do not leave each other too short a time to measure.

import "time"

// markEvery is the least time between two marks.
const markEvery = 500 * time.Millisecond

// mark is how far a transfer was at some time.
type mark struct {
	at   time.Time
	sent int64
}

// rate is in bytes per second since the last mark but one: over half a second at least
// once there are two, over the whole time before. The registry is locked.
func (e *entry) rate(now time.Time, sent int64) float64 {
	if now.Sub(e.marks[1].at) >= markEvery {
		e.marks[0], e.marks[1] = e.marks[1], mark{now, sent}
	}
	since := now.Sub(e.marks[0].at)
	if since <= 0 {
		return 0
	}
	return float64(max(sent-e.marks[0].sent, 0)) / since.Seconds()
}
