//go:build linux

package e2e

// The units in deploy/systemd, as systemd's own tools see them.

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// units copies the unit files, which then start the program under test, and
// gives their names. A systemd that does not know notify-reload yet is given
// notify, as the folder's README.md says.
func units(t *testing.T) (service, socket string) {
	t.Helper()
	out, err := exec.Command(needTool(t, "systemd-analyze"), "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	version := 0
	if _, err := fmt.Sscanf(string(out), "systemd %d", &version); err != nil {
		t.Fatalf("%v: %q", err, out)
	}
	dir := t.TempDir()
	for _, name := range []string{"fullbore.service", "fullbore.socket"} {
		unit, err := os.ReadFile(filepath.Join("deploy", "systemd", name))
		if err != nil {
			t.Fatal(err)
		}
		unit = bytes.Replace(unit, []byte("ExecStart=/usr/local/bin/fullbore "), []byte("ExecStart="+binary+" "), 1)
		if version < 253 {
			unit = bytes.Replace(unit, []byte("Type=notify-reload"), []byte("Type=notify"), 1)
		}
		if err := os.WriteFile(filepath.Join(dir, name), unit, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "fullbore.service"), filepath.Join(dir, "fullbore.socket")
}

func TestUnitsAreValid(t *testing.T) {
	service, socket := units(t)
	cmd := exec.Command("systemd-analyze", "verify", service, socket)
	cmd.Env = append(os.Environ(), "SYSTEMD_UNIT_PATH="+filepath.Dir(service)+":")
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

// The exposure that systemd finds, of 100; most of what is left is that the
// service has a network.
func TestUnitIsHardened(t *testing.T) {
	service, _ := units(t)
	out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=11", "--no-pager", service).CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
}

// What the unit forbids, the server does not need: each system call of a whole
// life is among those that it allows.
func TestUnitAllowsTheSystemCallsInUse(t *testing.T) {
	strace := needTool(t, "strace")
	service, _ := units(t)
	unit, err := os.ReadFile(service)
	if err != nil {
		t.Fatal(err)
	}
	allowed := map[string]bool{}
	for _, set := range append([]string{"@default"}, filters(string(unit), "=@")...) {
		systemCalls(t, set, func(call string) { allowed[call] = true })
	}
	for _, set := range filters(string(unit), "=~@") {
		systemCalls(t, set, func(call string) { delete(allowed, call) })
	}
	dir := t.TempDir()
	sparse(t, dir, "file", 1<<20)
	trace := filepath.Join(t.TempDir(), "trace")
	m := newManager(t)
	_, file := held(t)
	s := startWith(t, func(cmd *exec.Cmd) {
		pass("public", file)(cmd)
		cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+m.path, "WATCHDOG_USEC=100000", "STATE_DIRECTORY="+t.TempDir())
	}, []string{"sh", "-c", `LISTEN_PID=$$ exec "$@"`, "sh", strace, "-D", "-f", "-o", trace}, dir)
	m.until("WATCHDOG=1")
	for _, url := range []string{s.url("/file"), s.url("/"), s.url("/nope"), "http://" + s.admin + "/metrics", "http://" + s.admin + "/readyz"} {
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	_ = s.cmd.Process.Signal(syscall.SIGHUP)
	m.until("RELOADING=1")
	m.until("READY=1")
	s.stop()
	seen := map[string]bool{}
	for _, call := range regexp.MustCompile(`(?m)^\d+ +(\w+)\(`).FindAllStringSubmatch(string(wholeTrace(t, trace, s.cmd.Process.Pid)), -1) {
		seen[call[1]] = true
	}
	if !seen["sendfile"] || !seen["openat2"] {
		t.Errorf("not what a server does: %v", seen)
	}
	for call := range seen {
		if !allowed[call] {
			t.Errorf("the server uses %s, which SystemCallFilter forbids", call)
		}
	}
}

// filters lists the sets of a unit's SystemCallFilter lines that begin so.
func filters(unit, begin string) []string {
	var sets []string
	for line := range strings.Lines(unit) {
		if value, ok := strings.CutPrefix(line, "SystemCallFilter"+begin); ok {
			sets = append(sets, strings.Fields("@"+value)...)
		}
	}
	return sets
}

// systemCalls names each system call of a set.
func systemCalls(t *testing.T, set string, name func(string)) {
	t.Helper()
	out, err := exec.Command("systemd-analyze", "syscall-filter", "--no-pager", set).Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		switch line = strings.TrimSpace(line); {
		case line == set || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "@"):
			systemCalls(t, line, name)
		default:
			name(line)
		}
	}
}
