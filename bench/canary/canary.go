//go:build linux

// Package canary runs two builds of fullbore side by side under the same load,
// in turns, and says what changed and whether that is more than chance.
package canary

// This file is the run, top to bottom. It exists for release scripts: its exit
// code is the answer.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"fullbore/bench/load"
	"fullbore/bench/process"
	"fullbore/bench/soak"
)

// The exit codes.
const (
	ExitSame      = 0 // nothing got significantly worse
	ExitWorse     = 1
	ExitTooLittle = 2 // fewer rounds than the test needs
	ExitCouldNot  = 3
)

// Config says what to compare and how hard. Sizes are bytes.
type Config struct {
	Before, After string // paths of binaries, or names of images
	Images        bool   // Docker's, with fullbore's arguments at their entry point
	Size          int64  // of the sparse file
	Mix           soak.Mix
	Downloads     int // per round
	Rounds        int // of each, after one that warms up
	Concurrency   int
	Slow          time.Duration
	Tolerance     float64 // percent by which a figure may get worse
	Seed          uint64
	JSON          string // where the result goes; empty is nowhere
}

// ConfigDefault takes a minute or two.
var ConfigDefault = Config{
	Size: 256 << 20, Mix: soak.MixDefault, Downloads: 30, Rounds: 10, Concurrency: 4,
	Slow: 500 * time.Millisecond, Tolerance: 5, Seed: 1,
}

// build is one of the two servers.
type build struct {
	name    string
	server  *process.Server
	service *process.Service
	url     *url.URL
	size    int64
	plan    func() []load.Request
	rounds  []figures
}

// Run compares as configured, writes the table to out and returns the exit code.
// An error comes with ExitCouldNot.
func Run(ctx context.Context, config Config, out, progress io.Writer) (int, error) {
	result, err := measure(ctx, config, progress)
	if err != nil {
		return ExitCouldNot, err
	}
	result.print(out)
	if config.JSON != "" {
		if err := result.writeJSON(config.JSON); err != nil {
			return ExitCouldNot, err
		}
	}
	return result.ExitCode, nil
}

func measure(ctx context.Context, config Config, progress io.Writer) (result *Result, err error) {
	folder, err := os.MkdirTemp("", "fullbore-canary-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	err = load.SparseFile(filepath.Join(folder, "canary.bin"), config.Size)
	if err = errors.Join(err, os.Chmod(folder, 0o755)); err != nil { // an image's program is another user
		return nil, err
	}
	servers, unpin, err := share()
	if err != nil {
		return nil, err
	}
	defer unpin()
	builds := []*build{{name: "before"}, {name: "after"}}
	for i, what := range []string{config.Before, config.After} {
		if err := builds[i].start(ctx, config, what, folder, servers); err != nil {
			return nil, fmt.Errorf("%s: %w", builds[i].name, err)
		}
		defer builds[i].server.Stop()
	}
	for round := range config.Rounds + 1 {
		order := builds
		if round%2 == 1 { // whoever goes second finds a warmer machine
			order = []*build{builds[1], builds[0]}
		}
		for _, build := range order {
			if err := build.round(ctx, config, round > 0); err != nil {
				return nil, fmt.Errorf("%s, round %d: %w", build.name, round, err)
			}
		}
		_, _ = fmt.Fprintf(progress, "round %d/%d\n", round, config.Rounds) // a closed pipe is no reason to stop
	}
	return compare(config, builds[0].rounds, builds[1].rounds), nil
}

func (b *build) start(ctx context.Context, config Config, what, folder string, cpus []int) (err error) {
	if b.server, err = launch(ctx, config.Images, what, folder, cpus); err != nil {
		return err
	}
	b.service = process.Processes(b.server.Process)
	b.service.MetricsURL = process.GoMetricsOf(ctx, b.server)
	if b.url, err = url.Parse(b.server.URL + "/canary.bin"); err == nil {
		err = b.prepare(ctx, config)
	}
	if err != nil {
		b.server.Stop()
	}
	return err
}

// prepare plans the same rounds for both builds, of what they can do.
func (b *build) prepare(ctx context.Context, config Config) error {
	can, err := load.Probe(ctx, b.url)
	if err != nil {
		return err
	}
	for _, kind := range load.Kinds {
		if config.Mix[kind] > 0 && !can.Can(kind) {
			return fmt.Errorf("does not answer %s downloads: leave them out with --mix", kind)
		}
	}
	b.size = can.Size
	b.plan = soak.Plan(config.Mix, config.Downloads, config.Slow, config.Seed, "c", can.Size)
	return nil
}

// round loads the server once and keeps the figures.
func (b *build) round(ctx context.Context, config Config, keep bool) error {
	before, err := b.service.Read(ctx)
	if err != nil {
		return err
	}
	results := load.Run(ctx, b.plan(), config.Concurrency, 1, func() *load.Client {
		return &load.Client{URL: b.url, Size: b.size}
	})
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	var sent int64
	var firstBytes []float64
	for _, result := range results {
		if result.Err != nil {
			return fmt.Errorf("%s download: %w", result.Kind, result.Err)
		}
		least, _ := result.Sent()
		sent += least
		if result.Before != nil {
			first, _ := result.Before.Sent()
			sent += first
		}
		firstBytes = append(firstBytes, result.FirstByte.Seconds())
	}
	time.Sleep(restBefore)
	after, err := b.service.Read(ctx)
	if err != nil {
		return err
	}
	if keep {
		slices.Sort(firstBytes)
		b.rounds = append(b.rounds, newFigures(before, after, sent, len(results), firstBytes))
	}
	return nil
}

// restBefore a reading, for what is still being closed.
const restBefore = 200 * time.Millisecond
