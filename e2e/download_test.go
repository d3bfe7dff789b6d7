//go:build unix

package e2e

// The life of a download, as the kernel, the client and the log see it.

import (
	"bufio"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// All of a file goes from disk to socket inside the kernel. On goroutines its
// last 4 KiB are read, so that the file can be looked at once more while the
// response is not complete yet, and one that has changed is never completed;
// event loops send these by a call of their own. A small file is read as a
// whole, and is one write with its header.
func TestFileBytesNeverEnterTheProcess(t *testing.T) {
	strace := needTool(t, "strace")
	dir := t.TempDir()
	const size, small, lastPiece = 1 << 20, 15_000, 4 << 10
	content := make([]byte, size)
	_, _ = rand.Read(content)
	for name, content := range map[string][]byte{"file.bin": content, "small.bin": content[:small]} { // of a known type: nothing is read to guess it
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	trace := filepath.Join(t.TempDir(), "trace")
	s := startBy(t, []string{
		strace, "-D", "-f", "-yy", "-s", "16", "-o", trace, "-e", "trace=read,pread64,readv,preadv,mmap,sendfile,write,writev,sendto,sendmsg,splice",
	}, dir)
	c := dial(t, s.addr, 0)
	for target, want := range map[string][]byte{"/file.bin": content, "/small.bin": content[:small]} {
		c.send(t, getRequest(target))
		c.header(t)
		got := make([]byte, len(want))
		if _, err := io.ReadFull(c.r, got); err != nil {
			t.Fatal(err)
		}
		if sha256.Sum256(got) != sha256.Sum256(want) {
			t.Errorf("%s: the client received other bytes", target)
		}
	}
	for _, r := range s.records(2) {
		if r.Outcome != "complete" || r.Sent != r.Size {
			t.Errorf("logged %+v", r)
		}
	}
	s.stop()
	calls := joined(wholeTrace(t, trace, s.cmd.Process.Pid))
	file := func(name string) string { return `\d+<` + regexp.QuoteMeta(filepath.Join(dir, name)) + `>` }
	const socket = `\d+<TCP:[^\]]*\]>`

	if !regexp.MustCompile(`sendfile\(` + socket + `, ` + file("file.bin")).MatchString(calls) {
		t.Errorf("no sendfile of the file:\n%s", calls)
	}
	headers := regexp.MustCompile(`(?m)\b(?:writev?|sendto|sendmsg)\(`+socket+`.*$`).FindAllString(calls, -1)
	written := sumOf(t, strings.Join(headers, "\n"), `= (\d+)$`)
	if onLoops() {
		if n := sumOf(t, calls, `sendfile.*= (\d+)`); n != size {
			t.Errorf("%d bytes went by sendfile, want %d", n, size)
		}
		if regexp.MustCompile(`\b(p?read(64|v)?|mmap|splice)\([^)\n]*` + file("file.bin")).MatchString(calls) {
			t.Errorf("the file was read:\n%s", calls)
		}
		if len(headers) != 2 || written < small || written > small+1000 {
			t.Errorf("%d writes to the socket of %d bytes in all:\n%s", len(headers), written, strings.Join(headers, "\n"))
		}
		return
	}
	if n := sumOf(t, calls, `sendfile.*= (\d+)`); n != size-lastPiece {
		t.Errorf("%d bytes went by sendfile, want %d", n, size-lastPiece)
	}
	reads := regexp.MustCompile(`(?m)^.*\b(p?read(64|v)?|mmap|splice)\([^)\n]*`+file("file.bin")+`.*$`).FindAllString(calls, -1)
	if len(reads) != 1 || !strings.Contains(reads[0], "pread64(") || !strings.Contains(calls, fmt.Sprintf("%d, %d) = %d", lastPiece, size-lastPiece, lastPiece)) {
		t.Errorf("the file was read by %q, want the last %d bytes, once", reads, lastPiece)
	}
	// What went out by write: the header, the last piece, and the small file
	// with its header. Each header is a few hundred bytes.
	if len(headers) != 3 || written < lastPiece+small || written > lastPiece+small+1000 {
		t.Errorf("%d writes to the socket of %d bytes in all:\n%s", len(headers), written, strings.Join(headers, "\n"))
	}
}

// onLoops reports whether the servers of these tests run on event loops. All
// tests run on goroutines too, with FULLBORE_ENGINE=goroutines.
func onLoops() bool {
	return runtime.GOOS == "linux" && os.Getenv("FULLBORE_ENGINE") != "goroutines"
}

// joined puts calls together that strace tells of in two lines, since another
// thread did something meanwhile.
func joined(trace []byte) string {
	begun := map[string]string{} // by thread
	var calls strings.Builder
	for line := range strings.Lines(string(trace)) {
		thread, call, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if first, ok := strings.CutSuffix(call, " <unfinished ...>"); ok {
			begun[thread] = first
			continue
		}
		if _, rest, ok := strings.Cut(call, " resumed>"); ok {
			call = begun[thread] + rest
		}
		calls.WriteString(call + "\n")
	}
	return calls.String()
}

// sumOf adds up the numbers that a pattern finds in lines.
func sumOf(t *testing.T, lines, pattern string) (sum int64) {
	t.Helper()
	for _, found := range regexp.MustCompile(`(?m)`+pattern).FindAllStringSubmatch(lines, -1) {
		n, err := strconv.ParseInt(found[1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	return sum
}

// wholeTrace reads what strace wrote, once it has seen the process end.
func wholeTrace(t *testing.T, name string, pid int) []byte {
	t.Helper()
	end := regexp.MustCompile(fmt.Sprintf(`(?m)^%d +\+\+\+ (exited|killed) .*`, pid))
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		calls, err := os.ReadFile(name)
		if err == nil && end.Match(calls) {
			return calls
		}
		if time.Now().After(deadline) {
			t.Fatalf("the trace has no end (%v):\n%s", err, calls)
		}
	}
}

func TestAbortedDownloadIsLoggedWithTheBytesTheKernelTook(t *testing.T) {
	dir := t.TempDir()
	const size = 2 << 30
	sparse(t, dir, "big", size)
	s := start(t, dir)
	c := dial(t, s.addr, 64<<10)
	c.send(t, getRequest("/big"))
	c.header(t)
	const taken = 5 << 20
	if _, err := io.CopyN(io.Discard, c.r, taken); err != nil {
		t.Fatal(err)
	}
	_ = c.SetLinger(0)
	c.Close()
	r := s.records(1)[0]
	// Beyond what was received: what waits in the two sockets' buffers.
	if r.Outcome != "aborted" || r.Sent < taken || r.Sent > taken+16<<20 || r.Size != size || r.Status != 200 {
		t.Errorf("logged %+v; want aborted, with %d bytes and what was in flight", r, taken)
	}
	if !strings.Contains(r.Error, "connection reset") && !strings.Contains(r.Error, "broken pipe") {
		t.Errorf("error is %q", r.Error)
	}
}

// One client takes nothing and must be ended; another takes little but
// steadily, for several times the idle timeout, and must not.
func TestStalledDownloadEndsWhileASlowOneGoesOn(t *testing.T) {
	dir := t.TempDir()
	const size = 24 << 20
	sparse(t, dir, "file", size)
	const idle = 2 * time.Second
	s := start(t, dir, "--idle-timeout", idle.String())

	stalled := dial(t, s.addr, 64<<10)
	stalled.send(t, getRequest("/file?stalled"))
	stalled.header(t)

	slow := dial(t, s.addr, 64<<10)
	slow.send(t, getRequest("/file?slow"))
	slow.header(t)
	var received int64
	for until := time.Now().Add(4 * idle); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
		n, err := io.CopyN(io.Discard, slow.r, 16<<10)
		received += n
		if err != nil {
			t.Fatalf("the slow client was cut after %d bytes: %v", received, err)
		}
	}
	rest, err := io.CopyN(io.Discard, slow.r, size-received)
	if err != nil {
		t.Fatalf("the slow client was cut after %d bytes: %v", received+rest, err)
	}
	for _, r := range s.records(2) {
		switch r.Query {
		case "stalled":
			if r.Outcome != "timeout" || r.Sent <= 0 || r.Sent >= size || r.DurationMS < float64(idle.Milliseconds()) {
				t.Errorf("the stalled one is logged as %+v", r)
			}
		case "slow":
			if r.Outcome != "complete" || r.Sent != size || r.DurationMS < 4*float64(idle.Milliseconds()) {
				t.Errorf("the slow one is logged as %+v", r)
			}
		}
	}
}

func TestFileThatShrinksDuringTheDownload(t *testing.T) {
	dir := t.TempDir()
	const size = 64 << 20
	sparse(t, dir, "file", size)
	s := start(t, dir)
	c := dial(t, s.addr, 64<<10)
	c.send(t, getRequest("/file"))
	c.header(t)
	if _, err := io.CopyN(io.Discard, c.r, 1<<20); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "file"), 32<<20); err != nil {
		t.Fatal(err)
	}
	rest, err := io.Copy(io.Discard, c.r)
	if err != nil || rest+1<<20 > 32<<20 {
		t.Errorf("received %d more bytes, %v", rest, err)
	}
	if r := s.records(1)[0]; r.Outcome != "source_changed" || r.Sent != rest+1<<20 {
		t.Errorf("logged %+v, received %d", r, rest+1<<20)
	}
}

// What was appended to cannot be told from what was rewritten: such a response
// is broken off, like that of any file that changes.
func TestFileThatGrowsDuringTheDownload(t *testing.T) {
	dir := t.TempDir()
	const size = 64 << 20
	sparse(t, dir, "file", size)
	s := start(t, dir)
	c := dial(t, s.addr, 64<<10)
	c.send(t, getRequest("/file"))
	c.header(t)
	if _, err := io.CopyN(io.Discard, c.r, 1<<20); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "file"), 2*size); err != nil {
		t.Fatal(err)
	}
	rest, err := io.Copy(io.Discard, c.r)
	if err != nil || rest+1<<20 >= size {
		t.Errorf("received %d more bytes, %v", rest, err)
	}
	if r := s.records(1)[0]; r.Outcome != "source_changed" || r.Sent != rest+1<<20 || r.Size != size {
		t.Errorf("logged %+v, received %d", r, rest+1<<20)
	}
}

