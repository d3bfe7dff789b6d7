package app

// This file is the watchdog's place in the server: what it looks at, and the
// state folder that its captures go to.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"fullbore/app/config"
	"fullbore/app/watch"
)

// newWatch makes the watchdog. The public listener must be open.
func (a *App) newWatch() *watch.Watch {
	return watch.New(watch.Config{
		BytesServed: func() int64 { written, _ := a.publicLn.Bytes(); return written },
		Connections: a.publicLn.Open,
		Peak:        a.publicLn.Peak,
		StateDir:    a.stateDir,
		Events:      a.events.Logger,
		Settings:    watchSettings(a.cfg.Operations.Watch),
	})
}

// watchSettings is what may change while the server runs.
func watchSettings(w config.Watch) watch.Settings {
	return watch.Settings{
		Every:    w.Every,
		Memory:   int64(w.Memory),
		Growth:   int64(w.Growth),
		Cooldown: w.Cooldown,
		Keep:     w.Keep,
		CPU:      w.CPU,
		Webhook:  w.Webhook,
	}
}

// startWatch runs the watchdog until stop is called, which waits for its end.
func (a *App) startWatch() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.watch.Run(ctx)
	}()
	return func() { cancel(); <-done }
}

// openState finds the state folder and makes it. One that was asked for must be
// there and writable; without another one the server does without captures, and
// says so once.
func (a *App) openState() error {
	if dir := a.cfg.Operations.StateDir; dir != "" {
		a.stateDir = dir
		if err := makeWritable(dir); err != nil {
			return fmt.Errorf("--state-dir %s: %w; name a folder that this user may write to", dir, err)
		}
		return nil
	}
	w := a.cfg.Operations.Watch
	dir, err := stateDirDefault(os.Getenv)
	if err == nil && w.Every > 0 && w.Keep > 0 {
		err = makeWritable(dir)
	}
	if err == nil {
		a.stateDir = dir
		return nil
	}
	if w.Every > 0 && w.Keep > 0 {
		a.events.Warn().Str("event", "capture").Err(err).
			Msgf("watch: alarms come without profiles: %v; --state-dir names a folder for them", err)
	}
	return nil
}

// stateDirDefault is where state goes when nobody says: systemd's choice
// (systemd.exec(5), StateDirectory=), else that of the XDG Base Directory
// Specification.
func stateDirDefault(getenv func(string) string) (string, error) {
	if dirs := getenv("STATE_DIRECTORY"); dirs != "" {
		dir, _, _ := strings.Cut(dirs, ":")
		return dir, nil
	}
	// "All paths must be absolute"; relative ones are to be ignored.
	if dir := getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "fullbore"), nil
	}
	if home := getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "state", "fullbore"), nil
	}
	return "", errors.New("no state folder: neither STATE_DIRECTORY nor XDG_STATE_HOME nor HOME is set")
}

// makeWritable makes a folder that only this user may enter, if it is not there,
// and tries whether it can be written to.
func makeWritable(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}
