//go:build linux

package soak

// This file soaks real servers whose verdict is known. It exists because a leak
// detector that has never caught a leak, or has never let a good server pass,
// proves nothing. Files are small and rounds short; no assertion is about time.

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"fullbore/bench/load"
	"fullbore/bench/process"
	"fullbore/bench/report"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// quick is a soak of seconds. The file is larger than any socket buffer.
var quick = Config{
	Size: 64 << 20, Rounds: 7, Warmup: 1, Whole: 3, Aborted: 2, Ranged: 2, Concurrency: 4, Rest: 100 * time.Millisecond, SampleEvery: 10 * time.Millisecond,
	Seed: 7, MaxGrowth: ConfigDefault.MaxGrowth, MaxPeak: ConfigDefault.MaxPeak,
}

func TestSoakTellsLeakingServersFromFlatOnes(t *testing.T) {
	if testing.Short() {
		t.Skip("skipping soaks of real servers")
	}
	cases := []struct {
		name     string
		pkg      string
		flags    []string
		log      bool
		want     int
		mentions []string
	}{
		{"Go's file server", "plain", nil, true, ExitFlat, []string{"verified, 49 downloads to the byte", "verdict: flat"}},
		{"log that repeats Content-Length", "plain", []string{"-lie"}, true, ExitLeak, []string{"byte counts: WRONG", "verdict: flat"}},
		{"log with every line twice", "plain", []string{"-double"}, true, ExitLeak, []string{"byte counts: WRONG", "2 log lines"}},
		{"logger that buffers the file", "leaky", nil, false, ExitLeak, []string{"verdict: leak", "RssAnon at rest"}},
		{"descriptor kept per abort", "hoarder", nil, false, ExitLeak, []string{"verdict: leak", "not verified (no --access-log)", "open descriptors at rest grows"}},
	}
	folder := t.TempDir()
	if err := load.SparseFile(filepath.Join(folder, fileName), quick.Size); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			log := filepath.Join(t.TempDir(), "access.log")
			server := launchControl(t, c.pkg, append(c.flags, folder, log)...)
			config := quick
			config.URL, config.PIDs = server.URL+"/"+fileName, []int{server.PID}
			if c.log {
				config.AccessLog = log
			}
			wantSoak(t, config, c.want, c.mentions...)
		})
	}
}

func TestSoakOfFullbore(t *testing.T) {
	if testing.Short() {
		t.Skip("skipping a soak of fullbore itself")
	}
	t.Parallel()
	config := quick
	config.Server = filepath.Join(t.TempDir(), "fullbore")
	if err := process.Build(t.Context(), "fullbore", config.Server); err != nil {
		t.Fatal(err)
	}
	config.Report = filepath.Join(t.TempDir(), "report")
	config.Mix, config.Downloads, config.Slow = MixDefault, 30, 100*time.Millisecond
	wantSoak(t, config, ExitFlat, "downloads to the byte", "verdict: flat", "resumed", "missing")

	var result report.Soak
	text, err := os.ReadFile(filepath.Join(config.Report, "result.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &result); err != nil {
		t.Fatal(err)
	}
	if result.Verdict != "flat" || len(result.Rest) != config.Rounds || len(result.Samples) == 0 {
		t.Errorf("JSON: verdict %q, %d rests, %d samples", result.Verdict, len(result.Rest), len(result.Samples))
	}
}

func TestTargetThatDiesIsReportedAsSuch(t *testing.T) {
	t.Parallel()
	config, folder, server := served(t)
	config.Rounds, config.Warmup = 1000, quick.Warmup
	config.JSON = filepath.Join(folder, "result.json")
	config.Report = filepath.Join(folder, "report")
	progress := &onFirstLine{do: server.Stop} // after round 1, whenever that is
	var out bytes.Buffer
	code, err := Run(t.Context(), config, &out, progress)
	if code != ExitCouldNot || err == nil || !strings.Contains(err.Error(), "died in round") {
		t.Errorf("exit %d, error %v, want %d and the round in which it died", code, err, ExitCouldNot)
	}
	if text, err := os.ReadFile(config.JSON); err != nil || !strings.Contains(string(text), "could not run") {
		t.Errorf("no result for a run that failed: %v", err)
	}
	if page, err := os.ReadFile(filepath.Join(config.Report, "report.html")); err != nil || !strings.Contains(string(page), "died in round") {
		t.Errorf("no page for a run whose target died: %v", err)
	}
	if !strings.Contains(out.String(), "until then: verdict") {
		t.Errorf("what there was by then is not shown:\n%s", out.String())
	}
}

func TestInterruptedSoakJudgesWhatItHas(t *testing.T) {
	t.Parallel()
	config, folder, _ := served(t)
	config.Rounds, config.Warmup, config.AccessLog = quick.Rounds, quick.Warmup, filepath.Join(folder, "access.log")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out bytes.Buffer
	code, err := Run(ctx, config, &out, &onFirstLine{do: cancel})
	if code != ExitUndecided || err != nil || !strings.Contains(out.String(), "interrupted in round 2 of 7") {
		t.Errorf("exit %d, error %v, want %d and what there was:\n%s", code, err, ExitUndecided, out.String())
	}
}

func TestVerdictSurvivesAReportThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	config, folder, _ := served(t)
	config.Warmup = quick.Warmup
	config.JSON, config.Report = filepath.Join(folder, "none", "result.json"), filepath.Join(folder, fileName, "report")
	var out bytes.Buffer
	code, err := Run(t.Context(), config, &out, &bytes.Buffer{})
	if code != ExitCouldNot || err == nil || !strings.Contains(err.Error(), "result.json") || !strings.Contains(out.String(), "verdict: undecided") {
		t.Errorf("exit %d, error %v, want %d and the verdict nonetheless:\n%s", code, err, ExitCouldNot, out.String())
	}
}

// onFirstLine calls do when progress is written for the first time.
type onFirstLine struct {
	do   func()
	done bool
}

func (w *onFirstLine) Write(p []byte) (int, error) {
	if !w.done {
		w.done = true
		w.do()
	}
	return len(p), nil
}

func launchControl(t *testing.T, pkg string, args ...string) *process.Server {
	t.Helper()
	binary := filepath.Join(t.TempDir(), pkg)
	if err := process.Build(t.Context(), "./testdata/"+pkg, binary); err != nil {
		t.Fatal(err)
	}
	server, err := process.Launch(t.Context(), process.Command{Path: binary, Args: args})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server
}

func wantSoak(t *testing.T, config Config, want int, mentions ...string) {
	t.Helper()
	var out, progress bytes.Buffer
	code, err := Run(t.Context(), config, &out, &progress)
	if code != want || err != nil {
		t.Fatalf("exit %d, error %v, want %d\n%s%s", code, err, want, progress.String(), out.String())
	}
	for _, text := range mentions {
		if !strings.Contains(out.String(), text) {
			t.Errorf("report does not mention %q:\n%s", text, out.String())
		}
	}
}
