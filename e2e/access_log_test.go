//go:build unix

package e2e

// The access log when its sink fails, and when other programs read it.

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fetch gets a path n times on one connection and demands 200.
func (s *server) fetch(path string, n int) {
	s.t.Helper()
	c := dial(s.t, s.addr, 0)
	defer c.Close()
	for range n {
		c.send(s.t, "HEAD "+path+" HTTP/1.1\r\nHost: test\r\n\r\n")
		if status := c.header(s.t); status != "HTTP/1.1 200 OK" {
			s.t.Fatalf("answered %q", status)
		}
	}
}

func TestDiskOfTheLogIsFull(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full here:", err)
	}
	dir := t.TempDir()
	sparse(t, dir, "file", 1)
	s := start(t, dir, "--access-log", "/dev/full")
	s.fetch("/file", 100)
	if line := s.stderr.waitFor(t, `"event":"log"`, "access log: "); !strings.Contains(line, "no space left") {
		t.Errorf("it says %q", line)
	}
	s.fetch("/file", 100)
	if code := s.stop(); code != 0 {
		t.Errorf("exit status %d", code)
	}
	s.stderr.waitFor(t, "access log: 200 lines were lost")
}

// Nobody reads the pipe, then somebody does: serving never waits, and the log
// says what it lacks.
func TestReaderOfTheLogStalls(t *testing.T) {
	dir := t.TempDir()
	sparse(t, dir, "file", 1)
	r, w := pipe(t)
	s := launch(t, func(cmd *exec.Cmd) { cmd.Stdout = w }, binary, "serve", dir, "--listen", "127.0.0.1:0", "--admin", "")
	w.Close()
	s.listening()
	const requests = 10_000 // of over 300 bytes each: more than pipe and writer hold
	s.fetch("/file", requests)

	lines := make(chan string)
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(r); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	var records, dropped int
	for line := range lines {
		var entry struct {
			Status, Dropped int
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("torn line %q: %v", line, err)
		}
		dropped += entry.Dropped
		if entry.Status != 0 {
			records++
		}
	}
	if dropped == 0 || records == 0 || records+dropped != requests {
		t.Errorf("%d records and %d said to be lost, of %d requests", records, dropped, requests)
	}
}

func TestLogIsMovedTruncatedAndDeleted(t *testing.T) {
	dir := t.TempDir()
	sparse(t, dir, "file", 1)
	s := start(t, dir)
	s.fetch("/file", 3)
	if n := len(s.records(3)); n != 3 {
		t.Fatalf("%d records", n)
	}
	if err := os.Truncate(s.log, 0); err != nil {
		t.Fatal(err)
	}
	s.fetch("/file", 2)
	if n := len(s.records(2)); n != 2 {
		t.Errorf("%d records after it was truncated, want 2 and no hole before them", n)
	}
	if err := os.Remove(s.log); err != nil {
		t.Fatal(err)
	}
	s.fetch("/file", 1)
	// A record is written after its response: this one into the file that is gone.
	waitUntil(t, "the last request is recorded", func() bool { return sum(s.scrape(), "fullbore_requests_total") == 6 })
	_ = s.cmd.Process.Signal(syscall.SIGHUP)
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(s.log); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no new log file after SIGHUP")
		}
	}
	s.fetch("/file", 4)
	s.stop()
	if n := len(s.records(4)); n != 4 {
		t.Errorf("%d records in the new file, want 4", n)
	}
}

// A body that was announced and never read was not received.
func TestBytesReceivedAreNotThoseAnnounced(t *testing.T) {
	dir := t.TempDir()
	sparse(t, dir, "file", 1)
	s := start(t, dir)
	c := dial(t, s.addr, 0)
	c.send(t, "POST /file HTTP/1.1\r\nHost: test\r\nContent-Length: 10000000\r\n\r\n"+strings.Repeat("x", 64<<10))
	_, _ = io.Copy(io.Discard, c)
	if got := s.records(1)[0]; got.Status != 405 || got.Received > 64<<10 {
		t.Errorf("logged %+v", got)
	}
}

func TestLogRotatesBySize(t *testing.T) {
	dir := t.TempDir()
	sparse(t, dir, "file", 1)
	logs := t.TempDir()
	s := start(t, dir, "--access-log", filepath.Join(logs, "access.log"), "--log-max-size", "20KiB", "--log-keep", "2")
	for range 10 { // a batch is not split, so that each needs a flush of its own
		s.fetch("/file", 40)
		_ = s.cmd.Process.Signal(syscall.SIGHUP)
		time.Sleep(20 * time.Millisecond)
	}
	s.stop()
	entries, err := os.ReadDir(logs)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 3 {
		t.Errorf("files %v, want the log and 2 old ones", entries)
	}
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(logs, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		parseRecords(t, content) // no line is torn
	}
}

