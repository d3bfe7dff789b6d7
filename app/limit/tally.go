package limit

import (
	"sync/atomic"
	"time"

	"fullbore/logger"
)

// Tally counts what was refused, by rule. The zero value is ready to use. It is safe for
// concurrent use.
type Tally struct{ of [len(rules)]refusals }

type refusals struct {
	n    atomic.Int64
	last atomic.Int64 // Unix nanoseconds
}

// Observe counts a request that is over, if a rule has refused it.
func (t *Tally) Observe(result *logger.Result) {
	if result.Rule != "" {
		t.Count(result.Rule)
	}
}

// Count counts a refusal that is no request's, such as that of a connection. A name that
// is no rule's counts nothing.
func (t *Tally) Count(rule string) {
	if i := ruleOf(rule); i >= 0 {
		t.of[i].n.Add(1)
		t.of[i].last.Store(time.Now().UnixNano())
	}
}

// Refused is what a rule has refused, and how near it is to refusing more. Its JSON is
// part of the admin listener's, and stable.
type Refused struct {
	Rule   string     `json:"rule"`
	N      int64      `json:"refused"`          // since the start
	Last   *time.Time `json:"last,omitempty"`   // nil: never
	Now    int        `json:"now"`              // how many there are
	Most   int        `json:"most"`             // how many there may be; 0: it is off, or does not count
	Client string     `json:"client,omitempty"` // who has that many, if each may
}

// Refused is what each rule has refused.
func (t *Tally) Refused() []Refused {
	all := make([]Refused, len(rules))
	for i := range rules {
		all[i] = Refused{Rule: rules[i].name, N: t.of[i].n.Load()}
		if last := t.of[i].last.Load(); last != 0 {
			at := time.Unix(0, last)
			all[i].Last = &at
		}
	}
	return all
}
