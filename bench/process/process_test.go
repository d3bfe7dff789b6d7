//go:build linux

package process

// This file starts real children and watches them end.

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSampleOfThisProcess(t *testing.T) {
	process, err := Attach(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	got, err := process.Sample()
	if err != nil {
		t.Fatal(err)
	}
	if got.RSS < got.Anon || got.Anon <= 0 || got.HighWater < got.RSS/2 || got.Threads < 1 || got.Descriptors < 3 || got.CPU <= 0 {
		t.Errorf("%+v is not a plausible process", got)
	}
	file, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if more, err := process.Sample(); err != nil || more.Descriptors != got.Descriptors+1 || more.CPU < got.CPU {
		t.Errorf("%+v after %+v and one more open file: %v", more, got, err)
	}
}

func TestEndedProcessIsGone(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	process, err := Attach(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // says that it was killed
	if _, err := process.Sample(); !errors.Is(err, ErrGone) {
		t.Errorf("error %v, want %v", err, ErrGone)
	}
	if _, err := Attach(cmd.Process.Pid); err == nil || !strings.Contains(err.Error(), "no process has pid") {
		t.Errorf("attached to an ended process: %v", err)
	}
}

func TestReusedPIDIsAnotherProcess(t *testing.T) {
	process, err := Attach(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	process.start--
	if _, err := process.Sample(); !errors.Is(err, ErrGone) {
		t.Errorf("error %v, want %v", err, ErrGone)
	}
}

func TestLaunchFindsTheReadyLine(t *testing.T) {
	const script = "echo hello >&2; printf 'listening http://127' >&2; echo .0.0.1:80 >&2; echo admin http://127.0.0.1:81 >&2; echo bye >&2; exec sleep 60"
	server, err := Launch(t.Context(), Command{Path: "/bin/sh", Args: []string{"-c", script}})
	if err != nil {
		t.Fatal(err)
	}
	if server.URL != "http://127.0.0.1:80" {
		t.Errorf("URL %q", server.URL)
	}
	if admin := server.Admin(t.Context()); admin != "http://127.0.0.1:81" {
		t.Errorf("admin %q", admin)
	}
	// The ready line is not the last one; nothing says when that comes.
	for deadline := time.Now().Add(time.Minute); server.LastWords() != "bye" && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	server.Stop()
	server.Stop()
	if _, err := server.Sample(); !errors.Is(err, ErrGone) {
		t.Errorf("after Stop: %v, want %v", err, ErrGone)
	}
	if server.LastWords() != "bye" {
		t.Errorf("last words %q, want %q", server.LastWords(), "bye")
	}
}

func TestLaunchSaysWhyAServerDidNotStart(t *testing.T) {
	_, err := Launch(t.Context(), Command{Path: "/bin/sh", Args: []string{"-c", "echo no such folder >&2; exit 1"}})
	if err == nil || !strings.Contains(err.Error(), "no such folder") {
		t.Errorf("error %v, want the server's own words", err)
	}
	if _, err := Launch(t.Context(), Command{Path: "/nonexistent"}); err == nil {
		t.Error("a program that does not exist was started")
	}
}

func TestServerIsPinnedFromItsFirstThread(t *testing.T) {
	before, err := Affinity()
	if err != nil {
		t.Fatal(err)
	}
	const script = "echo listening http://$(nproc) >&2; exec sleep 60"
	server, err := Launch(t.Context(), Command{Path: "/bin/sh", Args: []string{"-c", script}, CPUs: before[:1]})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	if server.URL != "http://1" {
		t.Errorf("server sees %s processors, want 1", strings.TrimPrefix(server.URL, "http://"))
	}
	if after, err := Affinity(); err != nil || len(after) != len(before) {
		t.Errorf("this process may use %v afterwards, %v before: %v", after, before, err)
	}
}
