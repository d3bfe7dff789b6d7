package health

import (
	"sync"
	"time"

	"fullbore/app/sliding"
)

// recentStep makes a minute of a window.
const recentStep = 10 * time.Second

// Recent counts failures of the last minute, and remembers the last error. The
// zero value has none. It is safe for concurrent use.
type Recent struct {
	mu     sync.Mutex
	counts sliding.Window
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
	*r.counts.At(now, recentStep) += n
	r.err = err
}

// sum is how often it failed, and why it did last.
func (r *Recent) sum(now time.Time) (n int64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, count := range r.counts.All(now, recentStep) {
		n += count
	}
	return n, r.err
}
