package app

import (
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// reportInterval is how often one kind of trouble is said at most.
const reportInterval = time.Minute

// reporter says that something keeps failing without saying it each time. It
// is safe for concurrent use.
type reporter struct {
	events zerolog.Logger
	event  string      // the word for it
	what   string      // likewise, for people
	also   func(error) // is told each time; may be nil

	mu     sync.Mutex
	last   time.Time
	unsaid int
}

func newReporter(events zerolog.Logger, event, what string) *reporter {
	return &reporter{events: events, event: event, what: what}
}

// and makes another one be told each time, from now on.
func (r *reporter) and(also func(error)) *reporter {
	r.also = also
	return r
}

func (r *reporter) report(err error) {
	if r.also != nil {
		r.also(err)
	}
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
	r.events.Error().Str("event", r.event).Err(err).Int("unsaid", r.unsaid).Msgf("%s: %v%s", r.what, err, more)
	r.last, r.unsaid = time.Now(), 0
}
