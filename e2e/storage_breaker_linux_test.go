package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// onTwoDisks is a server whose folder has a file, and a FUSE mount with many.
func onTwoDisks(t *testing.T, files int) (s *server, dir string, disk *os.Process) {
	t.Helper()
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skip("there is no /dev/fuse here")
	}
	dir = t.TempDir()
	for _, folder := range []string{"source", "root/disk"} {
		if err := os.MkdirAll(dir+"/"+folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for i := range files {
		write(t, fmt.Sprint(dir, "/source/", i), "on FUSE")
	}
	write(t, dir+"/root/small", "s")
	s = namespaced(t, dir+"/root", "--event-format", "json", "--storage-timeout", "1s")
	disk = s.fuse(t, dir+"/source", dir+"/root/disk")
	s.diskSays(t, 200)
	s.knowsTwoMounts(t)
	return s, dir, disk
}

// knowsTwoMounts waits until the server has found the mount.
func (s *server) knowsTwoMounts(t *testing.T) {
	t.Helper()
	waitUntil(t, "the mount is known", func() bool {
		return strings.Contains(s.askAdmin("GET", "/metrics").body, "fullbore_storage_mounts 2\n")
	})
}

// diskSays waits for the status of a file on the mount.
func (s *server) diskSays(t *testing.T, status int) {
	t.Helper()
	waitUntil(t, fmt.Sprintf("the disk says %d", status), func() bool {
		got, _ := s.get("/disk/0")
		return got == status
	})
}

// storageHealth is that part of /health.
func (s *server) storageHealth() (score int, reason string) {
	s.t.Helper()
	for _, part := range s.health().Parts {
		if part.Name == "storage" {
			return part.Score, part.Reason
		}
	}
	s.t.Fatal("health has no such part")
	return 0, ""
}

func (s *server) healthy(t *testing.T) {
	t.Helper()
	waitUntil(t, "health is well", func() bool {
		score, reason := s.storageHealth()
		return score == 100 && reason == ""
	})
}

// threads is how many the process has.
func (s *server) threads(t *testing.T) int {
	t.Helper()
	for line := range strings.Lines(read(t, fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))) {
		if n, ok := strings.CutPrefix(line, "Threads:"); ok {
			threads, err := strconv.Atoi(strings.TrimSpace(n))
			if err != nil {
				t.Fatal(err)
			}
			return threads
		}
	}
	t.Fatal("the kernel does not tell")
	return 0
}

// A mount that does not answer costs a bounded number of threads, however many want its
// files; they are told 503 and when to come again; other files are served meanwhile; and
// it is found by itself when it answers again.
func TestDeadMountIsRefusedQuickly(t *testing.T) {
	const clients = 400
	s, _, disk := onTwoDisks(t, clients)
	if err := disk.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = disk.Signal(syscall.SIGCONT) })
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	answers := make(chan error, clients)
	for i := range clients {
		go func() {
			resp, err := client.Get(s.url(fmt.Sprint("/disk/", i)))
			if err != nil {
				answers <- err
				return
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || !strings.Contains(string(body), "The disk that has the files") {
				err = fmt.Errorf("%d, Retry-After %q: %.200s", resp.StatusCode, resp.Header.Get("Retry-After"), body)
			}
			answers <- err
		}()
	}
	for range 2 * clients {
		if status, body := s.get("/small"); status != 200 || body != "s" {
			t.Fatalf("a file on another disk: %d %q", status, body)
		}
	}
	for range clients {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
	// 64 opens, and what a server has anyway.
	if n := s.threads(t); n > 64+40 {
		t.Errorf("there are %d threads", n)
	}
	waitUntil(t, "health says so", func() bool {
		score, reason := s.storageHealth()
		return score == 50 && strings.Contains(reason, "/root/disk: no answer within 1s")
	})
	metrics := s.askAdmin("GET", "/metrics").body
	for _, want := range []string{"fullbore_storage_failing_mounts 1\n", "fullbore_storage_failures_total 1\n", `fullbore_refused_total{rule="storage"} `} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics lack %q", want)
		}
	}
	s.says(t, `"event":"storage"`, `"state":"failing"`, "/root/disk")
	if err := disk.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	s.diskSays(t, 200)
	s.says(t, `"event":"storage"`, `"state":"ok"`, "/root/disk")
	s.healthy(t)
	s.stop()
	refused := 0
	for _, r := range s.records(3*clients + 1) {
		switch {
		case r.Status == 503 && r.Rule == "storage" && strings.HasPrefix(r.Path, "/disk/"):
			refused++
		case r.Status == 404 && r.Path == "/disk/0": // before the mount was there
		case r.Status != 200 || r.Rule != "":
			t.Errorf("%+v", r)
		}
	}
	if refused < clients {
		t.Errorf("%d records of %d refused requests", refused, clients)
	}
}

