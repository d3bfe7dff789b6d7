//go:build unix

package e2e

// Reloads of the running server: by signal and by a change of the file, all or
// nothing, while clients are being served.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// startPlain runs "fullbore serve" with args and nothing else, and waits until
// it listens.
func startPlain(t *testing.T, env []string, args ...string) *server {
	t.Helper()
	return launch(t, func(cmd *exec.Cmd) { cmd.Env = append(os.Environ(), env...) },
		append([]string{binary, "serve"}, args...)...).listening()
}

// reloadEvent is what the server says of a reload.
type reloadEvent struct {
	Event, Result, Trigger, Error string
	Changed                       []string
}

// reloads waits for n events of reloads and gives all there are.
func (s *server) reloads(n int) []reloadEvent {
	s.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		var events []reloadEvent
		for line := range strings.Lines(s.stderr.String()) {
			var e reloadEvent
			if json.Unmarshal([]byte(line), &e) == nil && e.Event == "reload" {
				events = append(events, e)
			}
		}
		if len(events) >= n {
			return events
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("want %d reloads, it printed:\n%s", n, s.stderr)
		}
	}
}

func (s *server) signal(sig os.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

func writeFile(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// replaceFile writes beside the file and renames, as editors do.
func replaceFile(t *testing.T, name, content string) {
	t.Helper()
	writeFile(t, name+".new~", content)
	if err := os.Rename(name+".new~", name); err != nil {
		t.Fatal(err)
	}
}

// get gives status and body of a GET on a connection of its own.
func (s *server) get(path string) (int, string) {
	s.t.Helper()
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(s.url(path))
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// folderWith makes a folder with one file.
func folderWith(t *testing.T, name, content string) string {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, name), content)
	return dir
}

func TestReloadByTheWaysFilesChange(t *testing.T) {
	a, b := folderWith(t, "file", "a"), folderWith(t, "file", "b")
	dir := t.TempDir()
	file := filepath.Join(dir, "fullbore.yaml")
	writeFile(t, file, "path: "+a+"\n")
	s := start(t, "--config", file)
	events := 0
	expect := func(how, body, result string) {
		t.Helper()
		events++
		if e := s.reloads(events)[events-1]; e.Result != result || e.Trigger != "file" {
			t.Errorf("%s: %+v", how, e)
		}
		if _, got := s.get("/file"); got != body {
			t.Errorf("%s: the folder of %q is served", how, got)
		}
	}
	replaceFile(t, file, "path: "+b+"\n")
	expect("renamed", "b", "ok")
	writeFile(t, file, "path: "+a+"\n")
	expect("written in place", "a", "ok")

	// Away for a moment, and other files beside it, are nothing to speak of.
	if err := os.Rename(file, file+"~"); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, ".fullbore.yaml.swp"), "x")
	replaceFile(t, file, "path: "+b+"\n")
	expect("moved away and made anew", "b", "ok")

	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	expect("gone", "b", "refused")
	writeFile(t, file, "path: "+a+"\n")
	expect("back", "a", "ok")

	// A link to another folder, whose file then changes.
	elsewhere := filepath.Join(t.TempDir(), "real.yaml")
	writeFile(t, elsewhere, "path: "+b+"\n")
	if err := os.Symlink(elsewhere, file+".new~"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new~", file); err != nil {
		t.Fatal(err)
	}
	expect("a link", "b", "ok")
	replaceFile(t, elsewhere, "path: "+a+"\n")
	expect("what it links to", "a", "ok")

	// The folder itself makes way for another.
	if err := os.Rename(dir, dir+".old"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir + ".old") })
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, file, "path: "+b+"\n")
	expect("another folder", "b", "ok")
	replaceFile(t, file, "path: "+a+"\n")
	expect("in that folder", "a", "ok")
	if code := s.stop(); code != 0 {
		t.Errorf("exit status %d", code)
	}
	if got := s.reloads(events); len(got) != events {
		t.Errorf("more reloads than changes: %+v", got[events:])
	}
}

