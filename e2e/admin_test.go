//go:build unix

package e2e

// The admin listener of the real program: what it answers, whom it refuses,
// and how it sees the server's troubles.

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// asked is an answer of the admin listener.
type asked struct {
	status int
	header http.Header
	body   string
}

// askAdmin sends a request with fields "Name: value" to the admin listener.
func (s *server) askAdmin(method, path string, fields ...string) asked {
	s.t.Helper()
	return askAt(s.t, s.admin, method, path, fields...)
}

func askAt(t *testing.T, addr, method, path string, fields ...string) asked {
	t.Helper()
	req, err := http.NewRequest(method, "http://"+addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		if req.Header.Set(name, value); name == "Host" {
			req.Host = value
		}
	}
	// The client ends the connection, when it has all: where thousands of
	// downloads fill the kernel's memory for sockets, it resets those that a
	// server has closed and whose data is still on its way (tcp(7), tcp_mem).
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := http.Client{
		Timeout:       patience,
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: status %d, %d bytes: %v", method, req.URL, resp.StatusCode, len(body), err)
	}
	return asked{resp.StatusCode, resp.Header, string(body)}
}

// healthOf is the JSON of /health.
type healthOf struct {
	Score   int
	State   string
	Reasons []string
	Parts   []struct {
		Name   string
		Score  int
		Reason string
	}
}

func (s *server) health() (h healthOf) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(s.askAdmin("GET", "/health?format=json").body), &h); err != nil {
		s.t.Fatal(err)
	}
	return h
}

func (h healthOf) score(part string) int {
	for _, p := range h.Parts {
		if p.Name == part {
			return p.Score
		}
	}
	return -1
}

// What operators see is not for the public.
func TestAdminPathsAreNotPublic(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "health"), "a file")
	s := start(t, dir)
	for _, path := range []string{
		"/livez", "/readyz", "/transfers", "/downloads", "/metrics", "/debug/pprof/", "/debug/pprof/heap",
		"/debug/pprof/allocs", "/assets/live.js", "/favicon.ico", "//metrics", "/./debug/pprof/",
	} {
		if got := askAt(t, s.addr, "GET", path); got.status != 404 {
			t.Errorf("%s on the public listener: %d %.100q", path, got.status, got.body)
		}
		if got := askAt(t, s.addr, "GET", path, "Host: "+s.admin); got.status != 404 {
			t.Errorf("%s on the public listener by the other's name: %d %.100q", path, got.status, got.body)
		}
		if got := s.askAdmin("GET", path); got.status != 200 && !strings.Contains(path, "/.") && !strings.HasPrefix(path, "//") {
			t.Errorf("%s on the admin listener: %d %.100q", path, got.status, got.body)
		}
	}
	if got := askAt(t, s.addr, "GET", "/health"); got.status != 200 || got.body != "a file" {
		t.Errorf("a file of that name: %d %q", got.status, got.body)
	}
	if got := askAt(t, s.addr, "POST", "/transfers/1/end"); got.status != 405 {
		t.Errorf("ending on the public listener: %d", got.status)
	}
	if got := s.askAdmin("GET", "/health-of-files"); got.status != 404 {
		t.Errorf("a path that is neither: %d", got.status)
	}
}

func TestAdminHosts(t *testing.T) {
	s := start(t, t.TempDir(), "--admin-hosts", "ops.example.com,other.example")
	for host, want := range map[string]int{
		"127.0.0.1": 200, "localhost:1": 200, "fullbore": 200, "OPS.example.com:8081": 200, "other.example": 200, "evil.example": 421,
	} {
		if got := s.askAdmin("GET", "/readyz", "Host: "+host); got.status != want {
			t.Errorf("Host %s: %d %s", host, got.status, got.body)
		}
	}
	if got := s.askAdmin("BREW", "/"); got.status != 501 {
		t.Errorf("an unknown method: %d", got.status)
	}
}

// The folder goes away and comes back: clients are not to be sent here
// meanwhile, and the server says why.
func TestReadyAsLongAsTheFilesAreThere(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "files")
	away := dir + "-away"
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := start(t, dir)
	if got := s.askAdmin("GET", "/readyz"); got.status != 200 || got.body != "ok\n" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if out, code := run(t, "health", "--admin", s.admin, "--ready"); code != 0 || out != "ok\n" {
		t.Errorf("health --ready: %d %q", code, out)
	}
	if err := os.Rename(dir, away); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "not ready", func() bool { return s.askAdmin("GET", "/readyz").status == 503 })
	if got := s.askAdmin("GET", "/readyz"); got.body != "not ready: files: "+dir+": no such file or directory\n" {
		t.Errorf("not ready: %q", got.body)
	}
	waitUntil(t, "a score of 0", func() bool { return s.health().Score == 0 })
	if got := s.askAdmin("GET", "/health"); got.status != 503 || !strings.Contains(got.body, "failed") {
		t.Errorf("health: %d %q", got.status, got.body)
	}
	if out, code := run(t, "health", "--admin", s.admin, "--ready"); code != 1 || !strings.Contains(out, "no such file") || strings.Count(out, "\n") != 1 {
		t.Errorf("health --ready: %d %q", code, out)
	}
	if out, code := run(t, "health", "--admin", s.admin, "--json"); code != 1 || !strings.Contains(out, `"score":0`) {
		t.Errorf("health --json: %d %q", code, out)
	}
	if out, code := run(t, "health", "--admin", s.admin); code != 0 || out != "ok\n" {
		t.Errorf("health: %d %q", code, out)
	}
	s.says(t, `"event":"health"`, `"state":"failed"`, dir)
	if err := os.Rename(away, dir); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "well again", func() bool { return s.health().score("files") == 100 })
	if out, code := run(t, "health", "--admin", s.admin, "--json"); code != 0 || !strings.Contains(out, `"name":"files","score":100`) {
		t.Errorf("health --json: %d %q", code, out)
	}
	if out, code := run(t, "health", "--admin", s.admin, "--json", "--ready"); code != 2 || strings.Count(out, "\n") != 1 {
		t.Errorf("two questions at once: %d %q", code, out)
	}
}

