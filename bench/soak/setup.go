//go:build linux

package soak

// This file gets a server and a file to soak, and takes down what it put up. It
// exists so that the rest does not care whether the server is ours.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"fullbore/bench/load"
	"fullbore/bench/process"
)

const fileName = "soak.bin"

// answerWithin is how long a server that was started may take to serve the file.
const answerWithin = 20 * time.Second

// subject is a running server with a file to download. Release it at the end.
type subject struct {
	service    *process.Service
	networkPID int // of a process in the server's network namespace; 0 is ours
	url        *url.URL
	accessLog  string // empty: none to verify against
	name       string // for the report
	cleanup    []func() error
	server     *process.Server // nil when it was running before
	container  string          // its name, if that was given
}

// prepare starts fullbore on a sparse file, or attaches to the configured
// server. What it made is undone when it fails.
func prepare(ctx context.Context, config Config) (*subject, error) {
	s := &subject{}
	var err error
	if config.URL != "" {
		err = s.attach(ctx, config)
	} else {
		err = s.launch(ctx, config)
	}
	if err != nil {
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

// release stops and removes everything that prepare made, last made first.
func (s *subject) release() error {
	var err error
	for i := len(s.cleanup) - 1; i >= 0; i-- {
		err = errors.Join(err, s.cleanup[i]())
	}
	s.cleanup = nil
	return err
}

// lastWords is what the server said before it died, or how its container ended,
// if we can know.
func (s *subject) lastWords() string {
	if s.container != "" {
		if end := process.ContainerEnd(s.container); end != "" {
			return ": container " + s.container + ": " + end
		}
		return ""
	}
	if s.server == nil || s.server.LastWords() == "" {
		return ""
	}
	return ": " + s.server.LastWords()
}

func (s *subject) attach(ctx context.Context, config Config) error {
	var err error
	if s.url, err = url.Parse(config.URL); err != nil {
		return err
	}
	if config.Create != "" {
		s.cleanup = append(s.cleanup, func() error { return os.Remove(config.Create) })
		if err := load.SparseFile(config.Create, config.Size); err != nil {
			s.cleanup = nil // the file is not ours
			return err
		}
	}
	if err := s.find(ctx, config); err != nil {
		return err
	}
	s.service.MetricsURL = config.Metrics
	if config.Metrics != "" {
		if _, err := process.ReadGoMetrics(ctx, config.Metrics); err != nil {
			return err
		}
	}
	s.networkPID = s.service.Main()
	s.accessLog = config.AccessLog
	return nil
}

// find attaches to the processes to watch.
func (s *subject) find(ctx context.Context, config Config) error {
	pids := config.PIDs
	switch {
	case config.Exec != "":
		return s.execute(ctx, config)
	case config.Cgroup != "":
		s.name = fmt.Sprintf("%s (cgroup %s)", config.URL, config.Cgroup)
		var err error
		s.service, err = process.CgroupService(config.Cgroup)
		return err
	case config.Container != "":
		s.name = fmt.Sprintf("%s (container %s)", config.URL, config.Container)
		pid, err := process.ContainerPID(ctx, config.Container)
		if err != nil {
			return err
		}
		pids, s.container = []int{pid}, config.Container
	default:
		s.name = fmt.Sprintf("%s (pid %s)", config.URL, strings.Trim(strings.ReplaceAll(fmt.Sprint(pids), " ", ", "), "[]"))
	}
	var roots []*process.Process
	for _, pid := range pids {
		process, err := process.Attach(pid)
		if err != nil {
			return err
		}
		roots = append(roots, process)
	}
	s.service = process.Processes(roots...)
	s.service.CgroupPath = process.CgroupOf(pids[0])
	return nil
}

// execute starts a server of the user's and waits until it has the file.
func (s *subject) execute(ctx context.Context, config Config) error {
	words := strings.Fields(config.Exec)
	if answers(ctx, s.url) {
		return fmt.Errorf("%s answers already, before --exec has started anything: stop what listens there, or measure it with --pid", s.url.Host)
	}
	server, err := process.Spawn(process.Command{Path: words[0], Args: words[1:]})
	if err != nil {
		return err
	}
	s.server, s.name = server, config.Exec
	s.service = process.Processes(server.Process)
	s.cleanup = append(s.cleanup, func() error { server.Stop(); return nil })
	for deadline := time.Now().Add(answerWithin); ; {
		_, err := load.Probe(ctx, s.url)
		if err == nil {
			return nil
		}
		if _, gone := server.Sample(); gone != nil {
			return fmt.Errorf("%s ended before it served %s%s", words[0], s.url, s.lastWords())
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s does not serve %s within %v: %w", words[0], s.url, answerWithin, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// answers says whether something listens at the address of the URL.
func answers(ctx context.Context, u *url.URL) bool {
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), strconv.Itoa(portOf(u))))
	if err != nil {
		return false
	}
	_ = conn.Close() // nothing was said
	return true
}

func (s *subject) launch(ctx context.Context, config Config) error {
	folder, err := os.MkdirTemp("", "fullbore-soak-")
	if err != nil {
		return err
	}
	s.cleanup = append(s.cleanup, func() error { return os.RemoveAll(folder) })
	files := filepath.Join(folder, "files")
	if err := os.Mkdir(files, 0o755); err != nil {
		return err
	}
	if err := load.SparseFile(filepath.Join(files, fileName), config.Size); err != nil {
		return err
	}
	binary := config.Server
	if binary == "" {
		binary = filepath.Join(folder, "fullbore")
		if err := process.Build(ctx, "fullbore", binary); err != nil {
			return fmt.Errorf("%w (run this inside the module, or name a binary with --server)", err)
		}
	}
	s.accessLog = filepath.Join(folder, "access.log")
	s.server, err = process.Launch(ctx, process.Command{Path: binary, Args: []string{
		"serve", files, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0",
		"--access-log", s.accessLog, "--log-format", "json",
	}})
	if err != nil {
		return err
	}
	s.cleanup = append(s.cleanup, func() error { s.server.Stop(); return nil })
	s.service = process.Processes(s.server.Process)
	s.service.MetricsURL = process.GoMetricsOf(ctx, s.server)
	s.name = "fullbore"
	s.url, err = url.Parse(s.server.URL + "/" + fileName)
	return err
}
