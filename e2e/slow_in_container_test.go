//go:build linux

package e2e

// Thousands of slow downloads at once, of a server in a container with little memory.
// Where the limit counts kernel memory, each connection costs another 1.5 KiB of it
// (socket, inode, file, epoll entry); what its socket holds unsent is kept to a page.

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// slowEnv says how many slow downloads; slowMemoryEnv the container's memory, "96m"
// unless given.
const (
	slowEnv       = "FULLBORE_SLOW"
	slowMemoryEnv = "FULLBORE_SLOW_MEMORY"
)

func TestSlowDownloadsInAContainer(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv(slowEnv))
	if err != nil {
		t.Skipf("takes minutes: %s=N runs it with N downloads", slowEnv)
	}
	needTool(t, "docker")
	c := runContained(t)
	before := c.memory()

	downloads := make([]*client, n)
	got := make([]int64, n)
	for i := range downloads {
		downloads[i] = dial(t, c.addr, 4<<10)
		_ = downloads[i].SetDeadline(time.Now().Add(10 * time.Minute))
		downloads[i].send(t, getRequest(fmt.Sprintf("/big.iso?%d", i)))
	}
	for i, d := range downloads {
		if status := d.header(t); status != "HTTP/1.1 200 OK" {
			t.Fatalf("download %d of %d is answered with %q", i, n, status)
		}
	}
	for i, d := range downloads { // all of them still go on
		had, _ := d.r.Discard(d.r.Buffered()) // came with the header
		k, err := d.r.Read(make([]byte, 512))
		if err != nil {
			t.Fatalf("download %d of %d is lost: %v", i, n, err)
		}
		got[i] = int64(had + k + d.r.Buffered())
	}
	during := c.memory()
	for _, d := range downloads {
		_ = d.SetLinger(0)
		_ = d.Close()
	}
	sent := map[string]int64{}
	for _, r := range c.records(n) {
		if r.Outcome != "aborted" || r.Status != 200 {
			t.Fatalf("recorded %+v", r)
		}
		sent[r.Query] = r.Sent
	}
	for i := range downloads {
		if s := sent[strconv.Itoa(i)]; s < got[i] || s > got[i]+64<<10 {
			t.Errorf("download %d received %d bytes, recorded are %d", i, got[i], s)
		}
	}
	if len(sent) != n {
		t.Errorf("%d downloads are recorded of %d", len(sent), n)
	}
	time.Sleep(time.Minute)
	after := c.memory()
	t.Logf("%d downloads; resident set in KiB before %d, during %d, a minute after %d, peak %d", n, before["VmRSS"], during["VmRSS"], after["VmRSS"], after["VmHWM"])
	if after["VmRSS"]*10 > before["VmRSS"]*13 {
		t.Errorf("the resident set is %d KiB, and was %d KiB before", after["VmRSS"], before["VmRSS"])
	}
	if killed := c.inspect("{{.State.OOMKilled}} {{.RestartCount}} {{.State.Running}}"); killed != "false 0 true" {
		t.Errorf("killed for memory, restarts, running: %s", killed)
	}
}

// contained is a server in a container.
type contained struct {
	*testing.T
	id, addr, log string
	pid           int
}

func runContained(t *testing.T) *contained {
	t.Helper()
	dir := t.TempDir()
	sparse(t, dir, "big.iso", 2<<30)
	logs := t.TempDir()
	memory := os.Getenv(slowMemoryEnv)
	if memory == "" {
		memory = "96m"
	}
	image := fmt.Sprintf("fullbore-slow-%d", os.Getpid())
	context := t.TempDir()
	program, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"Dockerfile": []byte("FROM scratch\nCOPY fullbore /fullbore\nENTRYPOINT [\"/fullbore\"]\n"), "fullbore": program} {
		if err := os.WriteFile(filepath.Join(context, name), content, 0o755); err != nil { //nolint:gosec // the server has to be executable
			t.Fatal(err)
		}
	}
	docker(t, "build", "--quiet", "--tag", image, context)
	t.Cleanup(func() { docker(t, "image", "rm", "--force", image) })
	id := docker(t, "run", "--detach", "--memory", memory, "--memory-swap", memory, "--sysctl", "net.ipv4.tcp_wmem=4096 4096 4096",
		"--volume", dir+":/srv:ro", "--volume", logs+":/log", image,
		"serve", "/srv", "--listen", ":8080", "--idle-timeout", "10m", "--access-log", "/log/access.log")
	t.Cleanup(func() { docker(t, "rm", "--force", id) })
	c := &contained{T: t, id: id, log: filepath.Join(logs, "access.log")}
	c.addr = c.inspect("{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}") + ":8080"
	if c.pid, err = strconv.Atoi(c.inspect("{{.State.Pid}}")); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); !strings.Contains(docker(t, "logs", id), "listening"); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the container does not listen")
		}
	}
	return c
}

func docker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("docker", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if args[0] == "logs" {
		return string(out)
	}
	return lines[len(lines)-1]
}

func (c *contained) inspect(format string) string {
	c.Helper()
	return docker(c.T, "inspect", "--format", format, c.id)
}

// memory is what /proc/PID/status says, in KiB. See proc_pid_status(5).
func (c *contained) memory() map[string]int64 {
	c.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.pid))
	if err != nil {
		c.Fatal(err)
	}
	m := map[string]int64{}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		if kib, found := strings.CutSuffix(strings.TrimSpace(value), " kB"); found {
			m[name], _ = strconv.ParseInt(kib, 10, 64)
		}
	}
	return m
}

func (c *contained) records(n int) []record {
	c.Helper()
	for deadline := time.Now().Add(2 * patience); ; time.Sleep(100 * time.Millisecond) {
		content, err := os.ReadFile(c.log)
		if err != nil {
			c.Fatal(err)
		}
		if bytes.Count(content, []byte("\n")) >= n {
			return parseRecords(c.T, content)
		}
		if time.Now().After(deadline) {
			c.Fatalf("%d records of %d", bytes.Count(content, []byte("\n")), n)
		}
	}
}