// A mount whose server is gone fails at once; another one in its place is served at once.
func TestMountThatDiedIsReplaced(t *testing.T) {
	s, dir, disk := onTwoDisks(t, 1)
	if err := disk.Kill(); err != nil {
		t.Fatal(err)
	}
	s.diskSays(t, 503)
	waitUntil(t, "it is not asked any more", func() bool {
		_, _ = s.get("/disk/0")
		score, _ := s.storageHealth()
		return score == 50
	})
	if status, _ := s.get("/small"); status != 200 {
		t.Errorf("a file on another disk: %d", status)
	}
	s.says(t, `"event":"storage"`, `"state":"failing"`, "transport endpoint is not connected")
	succeed(t, s.inside(t, "umount", "-l", dir+"/root/disk"))
	s.fuse(t, dir+"/source", dir+"/root/disk")
	s.diskSays(t, 200)
	s.healthy(t)
}

// Downloads from a mount that has stopped to answer hold up none from another one, though
// both are read aside.
func TestDeadMountHoldsUpNoOther(t *testing.T) {
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skip("there is no /dev/fuse here")
	}
	const downloads, size = 48, 12 << 20 // more than the readers of a mount
	dir := t.TempDir()
	for _, folder := range []string{"source", "root/dead", "root/alive"} {
		if err := os.MkdirAll(dir+"/"+folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for i := range downloads {
		sparse(t, dir, fmt.Sprint("source/", i), size)
	}
	s := namespaced(t, dir+"/root")
	dead := s.fuse(t, dir+"/source", dir+"/root/dead")
	s.fuse(t, dir+"/source", dir+"/root/alive")
	waitUntil(t, "both mounts are there", func() bool {
		a, _ := s.get("/dead/0")
		b, _ := s.get("/alive/0")
		return a == 200 && b == 200
	})
	begun := make([]*http.Response, downloads)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for i := range begun {
		resp, err := client.Get(s.url(fmt.Sprint("/dead/", i)))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		begun[i] = resp
	}
	if err := dead.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dead.Signal(syscall.SIGCONT) })
	got := make(chan string, downloads)
	for _, resp := range begun {
		go func() {
			n, err := io.Copy(io.Discard, resp.Body)
			got <- fmt.Sprint(n, err)
		}()
	}
	for i := range downloads {
		if status, body := s.get(fmt.Sprint("/alive/", i)); status != 200 || len(body) != size {
			t.Errorf("from the other mount: %d, %d bytes", status, len(body))
		}
	}
	if status, listing := s.get("/"); status != 200 || !strings.Contains(listing, "alive") {
		t.Errorf("the folder that both are in: %d %s", status, listing)
	}
	if len(got) == downloads {
		t.Error("the dead mount has answered")
	}
	if err := dead.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	for range downloads {
		if answer := <-got; answer != fmt.Sprint(size, nil) {
			t.Error(answer)
		}
	}
}

// A file with a bad block is no reason to refuse the others of its disk, however often it is
// asked for: a real file system whose one file cannot be read, until it can.
func TestFileThatCannotBeReadIsNotTheDisk(t *testing.T) {
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skip("there is no /dev/fuse here")
	}
	const size = 1 << 20
	dir := t.TempDir()
	if err := os.MkdirAll(dir+"/root/disk", 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, dir+"/bad", "while this is here")
	s := namespaced(t, dir+"/root")
	disk := s.inside(t, needTool(t, "nbdfuse"), dir+"/root/disk", "--command", needTool(t, "nbdkit"), "-s", "--filter=error",
		"memory", fmt.Sprint(size), "error-pread-rate=100%", "error-pread-file="+dir+"/bad")
	if err := disk.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.inside(t, "umount", "-l", dir+"/root/disk").Run()
		_ = disk.Process.Kill()
		_ = disk.Wait()
	})
	s.knowsTwoMounts(t)
	for range 20 {
		resp, err := http.Get(s.url("/disk/nbd"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
			t.Errorf("%s, Retry-After %q", resp.Status, resp.Header.Get("Retry-After"))
		}
	}
	if m := s.scrape(); m["fullbore_storage_failures_total"] != 0 || m["fullbore_refused_total rule=storage"] != 0 {
		t.Errorf("%v failures of the disk, %v refused", m["fullbore_storage_failures_total"], m["fullbore_refused_total rule=storage"])
	}
	if err := os.Remove(dir + "/bad"); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "it can be read", func() bool {
		status, body := s.get("/disk/nbd")
		return status == 200 && len(body) == size
	})
	for _, r := range s.wholeLog() {
		if (r.Status != 503 || !strings.Contains(r.Error, "input/output error")) && r.Status != 200 || r.Rule != "" {
			t.Errorf("%+v", r)
		}
	}
}
