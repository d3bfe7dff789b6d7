package e2e

// Faults of the machine around the server: it goes on, and its records stay true.

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A full disk under the log costs lines, which are counted; once there is room, records are
// written again, and lines and losses add up.
func TestDiskOfTheLogIsFullAndHasRoomAgain(t *testing.T) {
	unshare := needTool(t, "unshare")
	if out, err := exec.Command(unshare, "-rm", "mount", "-t", "tmpfs", "none", t.TempDir()).CombinedOutput(); err != nil {
		t.Skipf("mounting in a namespace of one's own: %v: %s", err, out)
	}
	dir, logs := t.TempDir(), t.TempDir()
	sparse(t, dir, "file", 1)
	s := startBy(t, []string{unshare, "-rm", "sh", "-c", `mount -t tmpfs -o size=64k none "$0" && exec "$@"`, logs}, dir, "--access-log", logs+"/access.log")
	lost := func() int { return int(s.scrape()["fullbore_access_log_lines_dropped_total"]) }
	requests := 0
	for lost() == 0 {
		s.fetch("/file", 100)
		requests += 100
	}
	s.fetch("/file", 100)
	requests += 100
	waitUntil(t, "health says so", func() bool { return s.health().score("log") < 100 })
	succeed(t, s.inside(t, "mount", "-o", "remount,size=16m", logs))
	content := func() string { return succeed(t, s.inside(t, "cat", logs+"/access.log")) }
	full := len(content())
	waitUntil(t, "there are records again", func() bool {
		s.fetch("/file", 1)
		requests++
		return len(content()) > full
	})
	s.fetch("/file", 50)
	requests += 50
	var records int
	waitUntil(t, "lines and losses add up", func() bool {
		records = 0
		for line := range strings.Lines(content()) {
			var r record
			if json.Unmarshal([]byte(line), &r) == nil && r.Status == 200 {
				records++
			}
		}
		return records+lost() == requests
	})
	if n := lost(); records < 50 || n == 0 {
		t.Errorf("%d records and %d lost, of %d requests", records, n, requests)
	}
	if code := s.stop(); code != 0 {
		t.Errorf("exit status %d", code)
	}
}

// A server that the machine has not run for longer than all of its time limits, as after a
// suspend, cuts nobody who did their part.
func TestServerThatWasStoppedForAWhile(t *testing.T) {
	const downloads, size = 4, 32 << 20
	dir := t.TempDir()
	sparse(t, dir, "file", size)
	writeFile(t, dir+"/f", "content")
	s := start(t, dir, "--idle-timeout", "1s", "--head-timeout", "1s", "--keep-alive-timeout", "1s")
	clients := make([]*client, downloads)
	for i := range clients {
		clients[i] = dial(t, s.addr, 64<<10)
		clients[i].send(t, getRequest("/file"))
		clients[i].header(t)
	}
	s.signal(syscall.SIGSTOP)
	late := dial(t, s.addr, 0) // the kernel takes it
	late.send(t, "GET /f HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
	got := make(chan error, downloads)
	for _, c := range clients {
		go func() {
			n, err := io.CopyN(io.Discard, c.r, size)
			if err != nil {
				err = fmt.Errorf("%d bytes, %w", n, err)
			}
			got <- err
		}()
	}
	time.Sleep(3 * time.Second) // which is the fault
	s.signal(syscall.SIGCONT)
	for range clients {
		if err := <-got; err != nil {
			t.Error(err)
		}
	}
	if said := late.closedBy(t); !strings.HasSuffix(said, "content") {
		t.Errorf("who came meanwhile is told %q", said)
	}
	for _, r := range s.wholeLog() {
		if r.Status != 200 || r.Outcome != "complete" || r.DurationMS < 0 {
			t.Errorf("%+v", r)
		}
	}
}

// The monotonic clock, by which all limits of time go, begins wherever the kernel likes: a
// moment after boot, or after years. The wall clock cannot be set for a single process, and
// a Go program asks no library for it, so jumps of that one are tested where it is used.
func TestClocksThatBeginElsewhere(t *testing.T) {
	unshare := needTool(t, "unshare")
	var uptime float64
	if _, err := fmt.Sscan(read(t, "/proc/uptime"), &uptime); err != nil {
		t.Fatal(err)
	}
	for name, offset := range map[string]int64{"nine years later": 9 * 365 * 86400, "just booted": 10 - int64(uptime)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inTime := []string{unshare, "-rT", fmt.Sprint("--monotonic=", offset), fmt.Sprint("--boottime=", offset)}
			var now float64
			out, err := exec.Command(inTime[0], append(inTime[1:], "cat", "/proc/uptime")...).CombinedOutput()
			if _, scanErr := fmt.Sscan(string(out), &now); err != nil || scanErr != nil || int64(now-uptime)/100 != offset/100 && offset > 0 {
				t.Skipf("no program can have its own clock here: %v: %s", err, out)
			}
			dir := t.TempDir()
			sparse(t, dir, "file", 64<<20)
			s := startBy(t, inTime, dir, "--idle-timeout", "1s", "--head-timeout", "1s")
			if status, body := s.get("/file"); status != 200 || len(body) != 64<<20 {
				t.Errorf("%d, %d bytes", status, len(body))
			}
			stalls, slow := dial(t, s.addr, 4<<10), dial(t, s.addr, 0)
			stalls.send(t, getRequest("/file"))
			slow.send(t, "GET /file HTTP/1.1\r\nHo")
			if said := slow.closedBy(t); !strings.HasPrefix(said, "HTTP/1.1 408 ") {
				t.Errorf("%.40q", said)
			}
			rules := map[string]int{}
			for _, r := range s.records(3) {
				rules[r.Rule]++
				if r.DurationMS < 0 || r.DurationMS > patience.Seconds()*1000 {
					t.Errorf("%+v", r)
				}
			}
			if rules["idle-timeout"] != 1 || rules["head-timeout"] != 1 || rules[""] != 1 {
				t.Errorf("%v", rules)
			}
			if code := s.stop(); code != 0 {
				t.Errorf("exit status %d", code)
			}
		})
	}
}