// With --growing, as for logs, it ends at the length that it had.
func TestGrowingFileEndsAtItsLength(t *testing.T) {
	dir := t.TempDir()
	const size = 64 << 20
	sparse(t, dir, "file", size)
	s := start(t, dir, "--growing")
	c := dial(t, s.addr, 64<<10)
	c.send(t, getRequest("/file")+getRequest("/nope"))
	c.header(t)
	if _, err := io.CopyN(io.Discard, c.r, 1<<20); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "file"), 2*size); err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, c.r, size-1<<20); err != nil {
		t.Fatal(err)
	}
	if status := c.header(t); status != "HTTP/1.1 404 Not Found" {
		t.Errorf("after the body came %q", status)
	}
	for _, r := range s.records(2) {
		if r.Path == "/file" && (r.Outcome != "complete" || r.Sent != size || r.Size != size) {
			t.Errorf("logged %+v", r)
		}
	}
}

// More connections than there are descriptors: those that are in have one for their file,
// the others are refused, and the server goes on when there is room again.
func TestOutOfDescriptors(t *testing.T) {
	dir := t.TempDir()
	sparse(t, dir, "file", 1<<20)
	s := startBy(t, []string{"sh", "-c", `ulimit -n 40; exec "$@"`, "sh"}, dir)
	var idle []*client
	for range 60 { // those that are not served are told so
		idle = append(idle, dial(t, s.addr, 0))
	}
	s.stderr.waitFor(t, `"event":"refusing"`)
	idle[0].send(t, getRequest("/file"))
	if status := idle[0].header(t); status != "HTTP/1.1 200 OK" {
		t.Errorf("who is in is answered %q", status)
	}
	last := idle[len(idle)-1]
	if status := last.header(t); status != "HTTP/1.1 503 Service Unavailable" {
		t.Errorf("the last is answered %q, want 503", status)
	}
	for _, c := range idle {
		c.Close()
	}
	var c *client
	waitUntil(t, "the shortage to be over", func() bool { // which it is when the server has seen them go
		c = dial(t, s.addr, 0)
		c.send(t, getRequest("/file"))
		if c.header(t) == "HTTP/1.1 200 OK" {
			return true
		}
		c.Close()
		return false
	})
	if n, err := io.CopyN(io.Discard, c.r, 1<<20); err != nil {
		t.Errorf("received %d bytes, %v", n, err)
	}
}