// As Kubernetes mounts a ConfigMap: the file is a link through ..data, which is
// exchanged.
func TestReloadOfAConfigMap(t *testing.T) {
	a, b := folderWith(t, "file", "a"), folderWith(t, "file", "b")
	dir := t.TempDir()
	version := func(name, served string) {
		t.Helper()
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, name, "fullbore.yaml"), "path: "+served+"\n")
		if err := os.Symlink(name, filepath.Join(dir, "..data_tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	version("..1", a)
	file := filepath.Join(dir, "fullbore.yaml")
	if err := os.Symlink(filepath.Join("..data", "fullbore.yaml"), file); err != nil {
		t.Fatal(err)
	}
	s := start(t, "--config", file)
	for i, served := range []string{b, a, b} {
		version(fmt.Sprintf("..%d", i+2), served)
		if err := os.RemoveAll(filepath.Join(dir, fmt.Sprintf("..%d", i+1))); err != nil {
			t.Fatal(err)
		}
		if e := s.reloads(i + 1)[i]; e.Result != "ok" || len(e.Changed) != 1 || !strings.HasSuffix(e.Changed[0], " -> "+served) {
			t.Errorf("%+v", e)
		}
	}
}

func TestReloadIsAllOrNothing(t *testing.T) {
	a, b := folderWith(t, "file", "a"), folderWith(t, "file", "b")
	file := filepath.Join(t.TempDir(), "fullbore.yaml")
	missing := filepath.Join(t.TempDir(), "missing")
	begin := "listen: 127.0.0.1:0\nadmin: ''\naccess-log: 'off'\npath: " + a + "\n"
	writeFile(t, file, begin)
	s := startPlain(t, []string{"FULLBORE_MAX_AGE=1h"}, "--config", file)
	for i, test := range []struct {
		content string
		result  string
		says    []string // of error or changed
	}{
		{begin, "ok", nil},
		{"path: " + b + "\nlisten: 127.0.0.1:1\n", "refused", []string{file + ":2: listen: ", `"127.0.0.1:0"`, `"127.0.0.1:1"`, "restart", "--admin: ", "--access-log: "}},
		{"path: " + b + "\nlisten:\n- 127.0.0.1:0\n- unix:/nowhere/s\n", "refused", []string{file + ":2: listen: ", `to "127.0.0.1:0,unix:/nowhere/s" takes a restart`}},
		{begin + "listn: x\n", "refused", []string{file + ":5: listn: no such key"}},
		{"path: " + b + "\nhidden: \"\n", "refused", []string{file + ":2: not YAML"}},
		{strings.Replace(begin, a, missing, 1), "refused", []string{file + ":4: path: open " + missing + ": no such file"}},
		{strings.Replace(begin, a, b, 1) + "readme: true\nbrowse: false\n", "refused", []string{file + ":5: readme: "}},
		{strings.Replace(begin, a, "/dev/null", 1), "refused", []string{"neither a folder nor"}},
		{begin + "idle-timeout: 7s\nwatch-webhook: http://user:secret@127.0.0.1:1/secret\nmax-age: 2h\n", "ok", []string{"idle-timeout: 1m -> 7s", `watch-webhook: "" -> http://***@127.0.0.1:1/***`}},
		{begin, "ok", []string{"idle-timeout: 7s -> 1m", `watch-webhook: http://***@127.0.0.1:1/*** -> ""`}},
	} {
		replaceFile(t, file, test.content)
		s.signal(syscall.SIGHUP)
		var e reloadEvent
		asked := 0
		for _, e = range s.reloads(i + 1) {
			if e.Trigger == "SIGHUP" {
				asked++
			}
		}
		if said := e.Error + strings.Join(e.Changed, "; "); e.Result != test.result {
			t.Errorf("%q: %+v", test.content, e)
		} else {
			for _, word := range test.says {
				if !strings.Contains(said, word) {
					t.Errorf("%q: %q does not say %q", test.content, said, word)
				}
			}
			if test.result == "ok" && len(test.says) != len(e.Changed) {
				t.Errorf("%q: changed %q, want only %q", test.content, e.Changed, test.says)
			}
		}
		if _, got := s.get("/file"); got != "a" {
			t.Fatalf("%q: the other folder is served", test.content)
		}
	}
	if text := s.stderr.String(); strings.Contains(text, "secret") {
		t.Errorf("a secret is in the events:\n%s", text)
	}
	if code := s.stop(); code != 0 {
		t.Errorf("exit status %d", code)
	}
}

// The folder changes while a file of the old one is on its way.
func TestReloadOfThePathDuringADownload(t *testing.T) {
	const size = 64 << 20
	a, b := t.TempDir(), folderWith(t, "file", "b")
	content := bytes.Repeat([]byte("0123456789abcde\n"), size/16)
	for i := 0; i < size; i += 4096 {
		copy(content[i:], strconv.Itoa(i))
	}
	writeFile(t, filepath.Join(a, "file"), string(content))
	file := filepath.Join(t.TempDir(), "fullbore.yaml")
	writeFile(t, file, "path: "+a+"\n")
	s := start(t, "--config", file)
	c := dial(t, s.addr, 4<<10)
	c.send(t, getRequest("/file"))
	if status := c.header(t); status != "HTTP/1.1 200 OK" {
		t.Fatal(status)
	}
	replaceFile(t, file, "path: "+b+"\n")
	s.signal(syscall.SIGHUP)
	if e := s.reloads(1)[0]; e.Result != "ok" {
		t.Fatalf("%+v", e)
	}
	if _, got := s.get("/file"); got != "b" {
		t.Errorf("%d bytes of the old folder are served", len(got))
	}
	for _, open := range descriptors(t, s.cmd.Process.Pid) {
		if open == a {
			t.Error("the old folder is open still, though nobody looks into it")
		}
	}
	got := make([]byte, size)
	if n, err := io.ReadFull(c.r, got); err != nil || !bytes.Equal(got, content) {
		t.Errorf("the download gave %d bytes, %v, not what the file had", n, err)
	}
	for _, r := range s.records(2) {
		if r.Outcome != "complete" {
			t.Errorf("%+v", r)
		}
	}
}

// descriptors are what a process has open, as far as the system tells.
func descriptors(t *testing.T, pid int) []string {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // no such thing here
	}
	var open []string
	for _, e := range entries {
		if name, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil {
			open = append(open, name)
		}
	}
	return open
}

