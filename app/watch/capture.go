package watch

// A capture is what one needs to find the cause of an alarm: profiles, and the
// samples before it. It appears whole or not at all.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"time"
)

// profilesDir is below the state folder.
const profilesDir = "profiles"

// partPrefix begins the name of a capture that is being written. The process's
// id follows.
const partPrefix = ".part-"

// captureName is how we name captures; nothing else is ever removed.
var captureName = regexp.MustCompile(`^\d{8}T\d{6}\.\d{3}Z-[a-z-]+$`)

// captureDir is where an alarm's capture goes.
func (w *Watch) captureDir(a *alarm) string {
	return filepath.Join(w.cfg.StateDir, profilesDir, stamp(a.Time)+"-"+string(a.Rule))
}

// capture makes the captures that are asked for, one at a time, until ctx ends.
func (w *Watch) capture(ctx context.Context) {
	if w.cfg.StateDir != "" {
		removeParts(filepath.Join(w.cfg.StateDir, profilesDir))
	}
	for {
		select {
		case <-ctx.Done():
			return
		case a := <-w.captures:
			settings := w.settings.Load()
			err := writeCapture(ctx, a, settings.CPU)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				w.captureFailed(a, err)
				continue
			}
			w.captured.Add(1)
			w.cfg.Events.Info().Str("event", "capture").Str("rule", string(a.Rule)).
				Str("where", a.Capture).Msg("watch: captured profiles in " + a.Capture)
			if err := removeOldest(filepath.Dir(a.Capture), settings.Keep); err != nil {
				w.captureFailed(a, err)
			}
		}
	}
}

// captureFailed says why there is no capture.
func (w *Watch) captureFailed(a *alarm, err error) {
	w.cfg.Events.Error().Str("event", "capture").Str("rule", string(a.Rule)).
		Str("where", a.Capture).Err(err).Msg("watch: capture failed: " + err.Error())
}

// writeCapture writes a capture under a name that says it is not finished, and
// renames it.
func writeCapture(ctx context.Context, a *alarm, cpu time.Duration) (err error) {
	dir := filepath.Dir(a.Capture)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	part := filepath.Join(dir, partPrefix+strconv.Itoa(os.Getpid())+"-"+filepath.Base(a.Capture))
	if err := os.Mkdir(part, 0o700); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			// What cannot be removed now is when the next process starts.
			_ = os.RemoveAll(part)
		}
	}()
	if err := writeProfiles(ctx, part, a, cpu); err != nil {
		return err
	}
	return os.Rename(part, a.Capture)
}

func writeProfiles(ctx context.Context, dir string, a *alarm, cpu time.Duration) error {
	// A heap profile is as of the last collection but one.
	runtime.GC()
	for _, name := range []string{"heap", "goroutine"} {
		if err := writeFile(dir, name+".pb.gz", func(f io.Writer) error {
			return pprof.Lookup(name).WriteTo(f, 0)
		}); err != nil {
			return err
		}
	}
	note := ""
	if cpu > 0 {
		err := writeFile(dir, "cpu.pb.gz", func(f io.Writer) error { return profileCPU(ctx, f, cpu) })
		switch {
		case errors.Is(err, errProfiling): // the rest is worth having without it
			note = err.Error()
			if err := os.Remove(filepath.Join(dir, "cpu.pb.gz")); err != nil {
				return err
			}
		case err != nil:
			return err
		}
	}
	return writeFile(dir, "alarm.json", func(f io.Writer) error {
		encoder := json.NewEncoder(f)
		encoder.SetIndent("", "  ")
		return encoder.Encode(struct {
			*alarm
			Note    string   `json:"note,omitempty"`
			Samples []Sample `json:"samples"`
		}{a, note, a.samples})
	})
}

// errProfiling means that another CPU profile is already running.
var errProfiling = errors.New("no CPU profile")

// profileCPU profiles for so long, or until ctx ends, which is an error.
func profileCPU(ctx context.Context, f io.Writer, length time.Duration) error {
	if err := pprof.StartCPUProfile(f); err != nil {
		return fmt.Errorf("%w: %w", errProfiling, err)
	}
	end := time.NewTimer(length)
	defer end.Stop()
	select {
	case <-ctx.Done():
	case <-end.C:
	}
	pprof.StopCPUProfile()
	return ctx.Err()
}

// keepError remembers the error that pprof does not give.
type keepError struct {
	w   io.Writer
	err error
}

func (k *keepError) Write(p []byte) (int, error) {
	n, err := k.w.Write(p)
	if err != nil && k.err == nil {
		k.err = err
	}
	return n, err
}

// writeFile makes a file that only its owner may read: profiles tell of paths
// and code.
func writeFile(dir, name string, write func(io.Writer) error) (err error) {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	out := &keepError{w: f}
	return errors.Join(write(out), out.err)
}

// removeOldest keeps the latest captures, and whatever else is in the folder.
func removeOldest(dir string, keep int) error {
	entries, err := os.ReadDir(dir) // by name, and so by time
	if err != nil {
		return err
	}
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool {
		return !e.IsDir() || !captureName.MatchString(e.Name())
	})
	for len(entries) > keep {
		if err := os.RemoveAll(filepath.Join(dir, entries[0].Name())); err != nil {
			return err
		}
		entries = entries[1:]
	}
	return nil
}

// removeParts removes what processes that are no more did not finish. What
// cannot be removed is in nobody's way.
func removeParts(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil { // no captures yet
		return
	}
	for _, e := range entries {
		id, name, ours := strings.Cut(strings.TrimPrefix(e.Name(), partPrefix), "-")
		pid, err := strconv.Atoi(id)
		if !strings.HasPrefix(e.Name(), partPrefix) || !ours || err != nil || pid <= 0 || !captureName.MatchString(name) {
			continue
		}
		if pid == os.Getpid() || !alive(pid) {
			_ = os.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
}
