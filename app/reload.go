package app

// This file changes the settings of a running server: all that a new config
// says, or nothing.

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"fullbore/app/config"
)

// reloads counts them, for the metrics.
type reloads struct {
	ok, refused atomic.Int64
	lastOK      atomic.Int64 // Unix time in nanoseconds; the start counts
	failed      atomic.Bool  // the last one was refused

	mu      sync.Mutex // held by the one in progress
	refusal string     // why the last one was refused; "" if it was not
	parts   []func(*config.Config)
}

// beginReloads puts the first config in force.
func (a *App) beginReloads(cfg *config.Config) {
	a.live.Store(cfg)
	a.reloads.lastOK.Store(time.Now().UnixNano())
}

// current is the config that is in force. It is never written to.
func (a *App) current() *config.Config { return a.live.Load() }

// onReload registers a part that can change while it runs. apply cannot refuse:
// what may be wrong with a config is found before. It is for New.
func (a *App) onReload(apply func(*config.Config)) {
	a.reloads.parts = append(a.reloads.parts, apply)
}

// applyTimes is the part of a reload that is about connections and downloads.
func (a *App) applyTimes(cfg *config.Config) {
	a.publicLn.SetIdleTimeout(cfg.IdleTimeout)
	if a.adminLn != nil {
		a.adminLn.SetIdleTimeout(cfg.IdleTimeout)
	}
	a.transfers.Configure(cfg.Operations.DownloadAfter, int64(cfg.Operations.DownloadFrom))
}

// Reload loads settings and changes the server to them. If they cannot be
// loaded, or change what cannot change without a restart, or what they name
// cannot be opened, nothing changes. It is an event in any case, but for
// reloads that nobody asked for and that change nothing.
func (a *App) Reload(load func() (*config.Settings, error), asked bool) {
	a.reloads.mu.Lock()
	defer a.reloads.mu.Unlock()
	a.manager.Reloading()
	defer a.manager.Ready(a.publicLn.Addr().String())
	changes, err := a.reload(load, asked)
	r, trigger := &a.reloads, "file"
	if asked {
		trigger = "SIGHUP"
	}
	if err != nil {
		if !asked && r.refusal == err.Error() {
			return // said already
		}
		r.refusal = err.Error()
		r.refused.Add(1)
		r.failed.Store(true)
		a.events.Error().Str("event", "reload").Str("result", "refused").Str("trigger", trigger).Str("error", r.refusal).
			Msg("reload refused, all goes on as before")
		return
	}
	if !asked && len(changes) == 0 && r.refusal == "" {
		return
	}
	r.refusal = ""
	r.ok.Add(1)
	r.lastOK.Store(time.Now().UnixNano())
	r.failed.Store(false)
	said := make([]string, len(changes))
	for i, change := range changes {
		said[i] = change.String()
	}
	message := "reloaded"
	if len(said) == 0 {
		message = "reloaded, no setting changed"
	}
	a.events.Info().Str("event", "reload").Str("result", "ok").Str("trigger", trigger).Strs("changed", said).Msg(message)
}

func (a *App) reload(load func() (*config.Settings, error), asked bool) ([]config.Change, error) {
	next, err := load()
	if err != nil {
		return nil, err
	}
	changes := config.Changes(a.current(), &next.Config)
	if err := restartNeeded(next, changes); err != nil {
		return nil, err
	}
	if len(changes) == 0 && !asked {
		return nil, nil
	}
	// Anew also if the path is the same: another folder may be there by now.
	files, err := openFiles(next.Config)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", next.Where("path"), err)
	}
	a.files.swap(files)
	a.live.Store(&next.Config)
	for _, apply := range a.reloads.parts {
		apply(&next.Config)
	}
	return changes, nil
}

// restartNeeded is the error of changes that cannot be made now.
func restartNeeded(next *config.Settings, changes []config.Change) error {
	var frozen []string
	for _, change := range changes {
		if key := change.Key; !key.Live {
			frozen = append(frozen, fmt.Sprintf("%s: from %q to %q takes a restart", next.Where(key.Name), change.Old, change.New))
		}
	}
	if frozen == nil {
		return nil
	}
	return errors.New(strings.Join(frozen, "; "))
}

// WarnAtStart is Warn, but behind the lines that say where the server listens,
// which scripts wait for. It is for before Run.
func (a *App) WarnAtStart(event, text string) {
	a.early = append(a.early, func() { a.Warn(event, text) })
}

// Warn writes an event that is no error.
func (a *App) Warn(event, text string) {
	a.events.Warn().Str("event", event).Msg(text)
}
