//go:build unix

// Package e2e has the end-to-end tests: they build the binary once and run it
// as a user would, with real files, sockets and tools. A tool that is not
// installed skips its test by name; with FULLBORE_REQUIRE_TOOLS=1 it fails.
package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is the program under test.
var binary string

func TestMain(m *testing.M) {
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "fullbore-e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	// Readable for the tests that run it as another user.
	if err := os.Chmod(dir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	// What servers under test leave behind.
	if err := os.Setenv("XDG_STATE_HOME", filepath.Join(dir, "state")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	// Every path in the tests is from the repository's root.
	if err := os.Chdir(".."); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	binary = filepath.Join(dir, "fullbore")
	if err := goBuild(".", binary); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// dependOnTheServer looks at all that the server is built of, and at what tells it how
// to serve. These tests import none of it, and go test would take an old result for
// theirs: it remembers what files and variables a test has looked at, by absolute names,
// and not before TestMain has run the tests. See "go help test".
var dependOnTheServer = sync.OnceValue(func() error {
	_ = os.Getenv("FULLBORE_ENGINE")
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	for _, root := range []string{"main.go", "go.mod", "app", "logger", "static", "bench", "docs", "deploy"} {
		err := filepath.WalkDir(filepath.Join(here, root), func(path string, _ fs.DirEntry, err error) error {
			if err == nil {
				_, err = os.Stat(path)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
})

// goBuild builds the program in a folder of the repository.
func goBuild(folder, program string) error {
	build := exec.Command("go", "build", "-o", program, folder)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", folder, err, out)
	}
	return nil
}

// built is the program in a folder of the repository, for one test.
func built(t *testing.T, folder string) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), filepath.Base(folder))
	if err := goBuild(folder, program); err != nil {
		t.Fatal(err)
	}
	return program
}

// engines are what can carry connections here.
var engines = func() []string {
	if runtime.GOOS == "linux" {
		return []string{"epoll", "goroutines"}
	}
	return []string{"goroutines"}
}()

// patience is for what must happen at all; no test depends on how soon.
const patience = 60 * time.Second

// needTool skips the test, or fails it where everything is required.
func needTool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("FULLBORE_REQUIRE_TOOLS") == "1" {
		t.Fatalf("%s is not installed, and FULLBORE_REQUIRE_TOOLS=1 requires it; scripts/setup-dev installs it", name)
	}
	t.Skipf("%s is not installed; scripts/setup-dev installs it", name)
	return ""
}

// server is a running fullbore.
type server struct {
	t      *testing.T
	cmd    *exec.Cmd
	addr   string // of the public listener
	admin  string // of the admin listener
	log    string // the access log's file
	stderr *lineCollector
	done   chan struct{} // closed when it has ended
}

// start runs "fullbore serve" with args and waits until it listens.
func start(t *testing.T, args ...string) *server {
	t.Helper()
	return startBy(t, nil, args...)
}

// startBy is start with a command put before the binary, such as strace.
func startBy(t *testing.T, before []string, args ...string) *server {
	t.Helper()
	return startWith(t, asIs, before, args...)
}

// startWith is startBy with something to be done to the command first.
func startWith(t *testing.T, prepare func(*exec.Cmd), before []string, args ...string) *server {
	t.Helper()
	log := filepath.Join(t.TempDir(), "access.log")
	line := append(before, binary, "serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--access-log", log)
	s := launch(t, prepare, append(line, args...)...).listening()
	s.log = log
	s.admin = strings.TrimPrefix(s.stderr.wait(t, "admin http://"), "admin http://")
	return s
}

// launch starts any program as a server, which ends with the test at the
// latest, and does not wait for what it prints. prepare may redirect its
// standard error; then s.stderr stays empty.
func launch(t *testing.T, prepare func(*exec.Cmd), line ...string) *server {
	t.Helper()
	if err := dependOnTheServer(); err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, stderr: newLineCollector(), done: make(chan struct{})}
	s.cmd = exec.Command(line[0], line[1:]...)
	s.cmd.Stderr = s.stderr
	s.cmd.WaitDelay = patience
	prepare(s.cmd)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = s.cmd.Wait() // the exit status is asked for by those who care
		s.stderr.close()
		close(s.done)
	}()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		<-s.done
	})
	return s
}

// asIs prepares nothing.
func asIs(*exec.Cmd) {}

// listening waits for the line that says where the server listens.
func (s *server) listening() *server {
	s.t.Helper()
	s.addr = strings.TrimPrefix(s.stderr.wait(s.t, "listening http://"), "listening http://")
	return s
}

// pipe is closed at the reader's end when the test ends.
func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r, w
}

// stop ends the server in an orderly way and gives its exit status.
func (s *server) stop() int {
	s.t.Helper()
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	return s.wait()
}

func (s *server) url(path string) string { return "http://" + s.addr + path }

// sparse makes a file of size bytes of zeros that take no room.
func sparse(t *testing.T, dir, name string, size int64) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
}
