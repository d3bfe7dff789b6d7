package health

import (
	"sync"
	"time"

	"fullbore/app/sliding"
)

// recentStep makes the window a minute long.
const recentStep = 10 * time.Second

// Recent counts the failures of the last minute and keeps the last error. The zero value
// is ready to use. It is safe for concurrent use.
type Recent struct {
	mu     sync.Mutex
	counts sliding.Window
	err    error
}

// Failed counts a failure.
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

// sum is the number of failures and the last error.
func (r *Recent) sum(now time.Time) (n int64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, count := range r.counts.All(now, recentStep) {
		n += count
	}
	return n, r.err
}