// A server that is killed at any moment, also while it starts, leaves nothing that is in
// the way of the next one on the same addresses. A line that a kill has cut is the end of
// that line and of no other.
func TestKilledAtAnyMoment(t *testing.T) {
	const kills = 20
	dir, run := t.TempDir(), t.TempDir()
	content := strings.Repeat("content ", 1<<10)
	writeFile(t, filepath.Join(dir, "file"), content)
	log, socket := filepath.Join(run, "access.log"), filepath.Join(run, "http.sock")
	first := start(t, dir)
	addr := first.addr // which is free from now on
	if err := first.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	first.wait()
	line := []string{
		binary, "serve", dir, "--listen", addr, "--listen", "unix:" + socket, "--admin", "", "--access-log", log, "--log-max-size", "64KiB",
	}
	stop := make(chan struct{})
	var load sync.WaitGroup
	overUnix := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	for _, transport := range []*http.Transport{{DisableKeepAlives: true}, overUnix} {
		client := &http.Client{Transport: transport, Timeout: patience}
		for range 2 {
			load.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					resp, err := client.Get("http://" + addr + "/file")
					if err != nil {
						time.Sleep(time.Millisecond)
						continue
					}
					body, err := io.ReadAll(resp.Body)
					resp.Body.Close()
					if err == nil && (resp.StatusCode != 200 || string(body) != content) {
						t.Errorf("%d, %d bytes", resp.StatusCode, len(body))
					}
				}
			})
		}
	}
	for range kills {
		s := launch(t, asIs, line...)
		time.Sleep(time.Duration(rand.IntN(150)) * time.Millisecond) // any moment will do
		_ = s.cmd.Process.Kill()
		s.wait()
		if said := s.stderr.String(); strings.Contains(said, "fullbore: ") {
			t.Errorf("it did not start: %s", said)
		}
	}
	last := launch(t, asIs, line...)
	last.stderr.wait(t, "listening unix:")
	close(stop)
	load.Wait()
	if code := last.stop(); code != 0 {
		t.Errorf("exit status %d:\n%s", code, last.stderr)
	}
	logs, err := filepath.Glob(filepath.Join(run, "access*"))
	if err != nil || len(logs) == 0 {
		t.Fatal(logs, err)
	}
	records, cut := 0, 0
	for _, name := range logs {
		for line := range strings.Lines(read(t, name)) {
			var r record
			switch err := json.Unmarshal([]byte(line), &r); {
			case err == nil:
				records++
			case strings.LastIndex(line, `{"time":`) != 0:
				t.Errorf("%s: %q", name, line)
			default:
				cut++
			}
		}
	}
	if records == 0 || cut > kills {
		t.Errorf("%d records, and %d that were cut by %d kills", records, cut, kills)
	}
}
