//go:build linux

package process

// This file starts a server and is sure to stop it. It exists because every
// measurement here is of a child process that must be ready before the first
// request and gone after the last one, even when the user presses Ctrl-C.

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	readyWithin = 20 * time.Second // for a server to say where it listens
	stopWithin  = 10 * time.Second // after SIGTERM, before SIGKILL
	wordsWithin = time.Second      // for last words once it has ended: a child of it may hold stderr open
	readyPrefix = "listening http://"
	adminWithin = 2 * time.Second // after that line, for the one about the admin address
	adminPrefix = "admin http://"
)

// Command says how to start a server.
type Command struct {
	Path string
	Args []string

	// CPUs pins the server, and so its GOMAXPROCS, to these processors.
	//
	// Optional. Default: every processor this process may use.
	CPUs []int

	// Env is added to this process's environment, as KEY=value.
	//
	// Optional. Default: nothing is added.
	Env []string

	// Dir is the folder to start in.
	//
	// Optional. Default: this process's own.
	Dir string
}

// Server is a child process that serves HTTP. Stop it when done.
type Server struct {
	*Process
	URL string // http://host:port, without a path; empty after Spawn

	cmd       *exec.Cmd
	container string // name of the container that cmd is the client of, if any
	stderr    *readyWriter
	done      chan struct{} // closed when the process has been reaped
}

// Launch starts the command and waits until it prints `listening http://ADDR`
// to stderr. The context bounds the wait only: Stop ends the server.
func Launch(ctx context.Context, command Command) (*Server, error) {
	server, err := command.start()
	if err != nil {
		return nil, err
	}
	if err := server.awaitReady(ctx); err != nil {
		server.Stop()
		return nil, fmt.Errorf("start %s: %w", command.Path, err)
	}
	if err := server.attach(); err != nil {
		server.Stop()
		return nil, err
	}
	return server, nil
}

// Spawn starts the command and returns at once: for servers that do not say when
// they are ready. The caller knows the address and asks there.
func Spawn(command Command) (*Server, error) {
	server, err := command.start()
	if err != nil {
		return nil, err
	}
	if err := server.attach(); err != nil {
		server.Stop()
		return nil, fmt.Errorf("start %s: %w: %s", command.Path, ErrGone, cmp.Or(server.LastWords(), err.Error()))
	}
	return server, nil
}

// start forks, and reaps the child when it ends.
func (command Command) start() (*Server, error) {
	cmd := exec.Command(command.Path, command.Args...)
	cmd.Dir = command.Dir
	cmd.WaitDelay = wordsWithin
	if len(command.Env) > 0 {
		cmd.Env = append(os.Environ(), command.Env...)
	}
	// A group of its own, so that Ctrl-C in a terminal reaches us and not the
	// server: a target that drains by itself would look as if it had died.
	// It is told to end when this process is killed. The signal comes with the end
	// of the thread that forked; Go keeps its threads but for locked ones.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	server := &Server{cmd: cmd, stderr: newReadyWriter(), done: make(chan struct{})}
	cmd.Stderr = server.stderr
	if err := startPinned(cmd, command.CPUs); err != nil {
		return nil, fmt.Errorf("start %s: %w", command.Path, err)
	}
	go func() { // ends with the process; Stop waits for it through done
		// The exit status says nothing here: a server that was told to stop
		// may report it in any way, and one that died has said why on stderr.
		_ = cmd.Wait()
		close(server.done)
	}()
	return server, nil
}

func (s *Server) attach() (err error) {
	s.Process, err = Attach(s.cmd.Process.Pid)
	return err
}

// Stop asks the server to end, insists after 10 s, and returns once it is gone.
// Calling it again is harmless.
func (s *Server) Stop() {
	if s.container != "" {
		removeContainer(s.container)
	}
	// Signals fail only when the process is gone already, which is what we want.
	_ = s.cmd.Process.Signal(unix.SIGTERM)
	select {
	case <-s.done:
	case <-time.After(stopWithin):
		_ = s.cmd.Process.Kill()
		<-s.done
	}
}

// LastWords is the last line that the server wrote to stderr, for error messages.
func (s *Server) LastWords() string { return s.stderr.lastLine() }

// Admin is the http://host:port after `admin ` that fullbore prints once it is
// ready; empty if no such line comes.
func (s *Server) Admin(ctx context.Context) string {
	timer := time.NewTimer(adminWithin)
	defer timer.Stop()
	select {
	case address := <-s.stderr.admin:
		return "http://" + address
	case <-s.done:
	case <-timer.C:
	case <-ctx.Done():
	}
	return ""
}

func (s *Server) awaitReady(ctx context.Context) error {
	timer := time.NewTimer(readyWithin)
	defer timer.Stop()
	select {
	case address := <-s.stderr.ready:
		s.URL = "http://" + address
		return nil
	case <-s.done:
		return fmt.Errorf("ended before it was ready: %s", s.LastWords())
	case <-timer.C:
		return fmt.Errorf("no line %q within %v", readyPrefix+"ADDR", readyWithin)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// startPinned starts the command on the given processors. The affinity is set on
// this thread before the fork, because a child inherits it from the thread that
// forks: set afterwards, it would miss the runtime threads already running, and
// Go would have counted its processors too early.
func startPinned(cmd *exec.Cmd, cpus []int) error {
	if len(cpus) == 0 {
		return cmd.Start()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("read CPU affinity: %w", err)
	}
	set := cpuSet(cpus)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("pin to CPUs %v: %w", cpus, err)
	}
	return errors.Join(cmd.Start(), unix.SchedSetaffinity(0, &before))
}

// Build compiles a Go package to the file out, without cgo.
func Build(ctx context.Context, pkg, out string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", out, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w: %s", pkg, err, bytes.Join(bytes.Fields(output), []byte(" ")))
	}
	return nil
}

// readyWriter takes a server's stderr, finds the addresses in it and keeps the
// last line for error messages. Nothing else is kept, however much is written.
type readyWriter struct {
	ready, admin chan string // get the first address each

	mu      sync.Mutex
	partial []byte
	last    string
}

func newReadyWriter() *readyWriter {
	return &readyWriter{ready: make(chan string, 1), admin: make(chan string, 1)}
}

func (w *readyWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.partial = append(w.partial, p...)
	for {
		line, rest, found := bytes.Cut(w.partial, []byte("\n"))
		if !found {
			break
		}
		w.line(strings.TrimSpace(string(line)))
		w.partial = rest
	}
	const longestLine = 4096
	w.partial = append([]byte(nil), w.partial[max(0, len(w.partial)-longestLine):]...)
	return len(p), nil
}

func (w *readyWriter) line(line string) {
	if line != "" {
		w.last = line
	}
	for prefix, found := range map[string]chan string{readyPrefix: w.ready, adminPrefix: w.admin} {
		if address, ok := strings.CutPrefix(line, prefix); ok {
			select {
			case found <- strings.TrimSuffix(address, "/"):
			default: // only the first counts
			}
		}
	}
}

func (w *readyWriter) lastLine() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}
