// Package health scores the server's health: files, accepting, the access log, disks and
// the process itself, each with a reason if it is not perfect. The admin pages and the
// metrics show it, and a change is an event.
package health

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"
	"github.com/rs/zerolog"
)

const (
	fresh = time.Second / 2  // how long a report is reused
	every = time.Second      // between two checks when nobody asks; files are followed by them
	quiet = 10 * time.Second // between two events at least
)

// Config is what a Monitor checks. All functions must be safe for concurrent use.
type Config struct {
	Events zerolog.Logger // for changes of state

	Places  func() Places                        // the paths that matter, as currently configured
	Accept  *Recent                              // failed accepts
	Log     *Recent                              // failed writes of the access log
	Lost    func() int64                         // lines of the access log that were dropped
	Process func() (score int, reasons []string) // the watchdog's verdict
	Load    func() (reason string)               // why new clients are refused; "" if they are not

	// Mounts says how the disks are from which requests get their files. Optional.
	// Default: they are well
	Mounts func() (score int, reasons []string)
}

// Monitor reports on all parts. It is safe for concurrent use.
type Monitor struct {
	cfg     Config
	storage *probe
	dropped Recent

	mu       sync.Mutex // guards what follows
	now      Report
	at       time.Time // of now
	lost     int64     // lines at the last check
	told     string    // the state in the last event
	toldAt   time.Time
	toldOnce bool
}

// New returns a Monitor, which starts out OK.
func New(cfg Config) *Monitor {
	return newMonitor(cfg, &probe{patience: probePatience, measure: func() storage { return measure(cfg.Places()) }})
}

func newMonitor(cfg Config, storage *probe) *Monitor {
	return &Monitor{cfg: cfg, storage: storage, told: OK}
}

// Report is the state of all parts, at most half a second old.
func (m *Monitor) Report() Report {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if !m.at.IsZero() && now.Sub(m.at) < fresh {
		return m.now
	}
	lost := m.cfg.Lost()
	m.dropped.add(now, max(0, lost-m.lost), nil)
	m.lost = lost
	files, disk := m.storageParts()
	m.now, m.at = Sum(files, m.acceptPart(now), m.logPart(now), disk, processPart(m.cfg.Process()), loadPart(m.cfg.Load()), m.mountsPart()), now
	m.tell(now)
	return m.now
}

// Files is why no file can be served, nil if files can be.
func (m *Monitor) Files() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if files, _ := m.storageParts(); files.Score == 0 {
		return errors.New(files.Reason)
	}
	return nil
}

// Spaces says how full the file systems of the "files" and the "state" folder are. One
// that does not answer is left out.
func (m *Monitor) Spaces() map[string]Space {
	found, _ := m.storage.look()
	return found.spaces
}

// Run checks periodically until ctx ends, so that changes are events even if nobody
// asks.
func (m *Monitor) Run(ctx context.Context) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			m.Report()
		}
	}
}

// tell writes an event if the state has changed, rate-limited. The caller holds mu.
func (m *Monitor) tell(now time.Time) {
	if m.now.State == m.told || (m.toldOnce && now.Sub(m.toldAt) < quiet) {
		return
	}
	event := m.cfg.Events.Warn()
	if m.now.State == OK {
		event = m.cfg.Events.Info()
	}
	event.Str("event", "health").Int("score", m.now.Score).Str("state", m.now.State).Str("before", m.told).
		Strs("reasons", m.now.Reasons).Msg("health: " + m.now.State)
	m.told, m.toldAt, m.toldOnce = m.now.State, now, true
}

// storageParts reports on the disks. The caller holds mu.
func (m *Monitor) storageParts() (files, disk Part) {
	s, stuck := m.storage.look()
	if stuck > 0 {
		reason := "no answer from the file system for " + stuck.Round(time.Second).String()
		return Part{Name: "files", Score: 0, Reason: reason}, Part{Name: "disk", Score: 50, Reason: reason}
	}
	return s.filesPart(), s.diskPart()
}

// acceptPart is bad if connections cannot be accepted, for lack of descriptors or
// memory.
func (m *Monitor) acceptPart(now time.Time) Part {
	n, err := m.cfg.Accept.sum(now)
	if n == 0 {
		return Part{Name: "accept", Score: perfect}
	}
	p := Part{Name: "accept", Score: 60, Reason: fmt.Sprintf("failed %s in the last minute: %v", english.Plural(int(n), "time", ""), err)}
	if n >= 10 {
		p.Score = 20
	}
	return p
}

// logPart is bad if records are lost.
func (m *Monitor) logPart(now time.Time) Part {
	p := Part{Name: "log", Score: perfect}
	var reasons []string
	if n, err := m.cfg.Log.sum(now); n > 0 {
		p.Score = 30
		reasons = append(reasons, fmt.Sprintf("the access log cannot be written: %v", err))
	}
	if n, _ := m.dropped.sum(now); n > 0 {
		p.Score = min(p.Score, 50)
		reasons = append(reasons, humanize.Comma(n)+" lines of the access log were lost in the last minute")
	}
	p.Reason = strings.Join(reasons, "; ")
	return p
}

// mountsPart is bad if files are refused because their disk does not answer.
func (m *Monitor) mountsPart() Part {
	p := Part{Name: "storage", Score: perfect}
	if m.cfg.Mounts != nil {
		score, reasons := m.cfg.Mounts()
		p.Score, p.Reason = score, strings.Join(reasons, "; ")
	}
	return p
}

// processPart is the watchdog's verdict.
func processPart(score int, reasons []string) Part {
	p := Part{Name: "process", Score: score, Reason: strings.Join(reasons, "; ")}
	if score < perfect {
		p.Reason = cmp.Or(p.Reason, "the watchdog says so")
	}
	return p
}

// loadPart is bad while new clients are refused, which keeps those that are in well.
func loadPart(reason string) Part {
	if reason == "" {
		return Part{Name: "load", Score: perfect}
	}
	return Part{Name: "load", Score: 40, Reason: reason}
}
