//go:build unix

package e2e

// Rates of downloads: that they hold, and can be changed while bytes are on their way.
// How exactly is for go run ./bench rates.

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// pacedTransfer is what /transfers says of rates.
type pacedTransfer struct {
	Path    string
	Paced   bool
	Allowed int64
	Sent    int64 `json:"bytes_sent"`
}

// pacedTransfers waits until there are n transfers for which is holds, and gives them.
func (s *server) pacedTransfers(n int, is func(pacedTransfer) bool) (found []pacedTransfer) {
	s.t.Helper()
	var last string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		last = s.askAdmin("GET", "/transfers?format=json").body
		var answer struct{ Transfers []pacedTransfer }
		if err := json.Unmarshal([]byte(last), &answer); err != nil {
			s.t.Fatal(err)
		}
		found = nil
		for _, t := range answer.Transfers {
			if is(t) {
				found = append(found, t)
			}
		}
		if len(found) == n {
			return found
		}
	}
	s.t.Fatalf("want %d transfers, there are %d; all are %s", n, len(found), last)
	return nil
}

// startConfigured starts a server with settings in a file, and gives what exchanges them
// for others.
func startConfigured(t *testing.T, dir, settings string, args ...string) (*server, func(settings string)) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "fullbore.yaml")
	writeFile(t, file, settings)
	s, loaded := start(t, append([]string{dir, "--event-format", "json", "--config", file}, args...)...), 0
	return s, func(settings string) {
		replaceFile(t, file, settings)
		s.signal(syscall.SIGHUP)
		loaded++
		if last := s.reloads(loaded)[loaded-1]; last.Result != "ok" {
			t.Fatalf("reload: %+v", last)
		}
	}
}

// A rate can be set while a download goes on, and lifted so that it ends at once; at this
// one it would take a day.
func TestRateOfADownloadInFlightChanges(t *testing.T) {
	for _, engine := range []string{"auto", "goroutines"} {
		t.Run(engine, func(t *testing.T) {
			const size = 64 << 20
			dir := t.TempDir()
			sparse(t, dir, "file", size)
			s, reload := startConfigured(t, dir, "rate: 0\n", "--engine", engine)
			c := s.slowly(t, "/file")
			s.pacedTransfers(1, func(p pacedTransfer) bool { return !p.Paced && p.Sent > 0 })
			reload("rate: 700B\n")
			s.pacedTransfers(1, func(p pacedTransfer) bool { return p.Paced })
			got := make(chan int64, 1)
			go func() {
				n, _ := io.CopyN(io.Discard, c.r, size)
				got <- n
			}()
			s.pacedTransfers(1, func(p pacedTransfer) bool { return p.Allowed > 0 })
			if n := s.scrape()["fullbore_paced_connections"]; n != 1 {
				t.Errorf("%v connections are paced, say the metrics", n)
			}
			if n := s.scrape()["fullbore_rate_limit_bytes of=server"]; n != 700 {
				t.Errorf("the rate is %v, say the metrics", n)
			}
			reload("rate: 0\n")
			if n := <-got; n != size {
				t.Errorf("%d bytes of %d", n, size)
			}
		})
	}
}

// Rates by path hold for what they name, and for nothing else; whatever is answered is
// whole, also if it has to wait.
func TestRatesByPath(t *testing.T) {
	for _, engine := range []string{"auto", "goroutines"} {
		t.Run(engine, func(t *testing.T) {
			dir := t.TempDir()
			for _, folder := range []string{"slow/er", "fast"} {
				if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			for _, name := range []string{"slow/er/file", "fast/file", "fast/x.iso"} {
				sparse(t, dir, name, 1<<30)
			}
			writeFile(t, filepath.Join(dir, "slow", "note.txt"), "a few words\n")
			s, reload := startConfigured(t, dir,
				`rates: {"*.iso": {client-rate: 10kB}, slow/: {rate: 10kB, connection-rate: 5kB/s}}`+"\n", "--engine", engine)
			for _, path := range []string{"/slow/er/file", "/fast/file", "/fast/x.iso"} {
				s.slowly(t, path)
			}
			for _, p := range s.pacedTransfers(2, func(p pacedTransfer) bool { return p.Paced }) {
				if p.Path == "/fast/file" {
					t.Errorf("%s is paced", p.Path)
				}
			}
			if status, body := s.get("/slow/note.txt"); status != 200 || body != "a few words\n" {
				t.Errorf("%d, %q", status, body)
			}
			if status, body := s.get("/slow/"); status != 200 || body == "" {
				t.Errorf("%d, %q", status, body)
			}
			reload("rates: {fast/: {rate: 10kB}}\n")
			for _, p := range s.pacedTransfers(2, func(p pacedTransfer) bool { return p.Paced }) {
				if p.Path == "/slow/er/file" {
					t.Errorf("%s is paced", p.Path)
				}
			}
		})
	}
}

// Many who share little get it all, in turns, whatever is sent and however it is made.
func TestPacedAnswersAreWhole(t *testing.T) {
	for _, engine := range []string{"auto", "goroutines"} {
		t.Run(engine, func(t *testing.T) {
			dir := t.TempDir()
			for i := range 40 {
				writeFile(t, filepath.Join(dir, fmt.Sprintf("file%d.txt", i)), fmt.Sprintf("%0*d", 100+i*1000, i))
			}
			s := start(t, dir, "--engine", engine, "--compress",
				"--rate", "4MB", "--client-rate", "3MB/s", "--connection-rate", "2MB")
			done := make(chan error)
			for i := range 40 {
				go func() {
					done <- wantBody(s.url(fmt.Sprintf("/file%d.txt", i)), fmt.Sprintf("%0*d", 100+i*1000, i))
				}()
			}
			for range 40 {
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// A connection may come back to its event loop from a goroutine, which its rate outlives.
func TestPacedConnectionGoesOnAfterARequestWithABody(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			const size = 1 << 20
			dir := t.TempDir()
			sparse(t, dir, "file", size)
			s := start(t, dir, "--engine", engine, "--client-rate", "4MB")
			c := dial(t, s.addr, 0)
			for range 2 {
				if resp, _ := c.ask(t, "POST", "POST /file HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody"); resp.StatusCode != http.StatusMethodNotAllowed {
					t.Fatal(resp.Status)
				}
				if resp, body := c.ask(t, "GET", getRequest("/file")); len(body) != size {
					t.Fatalf("%s: %d bytes", resp.Status, len(body))
				}
			}
		})
	}
}

// wantBody is the error of an answer that is not this body.
func wantBody(url, body string) error {
	resp, err := http.Get(url) // which accepts gzip
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err == nil && string(got) != body {
		err = fmt.Errorf("%s: status %d, %d bytes", url, resp.StatusCode, len(got))
	}
	return err
}
