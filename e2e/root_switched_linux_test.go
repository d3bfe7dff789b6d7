package e2e

// The root is where its name leads: links that are switched, folders that are exchanged,
// mounts that come and go.

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// release makes a folder whose files are of one letter: small ones for the hot cache,
// large ones that are sent by their descriptor, and one for a slow download.
func release(t *testing.T, dir string, letter byte) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int{"small": 2_000, "sub/middle": 60_000, "large": 500_000, "slow": 16 << 20} {
		write(t, filepath.Join(dir, name), strings.Repeat(string(letter), size))
		aged(t, filepath.Join(dir, name), time.Hour)
	}
	return dir
}

// letters asks for a file over and over and fails the test for an answer that is not
// wholly of one letter. It says how many of each there were.
type letters struct {
	stop    chan struct{}
	clients sync.WaitGroup
	counts  ['z' + 1]atomic.Int64
}

func (s *server) load(t *testing.T) *letters {
	t.Helper()
	l := &letters{stop: make(chan struct{})}
	for _, name := range []string{"/small", "/small", "/sub/middle", "/large"} {
		l.clients.Go(func() {
			for {
				select {
				case <-l.stop:
					return
				default:
				}
				letter, err := s.letter(name)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				l.counts[letter].Add(1)
			}
		})
	}
	return l
}

func (l *letters) end() {
	close(l.stop)
	l.clients.Wait()
}

// letter is that of all bytes of a file.
func (s *server) letter(name string) (byte, error) {
	resp, err := http.Get(s.url(name))
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return 0, err
	case resp.StatusCode != http.StatusOK:
		return 0, fmt.Errorf("status %d", resp.StatusCode)
	case bytes.Count(body, body[:1]) != len(body):
		return 0, fmt.Errorf("a mixed answer")
	}
	return body[0], nil
}

// becomes waits until a file is of another letter, and says for how long.
func (s *server) becomes(t *testing.T, want byte) {
	t.Helper()
	began := time.Now()
	waitUntil(t, fmt.Sprintf("%c is served", want), func() bool {
		got, err := s.letter("/small")
		return err == nil && got == want
	})
	t.Logf("%c after %v", want, time.Since(began).Round(time.Millisecond))
}

// Every way in which people exchange what they serve, under load: no errors, no mixed
// answers, and downloads in flight keep their version.
func TestRootIsSwitchedUnderLoad(t *testing.T) {
	shell := func(t *testing.T, dir, script string) {
		t.Helper()
		succeed(t, program(t, dir, "sh", "-ec", script))
	}
	for name, test := range map[string]struct {
		prepare string
		change  func(t *testing.T, dir string)
	}{
		"ln -sfn": {"ln -s a root", func(t *testing.T, dir string) { shell(t, dir, "ln -sfn b root") }},
		"mv -T":   {"ln -s a root", func(t *testing.T, dir string) { shell(t, dir, "ln -s b next; mv -T next root") }},
		"a link in the middle": {
			"mkdir r1 r2; mv a r1/files; mv b r2/files; ln -s r1 current; ln -s current/files root",
			func(t *testing.T, dir string) { shell(t, dir, "ln -s r2 next; mv -T next current") },
		},
		"renameat2 RENAME_EXCHANGE": {"mv a root", func(t *testing.T, dir string) {
			if err := unix.Renameat2(unix.AT_FDCWD, dir+"/root", unix.AT_FDCWD, dir+"/b", unix.RENAME_EXCHANGE); err != nil {
				t.Fatal(err)
			}
		}},
		"nothing for a moment": {"mv a root", func(t *testing.T, dir string) { shell(t, dir, "mv root a; sleep 2; mv b root") }},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			release(t, dir+"/a", 'a')
			release(t, dir+"/b", 'b')
			shell(t, dir, test.prepare)
			s := start(t, dir+"/root", "--event-format", "json")
			s.becomes(t, 'a')
			slow := s.slowly(t, "/slow")
			load := s.load(t)
			test.change(t, dir)
			s.becomes(t, 'b')
			s.says(t, `"event":"files"`, `"path":"`+dir+`/root"`)
			before := load.counts['a'].Load()
			waitUntil(t, "more is served", func() bool { return load.counts['b'].Load() > 100 })
			load.end()
			if after := load.counts['a'].Load(); after > before+4 { // of each client, one was in flight
				t.Errorf("%d answers of the old one after the new one", after-before)
			}
			if ready := s.askAdmin("GET", "/readyz"); ready.status != 200 {
				t.Errorf("readyz: %d %s", ready.status, ready.body)
			}
			// It began before the change.
			rest := make([]byte, 16<<20)
			if _, err := io.ReadFull(slow.r, rest); err != nil || bytes.Count(rest, []byte("a")) != len(rest) {
				t.Errorf("the download in flight: %v", err)
			}
		})
	}
}

