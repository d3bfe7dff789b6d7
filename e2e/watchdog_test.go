//go:build unix

package e2e

// The watchdog of the real server: alarms, captures, and what it does when there
// is no room for them. That it finds leaks is tested in app/watch, with a server
// that has some.

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// watchEvent is what the watchdog says on standard error.
type watchEvent struct {
	Event, Rule, State, Reason, Where, Error, Message string
}

// watchEvents waits for n events of a kind and returns them all.
func (s *server) watchEvents(kind string, n int) []watchEvent {
	s.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		var events []watchEvent
		for line := range strings.Lines(s.stderr.String()) {
			var e watchEvent
			if json.Unmarshal([]byte(line), &e) == nil && e.Event == kind {
				events = append(events, e)
			}
		}
		if len(events) >= n {
			return events
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("want %d events %q, it said:\n%s", n, kind, s.stderr)
		}
	}
}

// serves asks for a file to see that the server goes on.
func (s *server) serves(path string) {
	s.t.Helper()
	resp, err := http.Get(s.url(path))
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK || string(body) != "content" {
		s.t.Errorf("%s: %s, %q, %v", path, resp.Status, body, err)
	}
}

// watchedFolder has a file to serve.
func watchedFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestWatchdogAlarmsAndCaptures(t *testing.T) {
	posted := make(chan watchEvent, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var e watchEvent
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
			t.Error(err)
		}
		posted <- e
	}))
	defer hook.Close()
	state := filepath.Join(t.TempDir(), "new", "state")
	s := start(t, watchedFolder(t), "--state-dir", state, "--watch-memory", "1MiB", "--watch-every", "1s", "--watch-webhook", hook.URL)
	alarm := s.watchEvents("alarm", 1)[0]
	if alarm.Rule != "memory" || alarm.State != "raised" || filepath.Dir(alarm.Where) != filepath.Join(state, "profiles") {
		t.Errorf("event %+v", alarm)
	}
	if captured := s.watchEvents("capture", 1)[0]; captured.Where != alarm.Where || captured.Error != "" {
		t.Errorf("event %+v, want one of %s", captured, alarm.Where)
	}
	if e := <-posted; e.Rule != "memory" || e.Reason != alarm.Reason {
		t.Errorf("posted %+v", e)
	}
	for _, profile := range []string{"heap.pb.gz", "goroutine.pb.gz"} {
		out, err := exec.Command(needTool(t, "go"), "tool", "pprof", "-top", filepath.Join(alarm.Where, profile)).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "flat%") {
			t.Errorf("%s: %v: %s", profile, err, out)
		}
	}
	s.serves("/file")
	s.checkHealthPart()
	// It is over the limit all the time, and told so once.
	if all := s.watchEvents("alarm", 1); len(all) != 1 {
		t.Errorf("%d alarms within the cooldown", len(all))
	}
	if code := s.stop(); code != 0 {
		t.Errorf("exit status %d", code)
	}
}

// checkHealthPart waits until the health of the process is said to be bad, which is
// judged later than the alarm is raised.
func (s *server) checkHealthPart() {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		health := s.health()
		for _, part := range health.Parts {
			if part.Name == "process" && part.Score < 100 && health.Score < 100 && strings.Contains(part.Reason, "resident memory") {
				return
			}
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("health %+v", health)
		}
	}
}

func TestWatchdogKeepsTheLatestCaptures(t *testing.T) {
	state := t.TempDir()
	s := start(t, watchedFolder(t), "--state-dir", state, "--watch-memory", "1MiB",
		"--watch-every", "1s", "--watch-cooldown", "1s", "--watch-keep", "1")
	captured := s.watchEvents("capture", 3)
	if code := s.stop(); code != 0 {
		t.Errorf("exit status %d", code)
	}
	kept, err := os.ReadDir(filepath.Join(state, "profiles"))
	// One more if it was stopped between writing and removing.
	if err != nil || len(kept) < 1 || len(kept) > 2 || kept[0].Name() <= filepath.Base(captured[0].Where) {
		t.Errorf("kept %v, %v; the first of %d was %s", kept, err, len(captured), captured[0].Where)
	}
}

func TestStateDirThatCannotBeUsed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "serve", watchedFolder(t), "--listen", "127.0.0.1:0", "--admin", "", "--state-dir", filepath.Join(file, "state"))
	out, err := cmd.CombinedOutput()
	text := string(out)
	if cmd.ProcessState.ExitCode() != 1 || strings.Count(text, "\n") != 1 || !strings.Contains(text, "--state-dir") || !strings.Contains(text, "not a directory") {
		t.Errorf("%v: %s", err, text)
	}
}

