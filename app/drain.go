package app

// This file is the end of a server: it takes nobody new, and what is in flight
// may go on for a while.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/gofiber/fiber/v2"
	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"

	"fullbore/app/admin"
	"fullbore/app/wire"
	"fullbore/logger"
)

const (
	// cutGrace is for handlers to notice that they were cut.
	cutGrace = 5 * time.Second

	// adminGrace is for the admin listener's answers to end.
	adminGrace = time.Second

	// firstRequestGrace is for a client that has connected and not asked yet: it
	// could not know.
	firstRequestGrace = 5 * time.Second

	drainLook     = 20 * time.Millisecond // whether all is done
	drainProgress = 5 * time.Second       // to be said
)

// errDrainTimeout is why downloads are cut in the end.
var errDrainTimeout = errors.New("cut at the drain timeout")

// drainState is how far the end has come.
type drainState struct {
	begun atomic.Pointer[drainBegin] // nil: it has not

	// What became of the requests that ended meanwhile.
	finished, cut, failed atomic.Int64
}

// drainBegin is when the end began, and how many connections were open then.
type drainBegin struct {
	at          time.Time
	connections int
}

// drainStatus tells how far the end has come.
func (a *App) drainStatus() admin.Drain {
	begun := a.draining.begun.Load()
	if begun == nil {
		return admin.Drain{}
	}
	return admin.Drain{
		Draining: true, Started: begun.at, Deadline: begun.at.Add(a.current().DrainTimeout),
		Connections: a.publicLn.Open(), AtStart: begun.connections, Transfers: a.transfers.Active(),
	}
}

// drainBegun is when the end began, and whether it has.
func (a *App) drainBegun() (time.Time, bool) {
	begun := a.draining.begun.Load()
	if begun == nil {
		return time.Time{}, false
	}
	return begun.at, true
}

// drain stops accepting, waits for what is in flight, then cuts it. The admin
// listener ends last, so that the drain can be watched.
func (a *App) drain() {
	a.draining.begun.Store(&drainBegin{time.Now(), a.publicLn.Open()})
	a.manager.Stopping()
	// Nothing can be done about an error: the descriptor is gone all the same.
	_ = a.publicLn.Retire(false)
	a.sayDrain(a.events.Info(), "stopping")
	if !a.waitForTheRest() {
		a.cutTheRest()
	}
	a.sayDrained()
	if a.admin != nil {
		a.stopAdmin()
	}
}

// waitForTheRest waits until no connection is open, and gives up at the
// deadline, which a reload may move while it lasts.
func (a *App) waitForTheRest() bool {
	look := time.NewTicker(drainLook)
	defer look.Stop()
	begun := a.draining.begun.Load().at
	said, fresh := begun, true
	for !a.ended() {
		now := time.Now()
		if now.Sub(begun) >= a.current().DrainTimeout {
			return false
		}
		if fresh && now.Sub(begun) >= firstRequestGrace {
			fresh = false
			_ = a.publicLn.Retire(true) // closed already
		}
		if now.Sub(said) >= drainProgress {
			said = now
			a.sayDrain(a.events.Info(), "still stopping")
		}
		<-look.C
	}
	return true
}

// ended reports whether no connection is open and none will be: the one that
// was accepted last may not be counted before accepting has ended.
func (a *App) ended() bool {
	select {
	case <-a.accepted:
		return a.publicLn.Open() == 0
	default:
		return false
	}
}

// cutTheRest ends every connection, and waits for the records of what it ends.
func (a *App) cutTheRest() {
	a.sayDrain(a.events.Warn(), "drain timeout")
	_ = a.publicLn.Cut(errDrainTimeout)
	a.extend(cutGrace)
	if !a.publicLn.WaitClosed(cutGrace) {
		a.events.Error().Str("event", "drain").Int("connections", a.publicLn.Open()).
			Msg("connections do not end, and are left behind")
	}
}

