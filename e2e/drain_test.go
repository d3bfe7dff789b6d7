//go:build unix

package e2e

// How a server ends, in an orderly way and not, and how the next one takes over.

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// randomContent writes a file of n random bytes, and returns them.
func randomContent(t *testing.T, dir, name string, n int) []byte {
	t.Helper()
	content := make([]byte, n)
	_, _ = rand.Read(content)
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
		t.Fatal(err)
	}
	return content
}

// same reads from r what must be the same as want.
func same(r io.Reader, want []byte) error {
	buf := make([]byte, 64<<10)
	for offset := 0; offset < len(want); {
		n, err := r.Read(buf[:min(len(buf), len(want)-offset)])
		if !bytes.Equal(buf[:n], want[offset:offset+n]) {
			return fmt.Errorf("other bytes after %d", offset)
		}
		if offset += n; err != nil && offset < len(want) {
			return fmt.Errorf("after %d of %d bytes: %w", offset, len(want), err)
		}
	}
	return nil
}

// drainEnd is what the last event of a drain says.
type drainEnd struct{ Finished, Cut, Failed int }

// drained is the event at the end of a drain.
func (s *server) drained() (event drainEnd) {
	s.t.Helper()
	line := s.stderr.waitFor(s.t, `"event":"drain"`, "stopped after")
	if err := json.Unmarshal([]byte(line), &event); err != nil {
		s.t.Fatalf("%v: %s", err, line)
	}
	return event
}

// headerLines reads a response's header.
func (c *client) headerLines(t *testing.T) (status, header string) {
	t.Helper()
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			t.Fatalf("in the header, after %q%q: %v", status, header, err)
		}
		switch {
		case status == "":
			status = strings.TrimRight(line, "\r\n")
		case line == "\r\n":
			return status, header
		default:
			header += line
		}
	}
}

// slowly begins n downloads of /file that are far from done.
func slowly(t *testing.T, s *server, n int) []*client {
	t.Helper()
	clients := make([]*client, n)
	for i := range clients {
		clients[i] = dial(t, s.addr, 64<<10)
		clients[i].send(t, getRequest("/file"))
	}
	for _, c := range clients {
		c.header(t)
		if _, err := c.r.Peek(1); err != nil { // of the body, which has begun
			t.Fatal(err)
		}
	}
	return clients
}

// draining stops the server, which has something left to do.
func (s *server) draining() {
	s.t.Helper()
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	s.stderr.waitFor(s.t, `"event":"drain"`, "stopping: ")
}

func TestDrainLosesNoneOf200Downloads(t *testing.T) {
	dir := t.TempDir()
	const downloads, size = 200, 8 << 20
	content := randomContent(t, dir, "file", size)
	s := start(t, dir, "--drain-timeout", "10m")
	clients := slowly(t, s, downloads)
	s.draining()
	if conn, err := net.Dial("tcp", s.addr); err == nil {
		conn.Close()
		t.Error("a new connection was accepted during the drain")
	}
	var wg sync.WaitGroup
	for _, c := range clients {
		wg.Go(func() {
			if err := same(c.r, content); err != nil {
				t.Error(err)
			}
			if n, err := c.r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
				t.Errorf("after the download: %d bytes, %v; want the end", n, err)
			}
		})
	}
	wg.Wait()
	if code := s.wait(); code != 0 {
		t.Errorf("exit status %d:\n%s", code, s.stderr)
	}
	if end := s.drained(); end.Finished != downloads || end.Cut != 0 || end.Failed != 0 {
		t.Errorf("it says %+v", end)
	}
	records := s.records(downloads)
	if len(records) != downloads {
		t.Errorf("%d records", len(records))
	}
	for _, r := range records {
		if r.Outcome != "complete" || r.Sent != size {
			t.Errorf("logged %+v", r)
		}
	}
}

func TestDrainTimeoutCutsWhatIsLeft(t *testing.T) {
	for _, timeout := range []string{"0s", "300ms"} {
		t.Run(timeout, func(t *testing.T) {
			dir := t.TempDir()
			const downloads = 5
			sparse(t, dir, "file", 64<<20)
			s := start(t, dir, "--drain-timeout", timeout)
			slowly(t, s, downloads)
			if code := s.stop(); code != 0 {
				t.Errorf("exit status %d:\n%s", code, s.stderr)
			}
			if end := s.drained(); end.Cut != downloads || end.Finished != 0 || end.Failed != 0 {
				t.Errorf("it says %+v", end)
			}
			for _, r := range s.records(downloads) {
				if r.Outcome != "aborted" || r.Error != "cut at the drain timeout" || r.Sent <= 0 || r.Sent >= r.Size {
					t.Errorf("logged %+v", r)
				}
			}
		})
	}
}

