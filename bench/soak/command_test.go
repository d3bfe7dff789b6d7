//go:build linux

package soak

// This file checks what the command line refuses, and that it says so with the
// exit code that scripts rely on.

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fullbore/bench/load"
)

func TestWrongUsageExitsWithCouldNotRun(t *testing.T) {
	cases := []struct {
		args string
		want string
	}{
		{"--nonsense", "unknown flag"},
		{"extra", "takes no arguments"},
		{"--size many", "not a size"},
		{"--rounds 0", "at least 1"},
		{"--downloads 0", "nothing to download"},
		{"--url http://127.0.0.1:1/f", "--url and --pid go together"},
		{"--pid 1", "--url and --pid go together"},
		{"--url ftp://h/f --pid 1", "want http://"},
		{"--access-log f", "need --url"},
		{"--mix whole=1,half=2", "\"half\" is none of"},
		{"--mix whole", "not KIND=WEIGHT"},
		{"--mix whole=-1", "not KIND=WEIGHT"},
		{"--url http://127.0.0.1:1/f --pid 1 --container x", "choose one"},
		{"--url http://127.0.0.1:1/f --cgroup /nonexistent", "read cgroup"},
		{"--sample-every 0s", "at least 1ms"},
		{"--url http://127.0.0.1:1/f --pid 999999999", "no process has pid 999999999"},
	}
	for _, c := range cases {
		t.Run(c.args, func(t *testing.T) {
			command := Command()
			command.SilenceErrors, command.SilenceUsage = true, true
			command.SetArgs(strings.Fields(c.args))
			command.SetOut(io.Discard)
			command.SetErr(io.Discard)
			err := command.ExecuteContext(t.Context())
			var exit *Exit
			if !errors.As(err, &exit) || exit.Code != ExitCouldNot || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want exit %d and %q", err, ExitCouldNot, c.want)
			}
		})
	}
}

func TestCreatedFileIsRemovedAndNoOthers(t *testing.T) {
	config := ConfigDefault
	config.URL, config.PIDs, config.Size = "http://127.0.0.1:1/f", []int{os.Getppid()}, 1<<20
	config.Create = filepath.Join(t.TempDir(), "f")
	subject, err := prepare(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(config.Create); err != nil || info.Size() != config.Size {
		t.Errorf("created: %v, %v", info, err)
	}
	if _, err := prepare(t.Context(), config); err == nil {
		t.Error("a file that exists was accepted")
	}
	if _, err := os.Stat(config.Create); err != nil {
		t.Errorf("a file that existed before was removed: %v", err)
	}
	if err := subject.release(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(config.Create); err == nil {
		t.Error("the created file is still there")
	}
}

func TestPlanStaysInsideTheFile(t *testing.T) {
	config := ConfigDefault
	for _, size := range []int64{1, 2, 3, 1000, 64 << 20, 2 << 30} {
		plan := newPlanner(config, config.counts(), "r", size)
		for range 50 {
			requests := plan.round()
			if len(requests) != config.Downloads {
				t.Fatalf("size %d: %d requests", size, len(requests))
			}
			for _, r := range requests {
				spans := r.Spans
				switch r.Kind {
				case load.Aborted, load.Resumed, load.Slow:
					if r.Take < 1 || r.Take > size {
						t.Errorf("size %d: %s takes %d bytes", size, r.Kind, r.Take)
					}
				case load.Ranged:
					spans = []load.Span{{First: r.First, Last: r.Last}}
				}
				for _, span := range spans {
					if (size >= 3 || r.Kind == load.Ranged) && (span.First < 0 || span.Last < span.First || span.Last >= size) {
						t.Errorf("size %d: %s of %+v", size, r.Kind, spans)
					}
				}
			}
		}
	}
}

func TestMixIsSharedOutInWholeDownloads(t *testing.T) {
	var mix Mix
	if err := mix.Set("whole=50, aborted=25,range=15,ranges=5,resumed=3,slow=2"); err != nil {
		t.Fatal(err)
	}
	if got := mix.String(); got != "whole=50,aborted=25,ranged=15,ranges=5,resumed=3,slow=2" {
		t.Errorf("prints as %q", got)
	}
	for n := range 60 {
		sum := 0
		for kind, count := range mix.share(n) {
			sum += count
			if exact := float64(n) * mix[kind] / 100; float64(count) < exact-1 || float64(count) > exact+1 {
				t.Errorf("%d downloads: %d of %s, the weight says %v", n, count, kind, exact)
			}
		}
		if sum != n {
			t.Errorf("%d downloads became %d", n, sum)
		}
	}
}

func TestNumbersGoBeforeTheMix(t *testing.T) {
	config := ConfigDefault
	config.Whole, config.Aborted = 3, 0
	if got := config.counts(); got[load.Whole] != 3 || got[load.Aborted] != 0 || got[load.Ranged] != 3 || got[load.Head] != 1 {
		t.Errorf("counts %v", got)
	}
	for kind, n := range ConfigDefault.counts() { // what is promised of a default run
		least := map[load.Kind]int{load.Whole: 100, load.Aborted: 50, load.Ranged: 50}[kind]
		if n *= ConfigDefault.Rounds; n < max(1, least) {
			t.Errorf("%d %s by default, want at least %d", n, kind, max(1, least))
		}
	}
	if measured := ConfigDefault.Rounds - ConfigDefault.Warmup; measured < 12 {
		t.Errorf("%d rounds after warm-up by default, want 12, which can be corrected for autocorrelation", measured)
	}
}
