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
		{"--whole 0 --aborted 0 --ranged 0", "nothing to download"},
		{"--url http://127.0.0.1:1/f", "--url and --pid go together"},
		{"--pid 1", "--url and --pid go together"},
		{"--url ftp://h/f --pid 1", "want http://"},
		{"--access-log f", "need --url"},
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
	config.URL, config.PID, config.Size = "http://127.0.0.1:1/f", os.Getpid(), 1<<20
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
	for _, size := range []int64{1, 2, 1000, 64 << 20, 2 << 30} {
		plan := newPlanner(config, "r", size)
		for range 50 {
			requests := plan.round()
			if len(requests) != config.Whole+config.Aborted+config.Ranged {
				t.Fatalf("size %d: %d requests", size, len(requests))
			}
			for _, r := range requests {
				if r.Kind == load.Aborted && (r.Take < 1 || r.Take > size) {
					t.Errorf("size %d: abort after %d bytes", size, r.Take)
				}
				if r.Kind == load.Ranged && (r.First < 0 || r.Last < r.First || r.Last >= size) {
					t.Errorf("size %d: range %d-%d", size, r.First, r.Last)
				}
			}
		}
	}
}
