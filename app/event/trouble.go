package event

import (
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// troubleInterval is the least time between two events of one Trouble.
const troubleInterval = time.Minute

// Trouble is something that may keep failing. It is an event once a minute at most, with
// the number of failures in between. It is safe for concurrent use.
type Trouble struct {
	events zerolog.Logger
	event  string // for programs
	what   string // for people

	mu     sync.Mutex
	last   time.Time
	unsaid int
}

// Trouble returns a Trouble with a word for programs and one for people.
func (l *Log) Trouble(event, what string) *Trouble {
	return &Trouble{events: l.Logger, event: event, what: what}
}

// Report reports a failure.
func (t *Trouble) Report(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Since(t.last) < troubleInterval {
		t.unsaid++
		return
	}
	more := ""
	if t.unsaid > 0 {
		more = fmt.Sprintf(" (and %d times since %s)", t.unsaid, t.last.Format(time.TimeOnly))
	}
	t.events.Error().Str("event", t.event).Err(err).Int("unsaid", t.unsaid).Msgf("%s: %v%s", t.what, err, more)
	t.last, t.unsaid = time.Now(), 0
}

// Printf implements fasthttp.Logger, for what a server would write to standard error
// itself.
func (t *Trouble) Printf(format string, args ...any) { t.Report(fmt.Errorf(format, args...)) }
