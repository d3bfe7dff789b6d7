package watch

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// names lists a folder; none if it is not there.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func mkdir(t *testing.T, elements ...string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(elements...), 0o700); err != nil {
		t.Fatal(err)
	}
}

func TestOldestCapturesGoAndNothingElse(t *testing.T) {
	state := t.TempDir()
	dir := filepath.Join(state, profilesDir)
	for _, name := range []string{
		"20200101T000000.000Z-memory", "20200102T000000.000Z-gc", // ours
		"20200101T000000.000Z", "mine", "20200101-memory", ".part-x-20200101T000000.000Z-gc",
	} {
		mkdir(t, dir, name)
	}
	if err := os.WriteFile(filepath.Join(dir, "20200101T000001.000Z-file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w := run(t, func(c *Config) {
		c.StateDir, c.Settings.Memory, c.Settings.Cooldown, c.Settings.Keep = state, 1, 30*time.Millisecond, 2
	}, nil)
	until(t, "four captures", func() bool { return w.Captures() >= 4 })
	w.stop()
	var ours, others []string
	for _, name := range names(t, dir) {
		if strings.HasPrefix(name, "20") && strings.HasSuffix(name, "Z-memory") {
			ours = append(ours, name)
		} else {
			others = append(others, name)
		}
	}
	want := []string{".part-x-20200101T000000.000Z-gc", "20200101-memory", "20200101T000000.000Z", "20200101T000001.000Z-file", "mine"}
	if !slices.Equal(others, want) {
		t.Errorf("besides captures there is %q, want %q", others, want)
	}
	// One more if it was stopped between writing and removing.
	if len(ours) < 2 || len(ours) > 3 || ours[0] < "2021" {
		t.Errorf("captures %q, want the latest two", ours)
	}
}

func TestPartsOfTheDeadAreRemoved(t *testing.T) {
	state := t.TempDir()
	dir := filepath.Join(state, profilesDir)
	const name = "-20200101T000000.000Z-memory"
	alive := partPrefix + strconv.Itoa(os.Getppid()) + name
	for _, part := range []string{
		partPrefix + strconv.Itoa(os.Getpid()) + name, // of one that had our id before, as in containers
		partPrefix + strconv.Itoa(math.MaxInt32) + name,
		alive, partPrefix + "1-other", partPrefix + "0" + name,
	} {
		mkdir(t, dir, part)
	}
	removeParts(dir)
	removeParts(filepath.Join(dir, "none"))
	if got, want := names(t, dir), []string{partPrefix + "0" + name, partPrefix + "1-other", alive}; !sameNames(got, want) {
		t.Errorf("%q are left, want %q", got, want)
	}
}

func sameNames(a, b []string) bool {
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

func TestAlarmsComeWhenCapturesCannot(t *testing.T) {
	state := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(state, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w := run(t, func(c *Config) { c.StateDir, c.Settings.Memory = state, 1 }, nil)
	until(t, "the event", func() bool { return len(w.events.of(t, "capture")) > 0 })
	if e := w.events.of(t, "capture")[0]; !strings.Contains(e.Error, "not a directory") || e.Rule != "memory" {
		t.Errorf("event %+v", e)
	}
	if w.Alarms(ruleMemory) != 1 || w.Captures() != 0 {
		t.Errorf("%d alarms, %d captures", w.Alarms(ruleMemory), w.Captures())
	}
}

func TestKeepNoneCapturesNothing(t *testing.T) {
	state := t.TempDir()
	w := run(t, func(c *Config) {
		c.StateDir, c.Settings.Memory, c.Settings.Keep, c.Settings.Cooldown = state, 1, 0, time.Millisecond
	}, nil)
	until(t, "alarms", func() bool { return w.Alarms(ruleMemory) >= 3 })
	w.stop()
	if all := names(t, state); len(all) > 0 || strings.Contains(w.events.String(), `"where"`) {
		t.Errorf("it left %q and said %s", all, w.events)
	}
}

func TestCPUProfileIsTakenAndReadable(t *testing.T) {
	state := t.TempDir()
	w := run(t, func(c *Config) { c.StateDir, c.Settings.Memory, c.Settings.CPU = state, 1, 300*time.Millisecond }, nil)
	until(t, "the capture", func() bool { return w.Captures() == 1 })
	where := w.events.of(t, "alarm")[0].Where
	if top := pprofTop(t, filepath.Join(where, "cpu.pb.gz")); !strings.Contains(top, "Type: cpu") {
		t.Errorf("not a CPU profile: %s", top)
	}
}

func TestCaptureDoesWithoutACPUProfile(t *testing.T) {
	other, err := os.Create(filepath.Join(t.TempDir(), "other"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := pprof.StartCPUProfile(other); err != nil {
		t.Fatal(err)
	}
	defer pprof.StopCPUProfile()
	a := &alarm{Rule: ruleMemory, Capture: filepath.Join(t.TempDir(), profilesDir, "x")}
	if err := writeCapture(t.Context(), a, time.Hour); err != nil {
		t.Fatal(err)
	}
	if got, want := names(t, a.Capture), []string{"alarm.json", "goroutine.pb.gz", "heap.pb.gz"}; !slices.Equal(got, want) {
		t.Errorf("the capture has %q, want %q", got, want)
	}
	text, err := os.ReadFile(filepath.Join(a.Capture, "alarm.json"))
	if err != nil {
		t.Fatal(err)
	}
	var said struct{ Note string }
	if err := json.Unmarshal(text, &said); err != nil || !strings.Contains(said.Note, "no CPU profile") {
		t.Errorf("%v: %s", err, text)
	}
}

func TestStopGivesUpACapture(t *testing.T) {
	state := t.TempDir()
	dir := filepath.Join(state, profilesDir)
	w := run(t, func(c *Config) { c.StateDir, c.Settings.Memory, c.Settings.CPU = state, 1, time.Hour }, nil)
	until(t, "the CPU profile", func() bool {
		parts, _ := filepath.Glob(filepath.Join(dir, partPrefix+"*", "cpu.pb.gz"))
		return len(parts) == 1
	})
	w.stop()
	if left := names(t, dir); len(left) > 0 {
		t.Errorf("%q is left", left)
	}
	if failed := w.events.of(t, "capture"); len(failed) > 0 {
		t.Errorf("a stop was called a failure: %+v", failed)
	}
}

func TestFailedCaptureLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := filepath.Join(t.TempDir(), profilesDir)
	a := &alarm{Rule: ruleMemory, Capture: filepath.Join(dir, "x")}
	if err := writeCapture(ctx, a, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if left := names(t, dir); len(left) > 0 {
		t.Errorf("%q is left", left)
	}
}