// sayDrain tells how far the end has come, in the log of events and to the
// service manager, which is asked for more time.
func (a *App) sayDrain(event *zerolog.Event, what string) {
	s := a.drainStatus()
	left := max(time.Until(s.Deadline), 0).Round(time.Millisecond)
	event = event.Str("event", "drain").Int("connections", s.Connections).Int("downloads", s.Transfers)
	text := fmt.Sprintf("%s: %d connections open, %d downloads in flight", what, s.Connections, s.Transfers)
	if bytes := a.bytesLeft(); bytes >= 0 {
		event = event.Int64("bytes_left", bytes)
		text += " with " + humanize.IBytes(uint64(bytes)) + " left"
	}
	text += fmt.Sprintf(", cut in %v", left)
	event.Float64("seconds_left", left.Seconds()).Msg(text)
	a.manager.Status(text)
	a.extend(drainProgress)
}

// extend asks for patience until the next call, which has to come within that
// time; twice that is asked for, in case it is late. It is counted on top of
// what a stop takes at all.
func (a *App) extend(next time.Duration) { a.manager.Extend(2*next + adminGrace + cutGrace) }

// sayDrained tells how it ended.
func (a *App) sayDrained() {
	d := &a.draining
	took := time.Since(d.begun.Load().at).Round(time.Millisecond)
	finished, cut, failed := d.finished.Load(), d.cut.Load(), d.failed.Load()
	text := fmt.Sprintf("stopped after %v: %d downloads finished, %d cut, %d ended by their clients", took, finished, cut, failed)
	a.events.Info().Str("event", "drain").
		Int64("finished", finished).Int64("cut", cut).Int64("failed", failed).
		Float64("seconds", took.Seconds()).Msg(text)
	a.manager.Status(text)
}

// bytesLeft is how much of what is in flight is still to be sent; -1 if that is
// not known of all of it.
func (a *App) bytesLeft() int64 {
	left := int64(0)
	for _, t := range a.transfers.Transfers() {
		if t.Length < 0 {
			return -1
		}
		left += max(t.Length-t.Sent, 0)
	}
	return left
}

// count takes note of how a request ended.
func (d *drainState) count(r *logger.Result) {
	switch {
	case d.begun.Load() == nil:
	case r.Outcome == logger.Complete:
		d.finished.Add(1)
	case errors.Is(r.Err, errDrainTimeout):
		d.cut.Add(1)
	default:
		d.failed.Add(1)
	}
}

// notePhase tells a connection whether it may be retired; fasthttp.Server calls
// it as its ConnState.
func notePhase(c net.Conn, state fasthttp.ConnState) {
	link, ok := wire.LinkOf(c)
	if !ok {
		return
	}
	switch state {
	case fasthttp.StateActive:
		link.Work()
	case fasthttp.StateIdle:
		link.Rest()
	default: // new, closed or hijacked: nothing of ours
	}
}

// stopAdmin ends the admin listener. What it still says may be cut: those who
// watch ask again.
func (a *App) stopAdmin() { stopServer(a.admin, a.adminLn, adminGrace) }

func stopServer(app *fiber.App, ln *wire.Listener, timeout time.Duration) {
	// Shutdown knows the listener only once Serve has begun; a stop may come
	// before that.
	defer func() { _ = ln.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if app.ShutdownWithContext(ctx) == nil {
		return
	}
	_ = ln.Cut(errDrainTimeout)
	_ = ln.WaitClosed(cutGrace) // what does not end is a profile that was asked for
}

// FlushLogs hands the records and events that wait to where they go, for a
// process that is about to end without Close, or during it. What takes longer
// than patience is lost.
func (a *App) FlushLogs(patience time.Duration) {
	logs := []interface {
		Flush() error
		Close() error
	}{a.events}
	if a.sink.lines != nil {
		logs = append(logs, a.sink.lines)
	}
	var flushing sync.WaitGroup
	for _, lines := range logs {
		flushing.Go(func() {
			if errors.Is(lines.Flush(), os.ErrClosed) {
				_ = lines.Close() // the Close in progress writes them: it is waited for
			}
		})
	}
	flushed := make(chan struct{})
	go func() { flushing.Wait(); close(flushed) }()
	select {
	case <-flushed:
	case <-time.After(patience):
	}
}
