package app

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"fullbore/app/config"
	"fullbore/app/metrics"
	"fullbore/app/systemd"
)

// reloads change the settings of a running server: all that a new config says,
// or nothing. They are safe for concurrent use.
type reloads struct {
	current *atomic.Pointer[config.Config] // the one in force, which is never written to
	files   *files
	apply   func(*config.Config) // changes the parts; what may be wrong with a config is found before
	events  zerolog.Logger
	manager *systemd.Manager
	address string // that manager is told

	// For the metrics.
	ok, refused atomic.Int64
	lastOK      atomic.Int64 // Unix time in nanoseconds; the start counts
	failed      atomic.Bool  // the last one was refused

	mu      sync.Mutex // held by the one in progress
	refusal string     // why the last one was refused; "" if it was not
}

func newReloads(
	current *atomic.Pointer[config.Config], files *files, apply func(*config.Config),
	events zerolog.Logger, manager *systemd.Manager, address string,
) *reloads {
	r := &reloads{current: current, files: files, apply: apply, events: events, manager: manager, address: address}
	r.lastOK.Store(time.Now().UnixNano())
	return r
}

// reload loads settings and changes the server to them. If they cannot be
// loaded, or change what cannot change without a restart, or what they name
// cannot be opened, nothing changes. It is an event in any case, but for
// reloads by a changed file that change nothing.
func (r *reloads) reload(load func() (*config.Settings, error), asked bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.manager.Reloading()
	defer r.manager.Ready(r.address)
	changes, err := r.try(load, asked)
	trigger := "file"
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
		r.events.Error().Str("event", "reload").Str("result", "refused").Str("trigger", trigger).Str("error", r.refusal).
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
	r.events.Info().Str("event", "reload").Str("result", "ok").Str("trigger", trigger).Strs("changed", said).Msg(message)
}

func (r *reloads) try(load func() (*config.Settings, error), asked bool) ([]config.Change, error) {
	next, err := load()
	if err != nil {
		return nil, err
	}
	changes := config.Changes(r.current.Load(), &next.Config)
	if err := restartNeeded(next, changes); err != nil {
		return nil, err
	}
	if len(changes) == 0 && !asked {
		return nil, nil
	}
	// Anew also if the path is the same: another folder may be there by now.
	generation, err := r.files.openGeneration(&next.Config)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", next.Where("path"), err)
	}
	r.files.swap(generation)
	r.current.Store(&next.Config)
	r.apply(&next.Config)
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

// counts is what the metrics say of them.
func (r *reloads) counts() metrics.Reloads {
	return metrics.Reloads{
		OK: r.ok.Load(), Refused: r.refused.Load(), LastOK: !r.failed.Load(), LastOKAt: time.Unix(0, r.lastOK.Load()),
	}
}
