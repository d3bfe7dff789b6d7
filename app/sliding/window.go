// Package sliding has a window over the latest time, which takes the same room
// however much happens in it.
package sliding

import "time"

// steps is how many a window has.
const steps = 7

// Window has a figure for each of its seven steps of time. The latest is not
// over, so that it reaches back six to seven of them. The zero value has only
// zeros. It is not safe for concurrent use.
type Window struct {
	figures [steps]int64
	newest  int64 // the number of the latest step since 1970
}

// At is the figure of the step that now is in, to be changed by the caller; 0 if
// it has just begun. step, in whole seconds, must be the same in all calls.
func (w *Window) At(now time.Time, step time.Duration) *int64 {
	w.move(now, step)
	return &w.figures[w.newest%steps]
}

// All are the figures up to now, in no order. They are valid until the next call.
func (w *Window) All(now time.Time, step time.Duration) []int64 {
	w.move(now, step)
	return w.figures[:]
}

// move forgets what is too old. A clock that is put back forgets nothing.
func (w *Window) move(now time.Time, step time.Duration) {
	n := now.Unix() / int64(step/time.Second)
	for i := max(w.newest+1, n-steps+1); i <= n; i++ {
		w.figures[i%steps] = 0
	}
	w.newest = max(w.newest, n)
}
