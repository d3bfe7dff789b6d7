//go:build linux

package soak

// This file gives the soak targets, logs and files that are the wrong ones. It
// exists because each of them once looked like a verdict on the server.

import (
	"bytes"
	"context"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fullbore/bench/load"
	"fullbore/bench/process"
)

// served is a plain server with a file, and a configuration that measures it.
func served(t *testing.T) (config Config, folder string, server *process.Server) {
	t.Helper()
	if testing.Short() {
		t.Skip("skipping soaks of real servers")
	}
	folder = t.TempDir()
	if err := load.SparseFile(filepath.Join(folder, fileName), quick.Size); err != nil {
		t.Fatal(err)
	}
	server = launchControl(t, "plain", folder, filepath.Join(folder, "access.log"))
	config = quick
	config.URL, config.PIDs, config.Rounds, config.Warmup = server.URL+"/"+fileName, []int{server.PID}, 1, 0
	return config, folder, server
}

func wantRefusal(t *testing.T, config Config, mentions ...string) {
	t.Helper()
	var out bytes.Buffer
	code, err := Run(t.Context(), config, &out, io.Discard)
	if code != ExitCouldNot || err == nil {
		t.Fatalf("exit %d, error %v, want %d and a reason\n%s", code, err, ExitCouldNot, out.String())
	}
	for _, text := range mentions {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("error %q does not say %q", err, text)
		}
	}
	if strings.Contains(out.String(), "WRONG") {
		t.Errorf("the server is accused:\n%s", out.String())
	}
}

func TestProcessThatServesNothingIsRefused(t *testing.T) {
	config, _, _ := served(t)
	sleeper := exec.Command("sleep", "600")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = sleeper.Process.Kill(), sleeper.Wait() }()
	config.PIDs, config.Rounds, config.Whole = []int{sleeper.Process.Pid}, 7, 16 // more than a GB in a round
	wantRefusal(t, config, "does it serve "+config.URL, "0s of CPU time")
}

func TestLogThatIsNotTheServersIsRefused(t *testing.T) {
	config, folder, _ := served(t)
	common := filepath.Join(folder, "common.log")
	for _, c := range []struct{ name, path, want string }{
		{"no file", filepath.Join(folder, "none.log"), "there is no such file"},
		{"another server's", "/dev/null", "is it that server's log?"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			config := config
			config.AccessLog = c.path
			wantRefusal(t, config, "--access-log "+c.path, c.want)
		})
	}
	log := &accessLog{path: common, run: "r", lines: map[string][]logLine{}}
	log.take([]byte(`127.0.0.1 - - "GET /f?soak=r-1 HTTP/1.1" 200 100`))
	log.file = os.Stdin // there is one
	if err := log.silent(); log.knows([]load.Result{{Request: load.Request{ID: "r-1"}}}) || !strings.Contains(err.Error(), "1 lines in another format") {
		t.Errorf("error %v, want one about the format", err)
	}
}

func TestFailedDownloadsAreNoWrongByteCounts(t *testing.T) {
	m := &measurement{hasLog: true, done: map[load.Kind]int{}}
	failed := []load.Result{{Request: load.Request{ID: "r-1", Kind: load.Whole}, Err: io.ErrUnexpectedEOF}}
	if n := m.tally(failed); n != 1 || strings.Contains(m.byteCounts(), "WRONG") || !strings.Contains(m.failed(), "1 FAILED") {
		t.Errorf("%d failed: byte counts %s%s", n, m.byteCounts(), m.failed())
	}
	if code := m.exitCode(); code != ExitLeak {
		t.Errorf("exit %d for a server whose downloads fail, want %d", code, ExitLeak)
	}
}

func TestCommandIsNotStartedWhereSomethingListens(t *testing.T) {
	config, folder, _ := served(t)
	began := filepath.Join(folder, "began")
	config.PIDs, config.Exec = nil, "touch "+began
	wantRefusal(t, config, "answers already")
	if _, err := os.Stat(began); err == nil {
		t.Error("the command was started")
	}
}

func TestInterruptionHidesNoOtherError(t *testing.T) {
	config, folder, _ := served(t)
	if err := os.Remove(filepath.Join(folder, fileName)); err != nil {
		t.Fatal(err)
	}
	config.Create, config.Rounds = filepath.Join(folder, fileName), 7
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out bytes.Buffer
	code, err := Run(ctx, config, &out, &onFirstLine{do: func() {
		_ = os.Remove(config.Create) // then it cannot be removed at the end
		cancel()
	}})
	if code != ExitCouldNot || err == nil || !strings.Contains(err.Error(), "no such file") || strings.Contains(err.Error(), "before the first round") {
		t.Errorf("exit %d, error %v, want %d and the file that is not there\n%s", code, err, ExitCouldNot, out.String())
	}
}

func TestKindsForWhichThereIsNoRoomAreNamed(t *testing.T) {
	config := ConfigDefault
	if few := config.crowdedOut(); len(few) > 0 {
		t.Errorf("a default run is without %v", few)
	}
	config.Downloads = 10
	counts := config.counts()
	few := config.crowdedOut()
	for _, kind := range load.Kinds {
		missing := counts[kind] == 0 && config.Mix[kind] > 0
		if named := strings.Contains(strings.Join(few, " "), string(kind)); missing && !named {
			t.Errorf("%s is left out and not named in %v", kind, few)
		}
	}
	if len(few) == 0 {
		t.Error("ten downloads were enough for every kind")
	}
	config.Whole = 0
	if config.Downloads = 18; len(config.crowdedOut()) > 0 {
		t.Errorf("%v named, which was asked for", config.crowdedOut())
	}
}

func TestWhoListensIsKnown(t *testing.T) {
	_, _, server := served(t)
	if got := process.Processes(server.Process).Listens(0); got != process.Unknown {
		t.Errorf("port that nobody has: %v", got)
	}
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	port := portOf(address)
	service := process.Processes(server.Process)
	if _, err := service.Quick(); err != nil {
		t.Fatal(err)
	}
	if got := service.Listens(port); got != process.Yes {
		t.Errorf("the server's own port: %v", got)
	}
	sleeper, err := process.Spawn(process.Command{Path: "sleep", Args: []string{"600"}})
	if err != nil {
		t.Fatal(err)
	}
	defer sleeper.Stop()
	other := process.Processes(sleeper.Process)
	if _, err := other.Quick(); err != nil {
		t.Fatal(err)
	}
	if got := other.Listens(port); got != process.No {
		t.Errorf("another process: %v", got)
	}
}