func TestUnreadableFileIsForbidden(t *testing.T) {
	dir := t.TempDir()
	sparse(t, dir, "file", 1)
	if err := os.Chmod(filepath.Join(dir, "file"), 0); err != nil {
		t.Fatal(err)
	}
	var before []string
	if os.Geteuid() == 0 { // who may read everything
		for parent := dir; parent != os.TempDir() && parent != "/"; parent = filepath.Dir(parent) {
			if err := os.Chmod(parent, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		before = []string{needTool(t, "setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups"}
	}
	s := startBy(t, before, dir, "--access-log", "off")
	c := dial(t, s.addr, 0)
	c.send(t, getRequest("/file"))
	if status := c.header(t); status != "HTTP/1.1 403 Forbidden" {
		t.Errorf("answered %q", status)
	}
}

func TestDescriptorsAreGivenBack(t *testing.T) {
	dir := t.TempDir()
	sparse(t, dir, "file", 8<<20)
	s := start(t, dir)
	open := func() int {
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid))
		if err != nil {
			t.Skip("no /proc here:", err)
		}
		return len(entries)
	}
	before := open()
	for i := range 50 {
		c := dial(t, s.addr, 0)
		for _, target := range []string{"/file", "/nope", "/"} {
			c.send(t, "HEAD "+target+" HTTP/1.1\r\nHost: test\r\n\r\n")
			c.header(t)
		}
		c.send(t, getRequest("/file"))
		if i%2 == 0 {
			c.header(t)
		}
		_ = c.SetLinger(0)
		c.Close()
	}
	s.records(200)
	for deadline := time.Now().Add(patience); open() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d descriptors before, %d after", before, open())
		}
	}
}