// What became of each kind of connection is seen while a download keeps the
// drain going.
func TestConnectionsDuringTheDrain(t *testing.T) {
	dir := t.TempDir()
	const size = 64 << 20
	sparse(t, dir, "file", size)
	sparse(t, dir, "small", 10)
	s := start(t, dir, "--drain-timeout", "10m")
	going := slowly(t, s, 1)[0]

	answered := func(t *testing.T, c *client, last bool) {
		t.Helper()
		status, header := c.headerLines(t)
		if status != "HTTP/1.1 200 OK" || strings.Contains(header, "Connection: close\r\n") != last {
			t.Errorf("answered %q\n%s", status, header)
		}
		if _, err := io.CopyN(io.Discard, c.r, 10); err != nil {
			t.Error(err)
		}
	}
	ended := func(t *testing.T, c *client) {
		t.Helper()
		if n, err := c.r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("%d bytes, %v; want the end", n, err)
		}
	}

	idle, half, behind := dial(t, s.addr, 0), dial(t, s.addr, 0), dial(t, s.addr, 64<<10)
	idle.send(t, getRequest("/small"))
	answered(t, idle, false)
	half.send(t, getRequest("/small")+"GET /small HTTP/1.1\r\nHo")
	answered(t, half, false) // so that all of it was read
	behind.send(t, getRequest("/file")+getRequest("/small")+getRequest("/small"))
	behind.header(t)
	// Accepted before the one below is answered.
	fresh := dial(t, s.addr, 0)
	last := dial(t, s.addr, 0)
	last.send(t, getRequest("/small"))
	answered(t, last, false)

	s.draining()
	t.Run("idle", func(t *testing.T) { ended(t, idle) })
	t.Run("nothing asked yet", func(t *testing.T) {
		fresh.send(t, getRequest("/small"))
		answered(t, fresh, true)
		ended(t, fresh)
	})
	t.Run("half a request", func(t *testing.T) {
		half.send(t, "st: test\r\n\r\n")
		answered(t, half, true)
		ended(t, half)
	})
	t.Run("a request behind a download", func(t *testing.T) {
		if _, err := io.CopyN(io.Discard, behind.r, size); err != nil {
			t.Fatal(err)
		}
		answered(t, behind, true)
		ended(t, behind) // one more was sent, but it is told that it is not answered
	})
	if _, err := io.CopyN(io.Discard, going.r, size); err != nil {
		t.Error(err)
	}
	if code := s.wait(); code != 0 {
		t.Errorf("exit status %d:\n%s", code, s.stderr)
	}
}

// A client that connected and asks nothing does not hold the end up for long.
func TestSilentConnectionDoesNotHoldTheDrain(t *testing.T) {
	dir := t.TempDir()
	sparse(t, dir, "small", 10)
	s := start(t, dir, "--drain-timeout", "10m")
	silent, other := dial(t, s.addr, 0), dial(t, s.addr, 0)
	other.send(t, getRequest("/small"))
	other.header(t)
	s.draining()
	if n, err := silent.r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("%d bytes, %v; want the end", n, err)
	}
	if code := s.wait(); code != 0 {
		t.Errorf("exit status %d:\n%s", code, s.stderr)
	}
}

func TestSecondSignalGivesItsExitStatus(t *testing.T) {
	dir := t.TempDir()
	sparse(t, dir, "file", 64<<20)
	for _, second := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		s := start(t, dir, "--drain-timeout", "1h")
		slowly(t, s, 1)
		s.draining()
		_ = s.cmd.Process.Signal(second)
		if code := s.wait(); code != 128+int(second) {
			t.Errorf("%v: exit status %d", second, code)
		}
	}
}

// Nothing is in the way of a server that takes the place of one that was
// killed, and clients go on where they were.
func TestKilledUnderLoadAndStartedAgain(t *testing.T) {
	dir := t.TempDir()
	const downloads, size = 20, 16 << 20
	content := randomContent(t, dir, "file", size)
	s := start(t, dir)
	clients := slowly(t, s, downloads)
	got := make([][]byte, downloads)
	for i, c := range clients {
		got[i] = make([]byte, 1<<20)
		if _, err := io.ReadFull(c.r, got[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	s.wait()
	again := launch(t, asIs, binary, "serve", dir, "--listen", s.addr, "--admin", "", "--access-log", "off").listening()
	if again.addr != s.addr {
		t.Fatalf("listens on %s, want %s", again.addr, s.addr)
	}
	var wg sync.WaitGroup
	for i, c := range clients {
		wg.Go(func() {
			rest, _ := io.ReadAll(c.r) // what was on its way; then a reset
			whole := append(got[i], rest...)
			req, err := http.NewRequest(http.MethodGet, again.url("/file"), nil)
			if err != nil {
				t.Error(err)
				return
			}
			req.Header.Set("Range", fmt.Sprintf("bytes=%d-", len(whole)))
			resp, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			rest, err = io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != http.StatusPartialContent {
				t.Errorf("%s, %v", resp.Status, err)
			}
			if !bytes.Equal(append(whole, rest...), content) {
				t.Errorf("resumed after %d bytes: other content", len(whole))
			}
		})
	}
	wg.Wait()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	if code := again.stop(); code != 0 {
		t.Errorf("exit status %d:\n%s", code, again.stderr)
	}
}
