package app

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// reportInterval is how often one kind of trouble is said at most.
const reportInterval = time.Minute

// reporter says that something keeps failing without saying it each time. It
// is safe for concurrent use.
type reporter struct {
	w    io.Writer
	what string

	mu     sync.Mutex
	last   time.Time
	unsaid int
}

func newReporter(w io.Writer, what string) *reporter { return &reporter{w: w, what: what} }

func (r *reporter) report(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.last) < reportInterval {
		r.unsaid++
		return
	}
	more := ""
	if r.unsaid > 0 {
		more = fmt.Sprintf(" (and %d times since %s)", r.unsaid, r.last.Format(time.TimeOnly))
	}
	r.last, r.unsaid = time.Now(), 0
	// Where notices go is all there is to tell of trouble.
	_, _ = fmt.Fprintf(r.w, "%s: %v%s\n", r.what, err, more)
}
