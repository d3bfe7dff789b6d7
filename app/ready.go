package app

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"fullbore/app/health"
)

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
	if err := a.health.Files(); err != nil {
		return fmt.Errorf("files: %w", err)
	}
	return nil
}

// places are the paths that matter, as they are set now.
func (a *App) places() health.Places {
	cfg := a.current()
	p := health.Places{Root: cfg.Path, Open: a.files.alive, State: a.stateDir}
	if cfg.AccessLog != "-" && cfg.AccessLog != "off" {
		p.Log = cfg.AccessLog
	}
	return p
}
