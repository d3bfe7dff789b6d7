package app

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"fullbore/app/config"
	"fullbore/app/drain"
	"fullbore/app/health"
)

// readiness is whether clients can be sent here.
type readiness struct {
	drain   *drain.Drain
	health  *health.Monitor
	serving atomic.Bool // the start is over
}

// check is nil when clients can be sent here, or why not.
func (r *readiness) check() error {
	if begun, draining := r.drain.Begun(); draining {
		return fmt.Errorf("draining since %s", begun.Format(time.DateTime))
	}
	if !r.serving.Load() {
		return errors.New("it does not serve yet")
	}
	if err := r.health.Files(); err != nil {
		return fmt.Errorf("files: %w", err)
	}
	return nil
}

// places are what matters on disk, as it is set now.
func places(cfg *config.Config, files *files, state string) health.Places {
	p := health.Places{Root: cfg.Path, Look: files.look, State: state}
	if cfg.AccessLog != "-" && cfg.AccessLog != "off" {
		p.Log = cfg.AccessLog
	}
	return p
}
