//go:build unix

package e2e

// Downloads that wait for their turn.

import (
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// waiting waits until as many downloads wait.
func (s *server) waiting(n int) {
	s.t.Helper()
	waitUntil(s.t, fmt.Sprintf("%d downloads wait", n), func() bool {
		var overview struct {
			Limits []struct {
				Rule string
				Now  int
			}
		}
		if err := json.Unmarshal([]byte(s.askAdmin("GET", "/?format=json").body), &overview); err != nil {
			s.t.Fatal(err)
		}
		for _, l := range overview.Limits {
			if l.Rule == "queue" {
				return l.Now == n
			}
		}
		return false
	})
}

// Programs wait for their turn, and get what they came for; who gives up leaves the queue,
// which its record says.
func TestDownloadsWaitForTheirTurn(t *testing.T) {
	t.Parallel()
	dir, into := t.TempDir(), t.TempDir()
	sparse(t, dir, "large", 1<<30)
	sum := noise(t, filepath.Join(dir, "file"), 1<<20, 6)
	s := start(t, "--downloads", "1", "--queue", "10,wait=10m", dir)
	slow := s.slowly(t, "/large")
	var curls []*exec.Cmd
	for i := range 3 {
		cmd := program(t, into, "curl", "-q", "-sSf", "-o", fmt.Sprint("got", i), s.url(fmt.Sprint("/file?", i)))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		curls = append(curls, cmd)
		s.waiting(i + 1)
	}
	if got := curl(t, into, "-I", "-w", "%{http_code}", "-o", "/dev/null", s.url("/file")); got != "200" {
		t.Errorf("HEAD meanwhile is %s", got)
	}
	if got := curl(t, into, "-w", "%{http_code}", "-o", "/dev/null", s.url("/")); got != "200" {
		t.Errorf("a listing meanwhile is %s", got)
	}
	_ = curls[0].Process.Kill()
	_ = curls[0].Wait() // killed
	s.waiting(2)
	slow.Close()
	for i, cmd := range curls[1:] {
		if err := cmd.Wait(); err != nil {
			t.Errorf("curl %d: %v", i+1, err)
		}
		if sha256Of(t, filepath.Join(into, fmt.Sprint("got", i+1))) != sum {
			t.Errorf("curl %d got another file", i+1)
		}
	}
	s.waiting(0)
	for _, r := range s.wholeLog() {
		switch {
		case r.Path != "/file" || r.Method != "GET":
		case r.Query == "0":
			if r.Outcome != "aborted" || r.Sent != 0 || !strings.Contains(r.Error, "left while it waited") {
				t.Errorf("who left is logged as %+v", r)
			}
		case r.Outcome != "complete" || r.Sent != 1<<20 || r.Status != 200 || r.TTFBMS <= 0 || r.TTFBMS > r.DurationMS:
			t.Errorf("logged %+v", r)
		}
	}
}

// Who has waited for as long as is set, or finds no room, is refused with the place.
func TestQueueEnds(t *testing.T) {
	t.Parallel()
	needTool(t, "curl")
	dir := t.TempDir()
	sparse(t, dir, "large", 1<<30)
	s := start(t, "--client-downloads", "1", "--queue", "1,wait=1s", dir)
	s.slowly(t, "/large")
	var problem struct {
		Status, Place int
		Rule, Detail  string
	}
	told := curl(t, dir, "-H", "Accept: application/json", s.url("/large"))
	if err := json.Unmarshal([]byte(told), &problem); err != nil || problem.Status != 503 || problem.Rule != "queue" || problem.Place != 1 || !strings.Contains(problem.Detail, "you are first") {
		t.Errorf("%v: %s", err, told)
	}
	first := dial(t, s.addr, 0)
	first.send(t, getRequest("/large?first"))
	s.waiting(1)
	if told := curl(t, dir, "-i", s.url("/large?second")); !strings.Contains(told, "503 Service Unavailable") || !strings.Contains(told, "Too many downloads wait") || !strings.Contains(told, "Retry-After: 5") {
		t.Errorf("without room: %s", told)
	}
	if status := first.header(t); status != "HTTP/1.1 503 Service Unavailable" {
		t.Errorf("the first is told %s", status)
	}
	n := 0
	for _, r := range s.wholeLog() {
		if r.Status == 503 {
			if n++; r.Rule != "queue" || r.Outcome != "complete" || r.Range != "" {
				t.Errorf("logged %+v", r)
			}
		}
	}
	if n != 3 {
		t.Errorf("%d refusals are logged, want 3", n)
	}
}

// Programs with many connections get their files whole through a queue, in their ordinary
// settings.
func TestProgramsWaitWithManyConnections(t *testing.T) {
	t.Parallel()
	needTool(t, "aria2c")
	needTool(t, "wget2")
	dir, into := t.TempDir(), t.TempDir()
	sum := noise(t, filepath.Join(dir, "file"), 100<<20, 8)
	s := start(t, "--downloads", "3", "--client-downloads", "2", "--queue", "100", dir)
	aria2(t, into, "-x16", "-s16", "-k1M", "--console-log-level=warn", "--summary-interval=0", "-o", "aria2", s.url("/file"))
	succeed(t, program(t, into, "wget2", "-q", "--chunk-size=4M", "--max-threads=5", "-O", "wget2", s.url("/file")))
	for _, name := range []string{"aria2", "wget2"} {
		if sha256Of(t, filepath.Join(into, name)) != sum {
			t.Errorf("%s got another file", name)
		}
	}
	if rules := s.refusals(); len(rules) > 0 {
		t.Errorf("refused by %q", rules)
	}
}

// A browser shows which place its download has, and goes on to the file by itself,
// without scripts.
func TestBrowserWaitsForItsTurn(t *testing.T) {
	inBrowser(t)
	dir := t.TempDir()
	sparse(t, dir, "large", 1<<30)
	writeFile(t, filepath.Join(dir, "file.txt"), "what it came for")
	s := start(t, "--downloads", "1", "--queue", "10,wait=10m", dir)
	slow := s.slowly(t, "/large")
	before := dial(t, s.addr, 0)
	before.send(t, getRequest("/file.txt?before"))
	s.waiting(1)
	p := newTab(t, s.addr)
	p.noScript()
	p.expect("503")
	p.expect("favicon.ico") // of the file that it goes on to
	p.open("/file.txt")
	p.waitFor(`document.querySelector('h1').textContent === 'You are second'`)
	if got := eval[string](p, `document.title + ' ' + document.documentElement.lang + ' ' + document.querySelector('main p').textContent`); !strings.HasPrefix(got, "You are second en 2 wait for a download. Yours begins by itself") {
		t.Errorf("the page says %s", got)
	}
	before.Close()
	p.waitFor(`document.querySelector('h1')?.textContent === 'You are first'`)
	slow.Close()
	p.waitFor(`document.body.textContent.includes('what it came for')`)
	s.waiting(0)
	for _, r := range s.wholeLog() {
		if r.Path == "/file.txt" && r.Query == "" && (r.Status == 503) != (r.Rule == "queue") {
			t.Errorf("logged %+v", r)
		}
	}
}

// A stop does not wait for downloads that have not begun.
func TestStopRefusesWhoWaits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sparse(t, dir, "large", 64<<20)
	s := start(t, "--downloads", "1", "--queue", "10,wait=10m", dir)
	slow := s.slowly(t, "/large?slow")
	waits := dial(t, s.addr, 0)
	waits.send(t, getRequest("/large?waits"))
	s.waiting(1)
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if status := waits.header(t); status != "HTTP/1.1 503 Service Unavailable" {
		t.Errorf("who waits is told %s", status)
	}
	if n, err := io.CopyN(io.Discard, slow.r, 64<<20); err != nil {
		t.Errorf("what was on its way: %d bytes, %v", n, err)
	}
	if code := s.wait(); code != 0 {
		t.Errorf("exit status %d", code)
	}
	for _, r := range s.records(2) {
		if (r.Status == 503) != (r.Rule == "queue") || r.Outcome != "complete" {
			t.Errorf("logged %+v", r)
		}
	}
}
