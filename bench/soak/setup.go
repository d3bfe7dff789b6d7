//go:build linux

package soak

// This file gets a server and a file to soak, and takes down what it put up. It
// exists so that the rest does not care whether the server is ours.

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"fullbore/bench/target"
)

const fileName = "soak.bin"

// subject is a running server with a file to download. Release it at the end.
type subject struct {
	process   *target.Process
	url       *url.URL
	accessLog string // empty: none to verify against
	name      string // for the report
	cleanup   []func() error
	server    *target.Server // nil when it was running before
}

// prepare starts fullbore on a sparse file, or attaches to the configured
// server. What it made is undone when it fails.
func prepare(ctx context.Context, config Config) (*subject, error) {
	s := &subject{}
	var err error
	if config.URL != "" {
		err = s.attach(config)
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

// lastWords is what the server said before it died, if we can know.
func (s *subject) lastWords() string {
	if s.server == nil || s.server.LastWords() == "" {
		return ""
	}
	return ": " + s.server.LastWords()
}

func (s *subject) attach(config Config) error {
	var err error
	if s.process, err = target.Attach(config.PID); err != nil {
		return err
	}
	if s.url, err = url.Parse(config.URL); err != nil {
		return err
	}
	s.accessLog = config.AccessLog
	s.name = fmt.Sprintf("%s (pid %d)", config.URL, config.PID)
	if config.Create == "" {
		return nil
	}
	s.cleanup = append(s.cleanup, func() error { return os.Remove(config.Create) })
	if err := target.SparseFile(config.Create, config.Size); err != nil {
		s.cleanup = nil // the file is not ours
		return err
	}
	return nil
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
	if err := target.SparseFile(filepath.Join(files, fileName), config.Size); err != nil {
		return err
	}
	binary := config.Server
	if binary == "" {
		binary = filepath.Join(folder, "fullbore")
		if err := target.Build(ctx, "fullbore", binary); err != nil {
			return fmt.Errorf("%w (run this inside the module, or name a binary with --server)", err)
		}
	}
	s.accessLog = filepath.Join(folder, "access.log")
	s.server, err = target.Launch(ctx, target.Command{Path: binary, Args: []string{
		"serve", files, "--listen", "127.0.0.1:0", "--admin", "",
		"--access-log", s.accessLog, "--log-format", "json",
	}})
	if err != nil {
		return err
	}
	s.cleanup = append(s.cleanup, func() error { s.server.Stop(); return nil })
	s.process = s.server.Process
	s.name = "fullbore"
	s.url, err = url.Parse(s.server.URL + "/" + fileName)
	return err
}
