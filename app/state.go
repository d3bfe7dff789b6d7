package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/rs/zerolog"

	"fullbore/app/config"
)

// openState finds the state folder and makes it. One that was asked for must be
// writable; without a default one the server does without captures, says so
// once, and the result is "".
func openState(o config.Operations, events zerolog.Logger) (string, error) {
	if dir := o.StateDir; dir != "" {
		if err := makeWritable(dir); err != nil {
			return "", fmt.Errorf("--state-dir %s: %w; name a folder that this user may write to", dir, err)
		}
		return dir, nil
	}
	captures := o.Watch.Every > 0 && o.Watch.Keep > 0
	dir, err := stateDirDefault(os.Getenv)
	if err == nil && captures {
		err = makeWritable(dir)
	}
	if err == nil {
		return dir, nil
	}
	if captures {
		events.Warn().Str("event", "capture").Err(err).
			Msgf("watch: alarms come without profiles: %v; --state-dir names a folder for them", err)
	}
	return "", nil
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
