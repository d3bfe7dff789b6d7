//go:build linux

// Package peers measures what a gigabyte costs: the same file, from several
// servers in turn, on the same processor.
package peers

// This file is the list of servers. It exists so that adding one is adding one
// value here, and nothing else.

import (
	"context"
	"os"
	"path/filepath"

	"fullbore/bench/target"
)

// peer is a server to compare.
type peer struct {
	name  string
	needs []string // programs that must be installed
	start func(ctx context.Context, s site) (*target.Server, error)
}

// site is where a server runs: what it serves, where it may write, on which CPU.
type site struct {
	files   string
	scratch string // its own
	cpus    []int
}

// all lists the servers; the others are compared with the first one.
var all = []peer{
	{
		name:  "fullbore",
		needs: []string{"go"},
		start: func(ctx context.Context, s site) (*target.Server, error) {
			return s.goProgram(ctx, "fullbore", "serve", s.files, "--listen", "127.0.0.1:0", "--admin", "",
				"--access-log", filepath.Join(s.scratch, "access.log"), "--log-format", "json")
		},
	},
	{
		name:  "fiber static",
		needs: []string{"go"},
		start: func(ctx context.Context, s site) (*target.Server, error) {
			return s.goProgram(ctx, "fullbore/bench/peers/testdata/fiberstatic", s.files)
		},
	},
}

// goProgram builds a package of this module and starts it.
func (s site) goProgram(ctx context.Context, pkg string, args ...string) (*target.Server, error) {
	binary := filepath.Join(s.scratch, "server")
	if err := os.MkdirAll(s.scratch, 0o755); err != nil {
		return nil, err
	}
	if err := target.Build(ctx, pkg, binary); err != nil {
		return nil, err
	}
	return target.Launch(ctx, target.Command{Path: binary, Args: args, CPUs: s.cpus})
}