func TestStopLetsADownloadFinish(t *testing.T) {
	dir := t.TempDir()
	const size = 64 << 20
	sparse(t, dir, "file", size)
	s := start(t, dir)
	c := dial(t, s.addr, 64<<10)
	c.send(t, getRequest("/file"))
	c.header(t)
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	s.stderr.waitFor(t, `"event":"drain"`, "stopping: ")
	if n, err := io.CopyN(io.Discard, c.r, size); err != nil {
		t.Errorf("received %d of %d: %v", n, size, err)
	}
	if code := s.wait(); code != 0 {
		t.Errorf("exit status %d:\n%s", code, s.stderr)
	}
	if r := s.records(1)[0]; r.Outcome != "complete" || r.Sent != size {
		t.Errorf("logged %+v", r)
	}
}

func TestDrainTimeoutCutsAndLogs(t *testing.T) {
	dir := t.TempDir()
	sparse(t, dir, "file", 64<<20)
	s := start(t, dir, "--drain-timeout", "200ms")
	c := dial(t, s.addr, 64<<10)
	c.send(t, getRequest("/file"))
	c.header(t)
	if code := s.stop(); code != 0 {
		t.Errorf("exit status %d:\n%s", code, s.stderr)
	}
	s.stderr.waitFor(t, `"event":"drain"`, "drain timeout: ")
	if r := s.records(1)[0]; r.Outcome != "aborted" || r.Sent <= 0 {
		t.Errorf("logged %+v", r)
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	dir := t.TempDir()
	sparse(t, dir, "file", 64<<20)
	s := start(t, dir, "--drain-timeout", "1h")
	c := dial(t, s.addr, 64<<10)
	c.send(t, getRequest("/file"))
	c.header(t)
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	s.stderr.waitFor(t, `"event":"drain"`, "stopping: ")
	if code := s.stop(); code != 128+int(syscall.SIGTERM) {
		t.Errorf("exit status %d", code)
	}
}

func TestHangupReopensTheLog(t *testing.T) {
	dir := t.TempDir()
	sparse(t, dir, "file", 1)
	s := start(t, dir)
	ask := func() {
		c := dial(t, s.addr, 0)
		c.send(t, getRequest("/file"))
		c.header(t)
	}
	ask()
	s.records(1)
	if err := os.Rename(s.log, s.log+".1"); err != nil {
		t.Fatal(err)
	}
	_ = s.cmd.Process.Signal(syscall.SIGHUP)
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(s.log); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no new log file")
		}
	}
	ask()
	s.records(1)
}

// A pipe whose reader is gone would end the process with SIGPIPE.
func TestServingGoesOnWithoutAReaderOfLogAndNotices(t *testing.T) {
	dir := t.TempDir()
	sparse(t, dir, "file", 1)
	stdout, out := pipe(t)
	stderr, errs := pipe(t)
	s := launch(t, func(cmd *exec.Cmd) { cmd.Stdout, cmd.Stderr = out, errs },
		binary, "serve", dir, "--listen", "127.0.0.1:0", "--admin", "")
	out.Close()
	errs.Close()
	addr, notices := "", bufio.NewScanner(stderr)
	for ready := false; !ready && notices.Scan(); {
		addr, ready = strings.CutPrefix(notices.Text(), "listening http://")
	}
	stdout.Close()
	stderr.Close()
	for range 3 {
		c := dial(t, addr, 0)
		c.send(t, getRequest("/file"))
		if status := c.header(t); status != "HTTP/1.1 200 OK" {
			t.Errorf("answered %q", status)
		}
		c.Close()
	}
	if code := s.stop(); code != 0 {
		t.Errorf("exit status %d: %v", code, s.cmd.ProcessState)
	}
}