// In a read-only container without a home there are no captures; all else works.
func TestWatchdogWithoutAStateFolder(t *testing.T) {
	s := startBy(t, []string{"env", "-u", "HOME", "-u", "XDG_STATE_HOME", "-u", "STATE_DIRECTORY"},
		watchedFolder(t), "--watch-memory", "1MiB", "--watch-every", "1s")
	alarm := s.watchEvents("alarm", 1)[0]
	said := s.watchEvents("capture", 1)
	if alarm.Where != "" || len(said) != 1 || !strings.Contains(said[0].Error, "HOME") {
		t.Errorf("events %+v, %+v", alarm, said)
	}
	s.serves("/file")
}

func TestWatchdogUsesTheServiceManagersStateFolder(t *testing.T) {
	state := t.TempDir()
	s := startBy(t, []string{"env", "STATE_DIRECTORY=" + state + ":/nowhere"},
		watchedFolder(t), "--watch-memory", "1MiB", "--watch-every", "1s")
	if where := s.watchEvents("capture", 1)[0].Where; filepath.Dir(where) != filepath.Join(state, "profiles") {
		t.Errorf("captured to %q, want it in %s", where, state)
	}
}

// A disk that is full, or cannot be written to any more, costs the captures and
// nothing else.
func TestWatchdogWithoutRoom(t *testing.T) {
	unshare := needTool(t, "unshare")
	if out, err := exec.Command(unshare, "-rm", "mount", "-t", "tmpfs", "none", t.TempDir()).CombinedOutput(); err != nil {
		t.Skipf("mounting in a namespace of one's own: %v: %s", err, out)
	}
	for name, c := range map[string]struct{ prepare, want string }{
		"full":      {"mount -t tmpfs -o size=8k none $0 && (cat /dev/zero >$0/zero; rm -f $0/none)", "no space left"},
		"read-only": {"mount -t tmpfs -o ro none $0", "read-only file system"},
	} {
		t.Run(name, func(t *testing.T) {
			state := t.TempDir()
			// XDG_STATE_HOME, since what is named by --state-dir has to be writable.
			s := startBy(t, []string{
				unshare, "-rm", "sh", "-c",
				"mkdir $0/fullbore; " + c.prepare + " 2>/dev/null; unset STATE_DIRECTORY; export XDG_STATE_HOME=$0; exec \"$@\"", state,
			}, watchedFolder(t), "--watch-memory", "1MiB", "--watch-every", "1s")
			said := s.watchEvents("capture", 1)[0]
			if !strings.Contains(said.Error, c.want) {
				t.Errorf("event %+v, want %q", said, c.want)
			}
			s.watchEvents("alarm", 1)
			s.serves("/file")
			if code := s.stop(); code != 0 {
				t.Errorf("exit status %d", code)
			}
		})
	}
}

// The limit of the container counts when none is set: a real cgroup, where one
// can be made.
func TestWatchdogKnowsTheContainersLimit(t *testing.T) {
	// That is below what the server has resident, pages of its binary included,
	// which are charged to whoever read them first, and above what it is charged.
	s := startBy(t, memoryLimit(t, 16<<20),
		watchedFolder(t), "--watch-every", "1s", "--state-dir", t.TempDir())
	if alarm := s.watchEvents("alarm", 1)[0]; alarm.Rule != "memory" || !strings.Contains(alarm.Reason, "90 % of the container's") {
		t.Errorf("event %+v", alarm)
	}
	s.serves("/file")
}

// memoryLimit is put before a command that is to run in a cgroup with that much memory, in
// bytes.
func memoryLimit(t *testing.T, limit int64) []string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("there are no cgroups")
	}
	group, file := fmt.Sprintf("/sys/fs/cgroup/memory/fullbore-test-%d-%d", os.Getpid(), limit), "memory.limit_in_bytes"
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		group, file = fmt.Sprintf("/sys/fs/cgroup/fullbore-test-%d-%d", os.Getpid(), limit), "memory.max"
	}
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Skipf("no cgroup can be made here: %v", err)
	}
	t.Cleanup(func() { _ = os.Remove(group) }) // after the end of the server, which comes later here
	if err := os.WriteFile(filepath.Join(group, file), fmt.Append(nil, limit), 0o600); err != nil {
		t.Skipf("no memory limit can be set here: %v", err)
	}
	return []string{"sh", "-c", "echo $$ >" + group + "/cgroup.procs && exec \"$@\"", "sh"}
}
