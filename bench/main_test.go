//go:build linux

package main

// This file runs the program as people do, against a real server. It exists for
// what only shows from outside: how much memory the harness itself takes, what
// Ctrl-C does to it, and a disk that is full.

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/procfs"

	"fullbore/bench/load"
	"fullbore/bench/process"
	"fullbore/bench/report"
)

// harness is the built program and a server to measure.
type harness struct {
	binary string
	server *process.Server
	flags  []string // that say what to measure
}

func newHarness(t *testing.T, size int64) *harness {
	t.Helper()
	if testing.Short() {
		t.Skip("skipping runs of the built program")
	}
	folder := t.TempDir()
	h := &harness{binary: filepath.Join(folder, "bench")}
	plain := filepath.Join(folder, "plain")
	err := errors.Join(process.Build(t.Context(), ".", h.binary), process.Build(t.Context(), "./soak/testdata/plain", plain),
		load.SparseFile(filepath.Join(folder, "f"), size))
	if err != nil {
		t.Fatal(err)
	}
	if h.server, err = process.Launch(t.Context(), process.Command{Path: plain, Args: []string{folder, filepath.Join(folder, "log")}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.server.Stop)
	h.flags = []string{"soak", "--url", h.server.URL + "/f", "--pid", strconv.Itoa(h.server.PID)}
	return h
}

func (h *harness) command(flags ...string) *exec.Cmd {
	return exec.Command(h.binary, append(append([]string{}, h.flags...), flags...)...)
}

func TestHarnessStaysSmallWithManyClients(t *testing.T) {
	const clients, most = 4000, 64_000_000
	h := newHarness(t, 64<<20)
	out := filepath.Join(t.TempDir(), "result.json")
	cmd := h.command("--concurrency", strconv.Itoa(clients), "--downloads", strconv.Itoa(clients), "--mix", "slow=1", "--slow", "3s",
		"--sample-every", "10ms", "--rounds", "2", "--warmup", "0", "--rest", "0s", "--cooldown", "0s", "--json", out)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	process, err := process.Attach(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	var highest int64 // of VmHWM, which never falls
	for {
		sample, err := process.Sample()
		if err != nil {
			break
		}
		highest = max(highest, sample.HighWater) // a process that has just ended has none
		time.Sleep(10 * time.Millisecond)
	}
	_ = cmd.Wait() // two rounds are too few to decide
	var result report.Soak
	text, err := os.ReadFile(out)
	if err == nil {
		err = json.Unmarshal(text, &result)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	if len(result.Rest) != 2 || result.Peak.Descriptors < clients {
		t.Errorf("%d rounds, and never more than %d descriptors open in the server, want 2 and %d:\n%s",
			len(result.Rest), result.Peak.Descriptors, clients, said.String())
	}
	if highest == 0 || highest >= most {
		t.Errorf("the harness took %d bytes, want less than %d", highest, most)
	}
	t.Logf("%.1f MB", float64(highest)/1e6)
}

// TestEndOfTheTerminalStopsTheServer is about ssh that is lost, and about a
// harness that is killed: neither may leave its server behind.
func TestEndOfTheTerminalStopsTheServer(t *testing.T) {
	h := newHarness(t, 16<<20)
	fullbore := filepath.Join(t.TempDir(), "fullbore")
	if err := process.Build(t.Context(), "fullbore", fullbore); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		signal os.Signal
		code   int
	}{{syscall.SIGHUP, 2}, {os.Kill, -1}} {
		t.Run(c.signal.String(), func(t *testing.T) {
			scratch := t.TempDir()
			cmd := exec.Command(h.binary, "soak", "--server", fullbore, "--size", "16MiB", "--rounds", "10000", "--rest", "10ms", "--slow", "10ms")
			cmd.Env = append(os.Environ(), "TMPDIR="+scratch)
			var children []*process.Process
			cmd.Stderr = &onRound{name: "round 2/", do: func() {
				children = childrenOf(t, cmd.Process.Pid)
				_ = cmd.Process.Signal(c.signal)
			}}
			_ = cmd.Run() // the exit status is asked for below
			if code := cmd.ProcessState.ExitCode(); code != c.code || len(children) != 1 {
				t.Fatalf("exit %d, %d children, want %d and one", code, len(children), c.code)
			}
			for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
				if _, err := children[0].Sample(); errors.Is(err, process.ErrGone) {
					break
				}
				if time.Now().After(deadline) {
					t.Fatal("the server is still there")
				}
			}
			if left, err := os.ReadDir(scratch); c.code > 0 && (err != nil || len(left) > 0) {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func childrenOf(t *testing.T, pid int) (children []*process.Process) {
	t.Helper()
	all, err := procfs.AllProcs()
	if err != nil {
		t.Error(err)
	}
	for _, p := range all {
		if stat, err := p.Stat(); err == nil && stat.PPID == pid {
			if child, err := process.Attach(p.PID); err == nil {
				children = append(children, child)
			}
		}
	}
	return children
}

func TestInterruptLeavesAReport(t *testing.T) {
	h := newHarness(t, 16<<20)
	folder := filepath.Join(t.TempDir(), "report")
	cmd := h.command("--rounds", "10000", "--rest", "10ms", "--slow", "10ms", "--report", folder)
	var out bytes.Buffer
	cmd.Stdout = &out
	cmd.Stderr = &onRound{name: "round 2/", do: func() { _ = cmd.Process.Signal(os.Interrupt) }}
	_ = cmd.Run() // the exit status is asked for below
	if code := cmd.ProcessState.ExitCode(); code != 2 || !strings.Contains(out.String(), "interrupted in round") {
		t.Errorf("exit %d, want 2 and what there was:\n%s", code, out.String())
	}
	page, err := os.ReadFile(filepath.Join(folder, "report.html"))
	if err != nil || !bytes.Contains(page, []byte("The run was interrupted")) {
		t.Errorf("no page that says it was interrupted: %v", err)
	}
}

// onRound calls do when the line that begins with name is written.
type onRound struct {
	name string
	do   func()
	seen bool
}

func (w *onRound) Write(p []byte) (int, error) {
	if !w.seen && bytes.Contains(p, []byte(w.name)) {
		w.seen = true
		w.do()
	}
	return len(p), nil
}

func TestFullDiskLosesTheReportAndNotTheVerdict(t *testing.T) {
	h := newHarness(t, 16<<20)
	disk := t.TempDir()
	mount := "mount -t tmpfs -o size=16k none " + disk + ` && "$@"; code=$?; ls -A ` + disk + "/report >&2; exit $code"
	if out, err := exec.Command("unshare", "--map-root-user", "--mount", "true").CombinedOutput(); err != nil {
		t.Skipf("no file system of its own can be mounted here: %s", out)
	}
	inside := h.command("--rounds", "1", "--warmup", "0", "--rest", "10ms", "--cooldown", "0s", "--slow", "10ms", "--report", filepath.Join(disk, "report"))
	cmd := exec.Command("unshare", append([]string{"--map-root-user", "--mount", "sh", "-c", mount, "sh"}, inside.Args...)...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	_ = cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code != 3 || !strings.Contains(said.String(), "no space left on device") {
		t.Errorf("exit %d, want 3 and the reason:\n%s", code, said.String())
	}
	if !strings.Contains(out.String(), "verdict: undecided") {
		t.Errorf("no verdict:\n%s", out.String())
	}
	if strings.Contains(said.String(), "report.html.") {
		t.Errorf("half of a file was left behind:\n%s", said.String())
	}
}