// says waits for an event that contains all of the words.
func (s *server) says(t *testing.T, words ...string) {
	t.Helper()
	waitUntil(t, "an event with "+strings.Join(words, " "), func() bool {
	lines:
		for line := range strings.Lines(s.stderr.String()) {
			for _, word := range words {
				if !strings.Contains(line, word) {
					continue lines
				}
			}
			return true
		}
		return false
	})
}

// A log that cannot be written is not the end of downloads, but somebody has to
// know.
func TestHealthKnowsOfTheAccessLog(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full here")
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), "x")
	s := start(t, dir, "--access-log", "/dev/full")
	if got := askAt(t, s.addr, "GET", "/file"); got.status != 200 {
		t.Fatalf("%d", got.status)
	}
	waitUntil(t, "the log's part is bad", func() bool { return s.health().score("log") <= 50 })
	if h := s.health(); !strings.Contains(strings.Join(h.Reasons, "\n"), "no space left on device") || h.State == "ok" {
		t.Errorf("%+v", h)
	}
	if got := s.askAdmin("GET", "/readyz"); got.status != 200 {
		t.Errorf("it can still serve: %d %s", got.status, got.body)
	}
}

// A drain is not seen as ill health, but nobody is to be sent here.
func TestNotReadyWhileDraining(t *testing.T) {
	dir := t.TempDir()
	sparse(t, dir, "big", 1<<30)
	s := start(t, dir, "--drain-timeout", "5m")
	c := dial(t, s.addr, 4096)
	c.send(t, getRequest("/big"))
	c.header(t)
	before := s.health().Score
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "not ready", func() bool { return s.askAdmin("GET", "/readyz").status == 503 })
	if got := s.askAdmin("GET", "/readyz"); !strings.HasPrefix(got.body, "not ready: draining since ") {
		t.Errorf("%q", got.body)
	}
	if got := s.askAdmin("GET", "/livez"); got.status != 200 {
		t.Errorf("it lives: %d", got.status)
	}
	if got := s.askAdmin("GET", "/"); !strings.Contains(got.body, "1 of 1 connection left, 1 transfer in flight") {
		t.Errorf("the overview: %s", got.body)
	}
	if after := s.health().Score; after < before {
		t.Errorf("draining took the score from %d to %d", before, after)
	}
	c.Close()
	if code := s.wait(); code != 0 {
		t.Errorf("exit status %d", code)
	}
}

// One answer has as many rows as are asked for, and says how many more there
// are. That thousands stay bounded is tested in app/admin: each real one would
// take megabytes of the memory that the kernel has for sockets.
func TestTransfersInOneAnswerAreLimited(t *testing.T) {
	const n, limit = 300, 100
	dir := t.TempDir()
	sparse(t, dir, "big", 1<<30)
	s := start(t, dir)
	for range n {
		dial(t, s.addr, 4096).send(t, getRequest("/big"))
	}
	waitUntil(t, "all are in flight", func() bool {
		return strings.Contains(s.askAdmin("GET", "/transfers?format=json&limit=1&filter=sending").body, `"count":300,`)
	})
	got := s.askAdmin("GET", fmt.Sprintf("/transfers?format=json&limit=%d", limit))
	var a struct {
		Count, Shown, More, Total int
		Transfers                 []struct {
			ID     uint64
			Path   string
			Length int64
		}
	}
	if err := json.Unmarshal([]byte(got.body), &a); err != nil {
		t.Fatal(err)
	}
	if len(a.Transfers) != limit || a.Count != n || a.Shown != limit || a.More != n-limit || a.Total != n {
		t.Errorf("%d rows, count %d, shown %d, more %d, total %d", len(a.Transfers), a.Count, a.Shown, a.More, a.Total)
	}
	last := ^uint64(0)
	for _, tr := range a.Transfers {
		if tr.Path != "/big" || tr.Length != 1<<30 || tr.ID >= last {
			t.Fatalf("%+v after %d", tr, last)
		}
		last = tr.ID
	}
}