// A client that takes nothing is cut after the timeout that is in force.
func TestReloadOfTheIdleTimeout(t *testing.T) {
	dir := t.TempDir()
	sparse(t, dir, "file", 64<<20)
	file := filepath.Join(t.TempDir(), "fullbore.yaml")
	writeFile(t, file, "idle-timeout: 1h\n")
	s := start(t, dir, "--config", file)
	early := dial(t, s.addr, 0)
	early.send(t, "HEAD /file HTTP/1.1\r\nHost: test\r\n\r\n")
	early.header(t)
	replaceFile(t, file, "idle-timeout: 1s\n")
	if e := s.reloads(1)[0]; e.Result != "ok" || e.Changed[0] != "idle-timeout: 1h -> 1s" {
		t.Fatalf("%+v", e)
	}
	late := dial(t, s.addr, 4<<10)
	late.send(t, getRequest("/file"))
	for _, r := range s.records(2)[1:] {
		if r.Outcome != "timeout" {
			t.Errorf("%+v", r)
		}
	}
}

func TestSIGHUPReopensTheLogAndTheFolder(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "dir")
	for _, name := range []string{"one", "two"} {
		if err := os.Mkdir(filepath.Join(parent, name), 0o755); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(parent, name, "file"), name)
	}
	if err := os.Symlink("one", dir); err != nil {
		t.Fatal(err)
	}
	s := start(t, dir)
	if _, got := s.get("/file"); got != "one" {
		t.Errorf("%q is served", got)
	}
	s.records(1)
	if err := os.Rename(s.log, s.log+".1"); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("two", dir); err != nil {
		t.Fatal(err)
	}
	s.signal(syscall.SIGHUP)
	if e := s.reloads(1)[0]; e.Result != "ok" || e.Trigger != "SIGHUP" || len(e.Changed) != 0 {
		t.Errorf("%+v", e)
	}
	if _, got := s.get("/file"); got != "two" {
		t.Errorf("%q is served", got)
	}
	if n := len(s.records(1)); n != 1 {
		t.Errorf("the new log has %d records, want 1", n)
	}
}

