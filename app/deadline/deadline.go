// Package deadline is how long a client may take: for a head, between two requests,
// without any progress, and at less than a minimum rate. It has the arithmetic; the
// loops of app/engine, app/wire and app/head apply it to their connections.
package deadline

import (
	"os"
	"sync/atomic"
	"time"
)

// Limits are what a client is allowed. None of them limits a whole transfer.
type Limits struct {
	Head time.Duration // for a request's head, from its first byte on; for the first one, from the connection's beginning
	Rest time.Duration // for the next request to begin
	Idle time.Duration // without progress of what is sent, and of a request's body

	Upload   int64         // bytes per second that a request's body has to come at; 0: any
	Download int64         // bytes per second that a client has to take of a response; 0: any
	Grace    time.Duration // how long a client may be slower than these
}

// The defaults of Limits.
const (
	HeadDefault   = 10 * time.Second
	RestDefault   = 75 * time.Second
	IdleDefault   = time.Minute
	UploadDefault = 500
	GraceDefault  = 20 * time.Second
)

// Default is what a server allows that is told nothing.
func Default() Limits {
	return Limits{Head: HeadDefault, Rest: RestDefault, Idle: IdleDefault, Upload: UploadDefault, Grace: GraceDefault}
}

// LooksPerLimit is how often within the time that a limit leaves it is looked whether the
// client has made progress.
const LooksPerLimit = 4

// Look is how often a client that takes something is looked at.
func (l *Limits) Look() time.Duration {
	shortest := l.Idle
	if l.Download > 0 {
		shortest = min(shortest, l.Grace)
	}
	return shortest / LooksPerLimit
}

// Current is the limits that are in force. It may be read and changed by any goroutine,
// but not copied.
type Current struct{ limits atomic.Pointer[Limits] }

// Set puts limits in force. Times that are 0 or less are the defaults.
func (c *Current) Set(l Limits) {
	for _, of := range []struct {
		limit    *time.Duration
		standard time.Duration
	}{{&l.Head, HeadDefault}, {&l.Rest, RestDefault}, {&l.Idle, IdleDefault}, {&l.Grace, GraceDefault}} {
		if *of.limit <= 0 {
			*of.limit = of.standard
		}
	}
	c.limits.Store(&l)
}

// Get is the limits in force, which are not to be written to. Set comes first.
func (c *Current) Get() *Limits { return c.limits.Load() }

// The rules, as access records name them: those of the settings.
const (
	RuleHead     = "head-timeout"
	RuleIdle     = "idle-timeout"
	RuleUpload   = "minimum-upload-rate"
	RuleDownload = "minimum-rate"
)

// Error says that a client took too long. It is os.ErrDeadlineExceeded in the sense of
// errors.Is. Its text is made on demand: fmt would need more stack than a transfer.
type Error struct {
	Broken string        // the rule
	Limit  time.Duration // of RuleHead and RuleIdle
	Least  int64         // bytes per second, of the others
	Sends  bool          // it is the client's sending that was too slow
}

// Rule is the name of the rule, for access records.
func (e *Error) Rule() string { return e.Broken }

// Error says what the client did not do.
func (e *Error) Error() string {
	switch e.Broken {
	case RuleHead:
		return "the head did not come within " + e.Limit.String()
	case RuleIdle:
		if e.Sends {
			return "peer sent nothing for " + e.Limit.String()
		}
		return "peer took nothing for " + e.Limit.String()
	}
	verb := "took"
	if e.Sends {
		verb = "sent"
	}
	return "peer " + verb + " less than " + bytesPerSecond(e.Least)
}

// Unwrap is what the deadline of a connection would have been.
func (e *Error) Unwrap() error { return os.ErrDeadlineExceeded }

// Timeout is true; see net.Error.
func (e *Error) Timeout() bool { return true }
