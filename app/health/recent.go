package health

import (
	"sync"
	"time"
)

// recentStep, in seconds, is the resolution of Recent.
const recentStep = 10

// Recent counts failures of the last minute, and remembers the last error. The
// zero value has none. It is safe for concurrent use.
type Recent struct {
	mu     sync.Mutex
	counts [7]int64 // per step; one of them is not over
	newest int64    // the number of the latest step since 1970
	err    error
}

// Failed counts one.
func (r *Recent) Failed(err error) { r.add(time.Now(), 1, err) }

func (r *Recent) add(now time.Time, n int64, err error) {
	if n == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.move(now)
	r.counts[r.newest%int64(len(r.counts))] += n
	r.err = err
}

// sum is how often it failed, and why it did last.
func (r *Recent) sum(now time.Time) (n int64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.move(now)
	for _, count := range r.counts {
		n += count
	}
	return n, r.err
}

// move forgets what is too old.
func (r *Recent) move(now time.Time) {
	step := now.Unix() / recentStep
	for i := max(r.newest+1, step-int64(len(r.counts))+1); i <= step; i++ {
		r.counts[i%int64(len(r.counts))] = 0
	}
	r.newest = max(r.newest, step)
}
