package app

// This file is how well the server is: files, accepting, the access log, disks
// and the process itself, each with a score and, if it is not well, a reason in
// words. What it says goes to the pages of the admin listener and to the
// metrics, and to the events when it changes.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"
	"github.com/rs/zerolog"

	"fullbore/app/admin"
	"fullbore/app/metrics"
)

const (
	healthFresh = time.Second      // what is younger is not looked at again
	healthEvery = 10 * time.Second // between two looks when nobody asks
	healthQuiet = 10 * time.Second // between two events
)

// health adds up the parts. It is safe for concurrent use.
type health struct {
	events  zerolog.Logger
	storage *probe
	process func() (score int, reasons []string) // nil: nobody watches
	lines   func() int64                         // of the access log, that were dropped

	accept, log, dropped lately

	mu       sync.Mutex // around what follows
	now      admin.Health
	at       time.Time // of now
	lost     int64     // lines at the last look
	told     string    // the state that the last event said
	toldAt   time.Time
	toldOnce bool
}

// newHealth begins with everything well. What the process and the log say is
// set before the first look.
func (a *App) newHealth() *health {
	return &health{
		events:  a.events.Logger,
		storage: &probe{patience: probePatience, measure: func() storage { return measure(a.places()) }},
		told:    admin.StateOK,
	}
}

// places are the paths that matter, as they are set now.
func (a *App) places() places {
	cfg := a.current()
	p := places{root: cfg.Path, open: a.files.alive, state: a.stateDir}
	if cfg.AccessLog != "-" && cfg.AccessLog != "off" {
		p.log = cfg.AccessLog
	}
	return p
}

// alive is what the handler in force has open, or why it can answer nothing.
func (f *files) alive() (fs.FileInfo, error) {
	g := f.enter()
	if g == nil {
		return nil, errors.New("closed")
	}
	defer g.leave()
	return g.Alive()
}

// Health is what it all adds up to, at most a second old.
func (h *health) Health() admin.Health {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if !h.at.IsZero() && now.Sub(h.at) < healthFresh {
		return h.now
	}
	if h.lines != nil {
		lost := h.lines()
		h.dropped.add(now, max(0, lost-h.lost), nil)
		h.lost = lost
	}
	files, disk := h.storageParts()
	parts := []admin.Part{files, h.acceptPart(now), h.logPart(now), disk}
	if h.process != nil {
		parts = append(parts, processPart(h.process()))
	}
	h.now, h.at = admin.NewHealth(parts), now
	h.tell(now)
	return h.now
}

// filesGone is why clients cannot be sent here, nil if they can.
func (h *health) filesGone() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if files, _ := h.storageParts(); files.Score == 0 {
		return errors.New(files.Reason)
	}
	return nil
}

// start looks from time to time, so that a change is told also when nobody
// asks, until stop is called.
func (h *health) start() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.run(ctx)
	}()
	return func() { cancel(); <-done }
}

func (h *health) run(ctx context.Context) {
	ticker := time.NewTicker(healthEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			h.Health()
		}
	}
}

// tell says when the state has changed, at most so often. The caller holds the
// lock.
func (h *health) tell(now time.Time) {
	if h.now.State == h.told || (h.toldOnce && now.Sub(h.toldAt) < healthQuiet) {
		return
	}
	event := h.events.Warn()
	if h.now.State == admin.StateOK {
		event = h.events.Info()
	}
	event.Str("event", "health").Int("score", h.now.Score).Str("state", h.now.State).Str("before", h.told).
		Strs("reasons", h.now.Reasons).Msg("health: " + h.now.State)
	h.told, h.toldAt, h.toldOnce = h.now.State, now, true
}

// storageParts are what the disks say. The caller holds the lock.
func (h *health) storageParts() (files, disk admin.Part) {
	s, stuck := h.storage.look()
	if stuck > 0 {
		reason := "no answer from the file system for " + stuck.Round(time.Second).String()
		return admin.Part{Name: "files", Score: 0, Reason: reason}, admin.Part{Name: "disk", Score: 50, Reason: reason}
	}
	return s.filesPart(), s.diskPart()
}

// acceptPart is bad when connections cannot be accepted, which is a matter of
// descriptors or memory.
func (h *health) acceptPart(now time.Time) admin.Part {
	n, err := h.accept.sum(now)
	switch {
	case n == 0:
		return admin.Part{Name: "accept", Score: 100}
	case n < 10:
		return admin.Part{Name: "accept", Score: 60, Reason: fmt.Sprintf("failed %s in the last minute: %v", english.Plural(int(n), "time", ""), err)}
	default:
		return admin.Part{Name: "accept", Score: 20, Reason: fmt.Sprintf("failed %s in the last minute: %v", english.Plural(int(n), "time", ""), err)}
	}
}

// logPart is bad when records are lost.
func (h *health) logPart(now time.Time) admin.Part {
	p := admin.Part{Name: "log", Score: 100}
	var reasons []string
	if n, err := h.log.sum(now); n > 0 {
		p.Score = 30
		reasons = append(reasons, fmt.Sprintf("the access log cannot be written: %v", err))
	}
	if n, _ := h.dropped.sum(now); n > 0 {
		p.Score = min(p.Score, 50)
		reasons = append(reasons, humanize.Comma(n)+" lines of the access log were lost in the last minute")
	}
	p.Reason = strings.Join(reasons, "; ")
	return p
}

// processPart is what the watchdog says.
func processPart(score int, reasons []string) admin.Part {
	p := admin.Part{Name: "process", Score: score, Reason: strings.Join(reasons, "; ")}
	if score < 100 {
		p.Reason = cmp.Or(p.Reason, "the watchdog says so")
	}
	return p
}

// lately counts what happened in the last minute, and remembers the last error.
// It is safe for concurrent use.
type lately struct {
	mu     sync.Mutex
	counts [7]int64 // of ten seconds each; one of them is not over
	newest int64    // the number of the latest ten seconds, since 1970
	err    error
}

const latelyStep = 10 // seconds

func (l *lately) add(now time.Time, n int64, err error) {
	if n == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.move(now)
	l.counts[l.newest%int64(len(l.counts))] += n
	l.err = err
}

// sum is how often it happened, and why it did last.
func (l *lately) sum(now time.Time) (n int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.move(now)
	for _, count := range l.counts {
		n += count
	}
	return n, l.err
}

// move forgets what is too old.
func (l *lately) move(now time.Time) {
	step := now.Unix() / latelyStep
	for i := max(l.newest+1, step-int64(len(l.counts))+1); i <= step; i++ {
		l.counts[i%int64(len(l.counts))] = 0
	}
	l.newest = max(l.newest, step)
}

// phase is how far the server's life has come, for those who ask whether it is
// ready.
type phase struct {
	serving atomic.Bool
}

// ready is nil when clients can be sent here, or why not.
func (a *App) ready() error {
	if begun, draining := a.drainBegun(); draining {
		return fmt.Errorf("draining since %s", begun.Format(time.DateTime))
	}
	if !a.phase.serving.Load() {
		return errors.New("it does not serve yet")
	}
	if err := a.health.filesGone(); err != nil {
		return fmt.Errorf("files: %w", err)
	}
	return nil
}

// healthMetrics is what the metrics say of it.
func (a *App) healthMetrics() metrics.Health {
	h := a.health.Health()
	m := metrics.Health{Score: h.Score, Parts: make(map[string]int, len(h.Parts))}
	for _, p := range h.Parts {
		m.Parts[p.Name] = p.Score
	}
	return m
}