// goroutines is how many the server has.
func (s *server) goroutines() int {
	s.t.Helper()
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + s.admin + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	match := regexp.MustCompile(`(?m)^go_goroutines (\d+)$`).FindSubmatch(page)
	if match == nil {
		s.t.Fatalf("no go_goroutines in:\n%s", page)
	}
	n, _ := strconv.Atoi(string(match[1]))
	return n
}

// 1,000 reloads exchange two folders whose files differ, while clients download:
// each body is of one folder, whole, and nothing is left behind.
func TestThousandReloadsUnderLoad(t *testing.T) {
	const reloads, large = 1000, 512 << 10
	dir := t.TempDir()
	configs := make([]string, 2)
	for i, letter := range []string{"a", "b"} {
		files := filepath.Join(dir, letter)
		if err := os.Mkdir(files, 0o755); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(files, "small"), strings.Repeat(letter, 4<<10))
		writeFile(t, filepath.Join(files, "large"), strings.Repeat(letter, large))
		configs[i] = filepath.Join(dir, letter+".yaml")
		writeFile(t, configs[i], fmt.Sprintf("path: %s\nmax-age: %dh\nidle-timeout: %dm\n", files, i+1, i+1))
	}
	file := filepath.Join(dir, "fullbore.yaml")
	// By links, since a file system may wait for the disk when a file just
	// written takes another's place.
	use := func(config string) {
		t.Helper()
		if err := os.Link(config, file+"~"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+"~", file); err != nil {
			t.Fatal(err)
		}
	}
	use(configs[0])
	s := start(t, "--config", file)
	s.get("/small")
	goroutines := s.goroutines()
	before := len(descriptors(t, s.cmd.Process.Pid))

	stop := make(chan struct{})
	var clients sync.WaitGroup
	requests := atomic.Int64{}
	requests.Store(1)
	for i := range 8 {
		client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: i%2 == 0}}
		path, size := "/small", 4<<10
		if i%4 > 1 {
			path, size = "/large", large
		}
		clients.Go(func() {
			defer client.CloseIdleConnections()
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond): // so that there are some left for the reloads
				}
				requests.Add(1)
				if err := oneLetter(client, s.url(path), size); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range reloads {
		use(configs[(i+1)%2])
		s.signal(syscall.SIGHUP)
		s.stderr.count(t, `"trigger":"SIGHUP"`, i+1)
	}
	close(stop)
	clients.Wait()
	if text := s.stderr.String(); strings.Contains(text, `"refused"`) {
		t.Errorf("a reload was refused:\n%s", text)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		after := descriptors(t, s.cmd.Process.Pid)
		if len(after) <= before {
			break
		}
		if time.Now().After(deadline) {
			t.Errorf("%d descriptors before, %d after: %q", before, len(after), after)
			break
		}
	}
	// A worker that served a connection stays for a while: fewer than a tenth
	// of what one for each reload would be.
	if n := s.goroutines(); n > goroutines+reloads/10 {
		t.Errorf("%d goroutines before, %d after", goroutines, n)
	}
	for _, r := range s.records(int(requests.Load())) {
		if r.Outcome != "complete" || r.Status != http.StatusOK {
			t.Errorf("%+v", r)
			break
		}
	}
	t.Logf("%d requests during %d reloads", requests.Load(), reloads)
}

// oneLetter gets a file that has to be the same letter from end to end.
func oneLetter(client *http.Client, url string, size int) error {
	resp, err := client.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("%s: after %d bytes: %w", url, len(body), err)
	}
	if resp.StatusCode != http.StatusOK || len(body) != size || bytes.Count(body, body[:1]) != size {
		return fmt.Errorf("%s: %s, %d bytes that begin with %.20q", url, resp.Status, len(body), body)
	}
	return nil
}

// count waits until a text was printed n times.
func (c *lineCollector) count(t *testing.T, text string, n int) {
	t.Helper()
	timeout := time.AfterFunc(patience, c.close)
	defer timeout.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for strings.Count(c.text.String(), text) < n {
		if c.ended {
			t.Fatalf("%q was not printed %d times:\n%s", text, n, c.text.String())
		}
		c.grew.Wait()
	}
}
