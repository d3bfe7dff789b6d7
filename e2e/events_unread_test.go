//go:build unix

package e2e

// These tests are about whoever should read what the server says and does not.

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startUnread starts a server whose standard error is read until it listens,
// and no further. What follows is in the pipe that is returned.
func startUnread(t *testing.T, before []string, prepare func(*exec.Cmd), args ...string) (*server, *bufio.Reader) {
	t.Helper()
	r, w := pipe(t)
	line := append(before, binary, "serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--download-events", "0")
	s := launch(t, func(cmd *exec.Cmd) {
		cmd.Stderr = w
		prepare(cmd)
	}, append(line, args...)...)
	w.Close()
	said := bufio.NewReaderSize(r, 16) // or it would take what is to fill the pipe
	s.addr = strings.TrimPrefix(readLine(t, said), "listening http://")
	s.admin = strings.TrimPrefix(readLine(t, said), "admin http://")
	return s, said
}

func readLine(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	line, err := r.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(line, "\n")
}

// stall makes events until some are lost.
func (s *server) stall(path string) {
	s.t.Helper()
	c := dial(s.t, s.addr, 0)
	defer c.Close()
	for deadline := time.Now().Add(patience); s.scrape()["fullbore_events_dropped_total"] == 0; {
		if time.Now().After(deadline) {
			s.t.Fatal("no event was lost")
		}
		for range 500 {
			c.send(s.t, getRequest(path))
			if status := c.header(s.t); status != "HTTP/1.1 200 OK" {
				s.t.Fatalf("answered %q", status)
			}
			if _, err := c.r.Discard(1); err != nil { // the body
				s.t.Fatal(err)
			}
		}
	}
}

// answered gets a path of the admin listener on a connection that is open
// already.
func answered(t *testing.T, c *client, path string) (status, body string) {
	t.Helper()
	c.send(t, getRequest(path))
	status, header := c.headerLines(t)
	var length int
	for line := range strings.Lines(header) {
		if value, ok := strings.CutPrefix(strings.ToLower(line), "content-length:"); ok {
			if err := json.Unmarshal([]byte(strings.TrimSpace(value)), &length); err != nil {
				t.Fatal(err)
			}
		}
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(c.r, text); err != nil {
		t.Fatal(err)
	}
	return status, string(text)
}

// Nothing waits for the events: downloads, accepting, health, requests that
// cannot be read, and the end.
func TestNobodyReadsTheEvents(t *testing.T) {
	for _, format := range []string{"json", "text"} {
		t.Run(format, func(t *testing.T) { unreadEvents(t, format) })
	}
}

func unreadEvents(t *testing.T, format string) {
	t.Helper()
	dir := t.TempDir()
	sparse(t, dir, "file", 1)
	s, said := startUnread(t, []string{"sh", "-c", `ulimit -n 60; exec "$@"`, "sh"}, asIs,
		dir, "--access-log", "off", "--event-format", format)
	s.stall("/file")

	watcher := dial(t, s.admin, 0)
	if status, body := answered(t, watcher, "/health"); status != "HTTP/1.1 200 OK" {
		t.Errorf("/health: %s: %s", status, body)
	}
	bad := dial(t, s.addr, 0)
	bad.send(t, "no request\r\n\r\n")
	if _, err := io.ReadAll(bad.r); err != nil {
		t.Errorf("what cannot be read is not answered and closed: %v", err)
	}
	s.exhaust(watcher)
	s.fetch("/file", 1)

	if code := s.stop(); code != 0 {
		t.Errorf("exit status %d", code)
	}
	for line, err := said.ReadString('\n'); line != ""; line, err = said.ReadString('\n') {
		if err != nil || (format == "json" && !json.Valid([]byte(line))) {
			t.Errorf("torn line %q: %v", line, err)
		}
	}
}

// exhaust opens connections until the server cannot accept more, and closes
// them.
func (s *server) exhaust(watcher *client) {
	s.t.Helper()
	var held []net.Conn
	for range 80 {
		held = append(held, dial(s.t, s.addr, 0))
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		_, body := answered(s.t, watcher, "/health")
		if strings.Contains(body, "too many open files") {
			break
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("accepting does not fail: %s", body)
		}
	}
	for _, conn := range held {
		conn.Close()
	}
}

// When the reader is back, it is told what it missed, and then all comes again.
func TestReaderOfTheEventsIsBack(t *testing.T) {
	dir := t.TempDir()
	sparse(t, dir, "file", 1)
	s, said := startUnread(t, nil, asIs, dir, "--access-log", "off", "--event-format", "json")
	s.stall("/file")
	stderr := newLineCollector()
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(stderr, said) // until the server ends
		stderr.close()
	}()
	stderr.waitFor(t, `"event":"events"`, `"lost":`, " events were lost")
	if code := s.stop(); code != 0 {
		t.Errorf("exit status %d", code)
	}
	<-read
	stderr.waitFor(t, `"event":"drain"`, "stopped after ")
}

// What the library below has to say is an event, too: it would wait for standard
// error otherwise, one goroutine for each request that cannot be read.
func TestNoticesOfTheLibraryAreEvents(t *testing.T) {
	s := start(t, t.TempDir())
	c := dial(t, s.addr, 0)
	c.send(t, "no request\r\n\r\n")
	s.stderr.waitFor(t, `"event":"server"`, "error when serving connection")
	if code := s.stop(); code != 0 {
		t.Errorf("exit status %d", code)
	}
	for line := range strings.Lines(s.stderr.String()) {
		if !json.Valid([]byte(line)) && !strings.HasPrefix(line, "listening ") && !strings.HasPrefix(line, "admin ") {
			t.Errorf("no event: %q", line)
		}
	}
}

// Who is in a hurry waits for no log that hangs, and loses no record of one that
// does not.
func TestSecondSignalKeepsTheRecords(t *testing.T) {
	dir := t.TempDir()
	sparse(t, dir, "small", 1)
	sparse(t, dir, "file", 64<<20)
	s := start(t, dir, "--drain-timeout", "1h")
	const requests = 5
	c := dial(t, s.addr, 64<<10)
	for range requests {
		c.send(t, getRequest("/small"))
		c.header(t)
		if _, err := c.r.Discard(1); err != nil {
			t.Fatal(err)
		}
	}
	// On the same connection: when it begins, the others are over for the
	// server, too.
	c.send(t, getRequest("/file"))
	c.header(t)
	s.draining()
	s.signal(syscall.SIGINT)
	if code := s.wait(); code != 128+int(syscall.SIGINT) {
		t.Errorf("exit status %d", code)
	}
	content, err := os.ReadFile(s.log)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(parseRecords(t, content)); n != requests {
		t.Errorf("%d records, want %d:\n%s", n, requests, content)
	}
}

func TestSecondSignalWithLogsNobodyReads(t *testing.T) {
	dir := t.TempDir()
	sparse(t, dir, "small", 1)
	sparse(t, dir, "file", 64<<20)
	_, w := pipe(t)
	s, _ := startUnread(t, nil, func(cmd *exec.Cmd) { cmd.Stdout = w }, dir, "--access-log", "-", "--drain-timeout", "1h")
	w.Close()
	s.stall("/small")
	slowly(t, s, 1)
	watcher := dial(t, s.admin, 0)
	s.signal(syscall.SIGTERM)
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if status, _ := answered(t, watcher, "/readyz"); strings.Contains(status, "503") {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("/readyz: %s", status)
		}
	}
	s.signal(syscall.SIGTERM)
	if code := s.wait(); code != 128+int(syscall.SIGTERM) {
		t.Errorf("exit status %d", code)
	}
}