// namespaced is a server in a mount namespace of its own.
func namespaced(t *testing.T, args ...string) *server {
	t.Helper()
	unshare := needTool(t, "unshare")
	if out, err := exec.Command(unshare, "-rm", "mount", "-t", "tmpfs", "none", t.TempDir()).CombinedOutput(); err != nil {
		t.Skipf("mounting in a namespace of one's own: %v: %s", err, out)
	}
	return startBy(t, []string{unshare, "-rm"}, args...)
}

// inside is a command in the namespace of the server.
func (s *server) inside(t *testing.T, line ...string) *exec.Cmd {
	t.Helper()
	return program(t, "/", "nsenter", append([]string{"-t", fmt.Sprint(s.cmd.Process.Pid), "-U", "-m", "--preserve-credentials"}, line...)...)
}

func TestRootIsMountedOver(t *testing.T) {
	dir := t.TempDir()
	release(t, dir+"/root", 'a')
	release(t, dir+"/b", 'b')
	s := namespaced(t, dir+"/root", "--event-format", "json")
	s.becomes(t, 'a')
	load := s.load(t)
	succeed(t, s.inside(t, "mount", "--bind", dir+"/b", dir+"/root"))
	s.becomes(t, 'b')
	succeed(t, s.inside(t, "umount", "-l", dir+"/root"))
	s.becomes(t, 'a')
	load.end()
	// The same folder, on which another mount lies.
	succeed(t, s.inside(t, "mount", "--bind", dir+"/root", dir+"/root"))
	succeed(t, s.inside(t, "mount", "--bind", dir+"/b", dir+"/root/sub"))
	waitUntil(t, "the mount below is seen", func() bool {
		letter, err := s.letter("/sub/small")
		return err == nil && letter == 'b'
	})
}

// fuse mounts from over to with bindfs, whose process it gives.
func (s *server) fuse(t *testing.T, from, to string) *os.Process {
	t.Helper()
	cmd := s.inside(t, needTool(t, "bindfs"), "-f", from, to)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd.Process
}

// onFUSE is a server whose root is on bindfs.
func onFUSE(t *testing.T) (s *server, dir string, process *os.Process) {
	t.Helper()
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skip("there is no /dev/fuse here")
	}
	dir = t.TempDir()
	release(t, dir+"/source", 'f')
	if err := os.Mkdir(dir+"/root", 0o755); err != nil {
		t.Fatal(err)
	}
	s = namespaced(t, dir+"/root", "--event-format", "json")
	process = s.fuse(t, dir+"/source", dir+"/root")
	s.becomes(t, 'f')
	s.ready(t, 200, "")
	return s, dir, process
}

func (s *server) ready(t *testing.T, status int, words string) {
	t.Helper()
	waitUntil(t, fmt.Sprintf("readyz is %d %s", status, words), func() bool {
		got := s.askAdmin("GET", "/readyz")
		return got.status == status && strings.Contains(got.body, words)
	})
}

// A FUSE mount whose process dies is 503 until it is mounted again, which takes no
// restart.
func TestRootOnFUSEDiesAndComesBack(t *testing.T) {
	s, dir, process := onFUSE(t)
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	s.ready(t, 503, "transport endpoint is not connected")
	for _, path := range []string{"/small", "/large", "/", "/sub/", "/nope"} {
		resp, err := http.Get(s.url(path))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
			t.Errorf("%s of a dead mount: %d, Retry-After %q", path, resp.StatusCode, resp.Header.Get("Retry-After"))
		}
	}
	s.says(t, `"event":"health"`, `"state":"failed"`, "transport endpoint is not connected")
	succeed(t, s.inside(t, "umount", "-l", dir+"/root"))
	s.fuse(t, dir+"/source", dir+"/root")
	s.becomes(t, 'f')
	s.ready(t, 200, "")
	s.says(t, `"event":"files"`, "transport endpoint is not connected")
}

// One that hangs keeps nothing but its own requests waiting.
func TestRootOnFUSEHangs(t *testing.T) {
	s, _, process := onFUSE(t)
	if err := process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	s.ready(t, 503, "no answer from the file system")
	s.says(t, `"event":"health"`, `"state":"failed"`, "no answer from the file system")
	for range 5 { // hot, and not
		for _, name := range []string{"/small", "/sub/middle"} {
			dial(t, s.addr, 0).send(t, getRequest(name))
		}
	}
	free := dial(t, s.addr, 0)
	free.send(t, "OPTIONS / HTTP/1.1\r\nHost: test\r\n\r\n")
	if status := free.header(t); !strings.Contains(status, " 204 ") {
		t.Errorf("a request that needs no file: %s", status)
	}
	stuck := 0
	waitUntil(t, "all that wait do so", func() bool {
		before := stuck
		stuck = s.goroutines()
		return stuck == before
	})
	for range 10 {
		s.ready(t, 503, "no answer from the file system")
	}
	if now := s.goroutines(); now > stuck+2 { // those that answer
		t.Errorf("%d goroutines more for asking again", now-stuck)
	}
	if err := process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	s.ready(t, 200, "")
	s.becomes(t, 'f')
}
