// Package drain stops a server: it accepts no new connections, and what is in flight may
// go on for a while.
package drain

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/rs/zerolog"

	"fullbore/app/systemd"
	"fullbore/app/transfer"
	"fullbore/logger"
)

const (
	// cutGrace is how long handlers have to notice that they were cut.
	cutGrace = 5 * time.Second

	// afterwards is how long the rest of a stop may take after the drain.
	afterwards = time.Second + cutGrace

	// firstRequestGrace is how long a new connection has to send its first request.
	firstRequestGrace = 5 * time.Second

	look     = 20 * time.Millisecond // between two checks
	progress = 5 * time.Second       // between two reports
)

// ErrTimeout is why downloads are cut at the deadline.
var ErrTimeout = errors.New("cut at the drain timeout")

// Door is where connections come in.
type Door interface {
	Open() int                             // connections
	Retire(fresh bool) error               // see wire.Listener.Retire
	Ended() bool                           // no connection is accepted, and Open has all that were
	Cut(reason error) int                  // see wire.Registry.Cut
	WaitClosed(timeout time.Duration) bool // see wire.Registry.WaitClosed
}

// Config of a Drain. All fields are required.
type Config struct {
	Door      Door
	Transfers *transfer.Registry
	Timeout   func() time.Duration // for what is in flight; may change during the drain
	Events    zerolog.Logger
	Manager   *systemd.Manager
}

// Drain runs once. It is safe for concurrent use.
type Drain struct {
	cfg   Config
	begun atomic.Pointer[begin] // nil: not yet

	// Outcomes of the requests that ended during the drain.
	finished, cut, failed atomic.Int64
}

// begin is when the drain began, and how many connections were open then.
type begin struct {
	at          time.Time
	connections int
}

// New returns a Drain that has not begun.
func New(cfg Config) *Drain { return &Drain{cfg: cfg} }

// Status is the progress of a drain. The zero value means that it has not begun.
type Status struct {
	Draining    bool
	Started     time.Time
	Deadline    time.Time // when what is left is cut
	Connections int       // open ones
	AtStart     int       // open ones when the drain began
	Transfers   int       // in flight
}

// Status returns the progress so far.
func (d *Drain) Status() Status {
	begun := d.begun.Load()
	if begun == nil {
		return Status{}
	}
	return Status{
		Draining: true, Started: begun.at, Deadline: begun.at.Add(d.cfg.Timeout()),
		Connections: d.cfg.Door.Open(), AtStart: begun.connections, Transfers: d.cfg.Transfers.Active(),
	}
}

// Begun is when the drain began, and whether it has.
func (d *Drain) Begun() (time.Time, bool) {
	begun := d.begun.Load()
	if begun == nil {
		return time.Time{}, false
	}
	return begun.at, true
}

// Draining reports whether the drain has begun.
func (d *Drain) Draining() bool { return d.begun.Load() != nil }

// Count counts how a request ended during the drain.
func (d *Drain) Count(r *logger.Result) {
	switch {
	case d.begun.Load() == nil:
	case r.Outcome == logger.Complete:
		d.finished.Add(1)
	case errors.Is(r.Err, ErrTimeout):
		d.cut.Add(1)
	default:
		d.failed.Add(1)
	}
}

// Run stops accepting, waits for what is in flight, then cuts it.
func (d *Drain) Run() {
	d.begun.Store(&begin{time.Now(), d.cfg.Door.Open()})
	d.cfg.Manager.Stopping()
	// An error does not matter: the descriptor is closed anyway.
	_ = d.cfg.Door.Retire(false)
	d.say(d.cfg.Events.Info(), "stopping")
	if !d.wait() {
		d.cutTheRest()
	}
	d.sayEnd()
}

// wait waits until no connection is open, and gives up at the deadline, which a reload
// may move.
func (d *Drain) wait() bool {
	tick := time.NewTicker(look)
	defer tick.Stop()
	begun := d.begun.Load().at
	said, fresh := begun, true
	// The last connection may not be counted until accepting has ended.
	for !d.cfg.Door.Ended() || d.cfg.Door.Open() > 0 {
		now := time.Now()
		if now.Sub(begun) >= d.cfg.Timeout() {
			return false
		}
		if fresh && now.Sub(begun) >= firstRequestGrace {
			fresh = false
			_ = d.cfg.Door.Retire(true) // closed already
		}
		if now.Sub(said) >= progress {
			said = now
			d.say(d.cfg.Events.Info(), "still stopping")
		}
		<-tick.C
	}
	return true
}

// cutTheRest cuts every connection and waits for their records.
func (d *Drain) cutTheRest() {
	d.say(d.cfg.Events.Warn(), "drain timeout")
	_ = d.cfg.Door.Cut(ErrTimeout)
	d.extend(cutGrace)
	if !d.cfg.Door.WaitClosed(cutGrace) {
		d.cfg.Events.Error().Str("event", "drain").Int("connections", d.cfg.Door.Open()).
			Msg("connections do not end, and are left behind")
	}
}

// say reports the progress as an event and to the service manager, which it asks for
// more time.
func (d *Drain) say(event *zerolog.Event, what string) {
	s := d.Status()
	left := max(time.Until(s.Deadline), 0).Round(time.Millisecond)
	event = event.Str("event", "drain").Int("connections", s.Connections).Int("downloads", s.Transfers)
	text := fmt.Sprintf("%s: %d connections open, %d downloads in flight", what, s.Connections, s.Transfers)
	if bytes := d.bytesLeft(); bytes >= 0 {
		event = event.Int64("bytes_left", bytes)
		text += " with " + humanize.IBytes(uint64(bytes)) + " left"
	}
	text += fmt.Sprintf(", cut in %v", left)
	event.Float64("seconds_left", left.Seconds()).Msg(text)
	d.cfg.Manager.Status(text)
	d.extend(progress)
}

// extend asks the service manager for time until the next call, which is due after next;
// it asks for twice that, in case the call is late.
func (d *Drain) extend(next time.Duration) { d.cfg.Manager.Extend(2*next + afterwards) }

// sayEnd reports how the drain ended.
func (d *Drain) sayEnd() {
	took := time.Since(d.begun.Load().at).Round(time.Millisecond)
	finished, cut, failed := d.finished.Load(), d.cut.Load(), d.failed.Load()
	text := fmt.Sprintf("stopped after %v: %d downloads finished, %d cut, %d ended by their clients", took, finished, cut, failed)
	d.cfg.Events.Info().Str("event", "drain").
		Int64("finished", finished).Int64("cut", cut).Int64("failed", failed).
		Float64("seconds", took.Seconds()).Msg(text)
	d.cfg.Manager.Status(text)
}

// bytesLeft is how many bytes in flight are still to be sent; -1 if any length is
// unknown.
func (d *Drain) bytesLeft() int64 {
	left := int64(0)
	for _, t := range d.cfg.Transfers.Transfers() {
		if t.Length < 0 {
			return -1
		}
		left += max(t.Length-t.Sent, 0)
	}
	return left
}