// mixed sends what a log must survive: hits, misses, ranges, aborts, and values
// made to break lines.
func (s *server) mixed() (requests int) {
	s.t.Helper()
	nasty := []string{"\"", "\\", "\t", "<img src=x>", "\xff\xfe", "\xe2\x80\xa8", "\xc2\x9b31m", "%00", "é", strings.Repeat("a", 3000), "' or 1", "{}", "- - -", "[x]"}
	for _, value := range nasty {
		for _, target := range []string{"/file", "/nope", "/", "/file?" + strings.Map(func(r rune) rune {
			if r <= ' ' {
				return -1
			}
			return r
		}, value)} {
			c := dial(s.t, s.addr, 0)
			c.send(s.t, "GET "+target+" HTTP/1.1\r\nHost: test\r\nConnection: close\r\nRange: bytes=1-9\r\nUser-Agent: "+value+"\r\nReferer: "+value+"\r\n\r\n")
			if answer, err := io.ReadAll(c.r); err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 ")) {
				s.t.Fatalf("%q: %q, %v", value, answer, err)
			}
			requests++
		}
	}
	for range 20 {
		c := dial(s.t, s.addr, 64<<10)
		c.send(s.t, getRequest("/big"))
		c.header(s.t)
		_ = c.SetLinger(0)
		c.Close()
		requests++
	}
	c := dial(s.t, s.addr, 0)
	c.send(s.t, "this is no HTTP\r\n\r\n")
	_, _ = io.ReadAll(c.r)
	return requests + 1
}

func startMixed(t *testing.T, format string) (*server, int) {
	dir := t.TempDir()
	sparse(t, dir, "file", 5000)
	sparse(t, dir, "big", 1<<30)
	s := start(t, dir, "--log-format", format)
	n := s.mixed()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		content, _ := os.ReadFile(s.log)
		if bytes.Count(content, []byte("\n")) >= n || time.Now().After(deadline) {
			break
		}
	}
	s.stop()
	return s, n
}

func TestGoAccessReadsTheCombinedLog(t *testing.T) {
	goaccess := needTool(t, "goaccess")
	s, n := startMixed(t, "combined")
	report, invalid := filepath.Join(t.TempDir(), "report.json"), filepath.Join(t.TempDir(), "invalid")
	cmd := exec.Command(goaccess, s.log, "--log-format=COMBINED", "-o", report, "--no-global-config", "--invalid-requests="+invalid)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var parsed struct {
		General struct {
			Total  int `json:"total_requests"`
			Valid  int `json:"valid_requests"`
			Failed int `json:"failed_requests"`
		} `json:"general"`
	}
	content, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, &parsed); err != nil {
		t.Fatal(err)
	}
	if g := parsed.General; g.Total != n || g.Valid != n || g.Failed != 0 {
		rejected, _ := os.ReadFile(invalid)
		t.Errorf("%d requests; GoAccess read %d, took %d and rejected %d:\n%s", n, g.Total, g.Valid, g.Failed, rejected)
	}
}

func TestJqReadsEveryLineOfJSON(t *testing.T) {
	jq := needTool(t, "jq")
	s, n := startMixed(t, "json")
	out, err := exec.Command(jq, "-r", `[.status, .outcome, .bytes_sent] | @csv`, s.log).CombinedOutput()
	if err != nil || bytes.Count(out, []byte("\n")) != n {
		t.Errorf("%v: %d lines of %d:\n%s", err, bytes.Count(out, []byte("\n")), n, out)
	}
	if aborted := bytes.Count(out, []byte(`200,"aborted"`)); aborted != 20 {
		t.Errorf("%d aborted downloads in the log, want 20", aborted)
	}
}

func TestTemplateIsALineARequest(t *testing.T) {
	dir := t.TempDir()
	sparse(t, dir, "file", 7)
	s := start(t, dir, "--log-format", "${method} ${path} ${bytesSent} ${outcome}")
	c := dial(t, s.addr, 0)
	c.send(t, getRequest("/file"))
	c.header(t)
	c.Close()
	s.stop()
	content, err := os.ReadFile(s.log)
	if err != nil || string(content) != fmt.Sprintln("GET /file 7 complete") {
		t.Errorf("%q %v", content, err)
	}
}

// A record has the range that was served if it was one piece of the file.
func TestRangeOfARecord(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "f"), strings.Repeat("x", 10000))
	s := start(t, dir)
	for i, test := range []struct {
		asked  string
		status int
		want   string
	}{
		{"", 200, ""},
		{"bytes=0-0", 206, "0-0"},
		{"bytes=-3", 206, "9997-9999"},
		{"bytes=4-20000", 206, "4-9999"},
		{"bytes=0-0,9999-9999", 206, ""}, // two parts
		{"bytes=0-3,4-9", 206, "0-9"},    // joined
		{"bytes=10000-", 416, ""},
	} {
		c := dial(t, s.addr, 0)
		header := ""
		if test.asked != "" {
			header = "Range: " + test.asked + "\r\n"
		}
		c.send(t, "GET /f HTTP/1.1\r\nHost: test\r\nConnection: close\r\n"+header+"\r\n")
		if _, err := io.ReadAll(c.r); err != nil {
			t.Fatal(err)
		}
		if r := s.records(i + 1)[i]; r.Status != test.status || r.Range != test.want {
			t.Errorf("%q: recorded %d and the range %q, want %d and %q", test.asked, r.Status, r.Range, test.status, test.want)
		}
	}
}
