//go:build linux

// Package attack measures what a crowd of slow clients takes from honest ones.
package attack

// This file is the run, top to bottom.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"fullbore/bench/load"
	"fullbore/bench/process"
	"fullbore/bench/report"
)

const (
	fileName = "big.bin"
	leastOf  = 1 << 30 // bytes of it

	samplePause = 100 * time.Millisecond
	settle      = time.Second // for downloads that have just begun, or lost their competitors
)

// bench is a run in progress.
type bench struct {
	config   Config
	tool     string // slowhttptest
	binary   string // of fullbore
	folder   string // scratch, removed at the end
	size     int64  // of the file that is served
	progress io.Writer
}

// Run attacks as configured, writes the report to out, and where the config says.
// Interrupted, it reports what it has, and the interruption as its error.
func Run(ctx context.Context, config Config, out, progress io.Writer) (err error) {
	if err := config.validate(); err != nil {
		return err
	}
	b := &bench{config: config, progress: progress}
	if b.tool, err = findTool(); err != nil {
		return err
	}
	const enough = 1200 // beside the connections, which may need a file each
	if err := process.RaiseDescriptors(2*config.Connections + enough); err != nil {
		return err
	}
	if b.folder, err = os.MkdirTemp(config.Scratch, "fullbore-attack-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.folder)) }()
	if err := b.furnish(ctx); err != nil {
		return err
	}
	result := &Result{
		Date: time.Now().UTC().Truncate(time.Second), Command: "`" + report.CommandLine() + "`",
		Environment: report.Here(), Tool: toolVersion(ctx, b.tool), Config: config,
	}
	err = b.attackAll(ctx, result)
	return errors.Join(err, publish(config, result, out))
}

func (b *bench) furnish(ctx context.Context) error {
	// A download at a rate goes on through all phases, one without is asked for again.
	const phases = 4
	b.size = max(leastOf, int64(float64(b.config.HonestRate)*(phases*b.config.For+time.Minute).Seconds()))
	if err := load.SparseFile(filepath.Join(b.folder, fileName), b.size); err != nil {
		return err
	}
	if b.binary = b.config.Fullbore; b.binary != "" {
		return nil
	}
	b.binary = filepath.Join(b.folder, "fullbore")
	if err := process.Build(ctx, "fullbore", b.binary); err != nil {
		return fmt.Errorf("%w (run this inside the module, or name a binary with --fullbore)", err)
	}
	return nil
}

// attackAll attacks each server, which is started anew, in each mode.
func (b *bench) attackAll(ctx context.Context, result *Result) error {
	for _, with := range b.config.With {
		for _, mode := range b.config.Modes {
			row, err := b.attack(ctx, with, mode)
			if err != nil {
				result.Interrupted = true
				return fmt.Errorf("%s, %s: %w", with, mode, err)
			}
			result.Rows = append(result.Rows, row)
			_, _ = fmt.Fprintf(b.progress, "%s, %s: %.1f %% kept, %d descriptors, %.1f MiB, then %d and %.1f MiB\n", // a closed pipe is no reason to stop
				with, mode, 100*row.Kept, row.Peak.Descriptors, mib(row.Peak.Anon), row.After.Descriptors, mib(row.After.Anon))
		}
	}
	return nil
}

// attack measures honest downloads before, during and after one attack.
func (b *bench) attack(ctx context.Context, with, mode string) (Row, error) {
	row := Row{With: with, Mode: mode}
	args := append([]string{
		"serve", b.folder, "--listen", "127.0.0.1:0", "--admin", "",
		"--access-log", filepath.Join(b.folder, "access.log"), "--log-format", "json",
	}, strings.Fields(with)...)
	server, err := process.Launch(ctx, process.Command{Path: b.binary, Args: args})
	if err != nil {
		return row, err
	}
	defer server.Stop()
	honest := b.begin(ctx, strings.TrimPrefix(server.URL, "http://"))
	defer func() { _ = honest.end() }() // whoever comes here early has an error already
	phase := func(span time.Duration, peak *process.Sample) (float64, error) {
		if err := sleep(ctx, settle); err != nil {
			return 0, err
		}
		return honest.rate(ctx, server, span, peak)
	}
	var before, after float64
	if before, err = phase(b.config.For, &row.Before); err != nil {
		return row, err
	}
	attacker, err := b.launch(mode, server.URL+"/"+fileName)
	if err != nil {
		return row, err
	}
	row.During, err = honest.rate(ctx, server, b.config.For, &row.Peak) // from the first connection on
	said := attacker.stop()
	if err != nil {
		return row, err
	}
	if row.Connected = connectedMost(said); row.Connected == 0 {
		_, _ = fmt.Fprintf(b.progress, "%s, %s: nothing connected: %s\n", with, mode, lastLine(said)) // it may have found no processor
	}
	if after, err = phase(b.config.For, new(process.Sample)); err != nil {
		return row, err
	}
	row.Undisturbed = (before + after) / 2
	row.Kept = row.During / row.Undisturbed
	if err := honest.end(); err != nil {
		return row, err
	}
	if err := sleep(ctx, b.config.Rest); err != nil {
		return row, err
	}
	row.After, err = server.Sample()
	return row, err
}

// downloads are honest: they take what they can get, or what their line can carry.
type downloads struct {
	received atomic.Int64
	stop     context.CancelFunc
	failed   chan error // has the first failure, if any
	all      sync.WaitGroup
}

// begin starts the honest downloads, from an address of its own each.
func (b *bench) begin(ctx context.Context, address string) *downloads {
	ctx, stop := context.WithCancel(ctx)
	d := &downloads{stop: stop, failed: make(chan error, 1)}
	want := load.Answer{Status: http.StatusOK, Length: b.size}
	source := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 1, byte(1 + i)}) }
	next := load.Same(address, "/"+fileName, want)
	if b.config.HonestRate == 0 {
		loop := load.Loop{
			Address: address, Connections: b.config.Honest, For: 24 * time.Hour, Source: source, Next: next,
			Arrived: func(_ int, bytes int64) { d.received.Add(bytes) },
		}
		d.run(func() error { _, err := loop.Run(ctx); return err })
		return d
	}
	request, _ := next(0, nil)
	for i := range b.config.Honest {
		trickle := load.Trickle{
			Address: address, Source: source(i), Request: string(request), Want: want, Rate: b.config.HonestRate,
			Arrived: func(bytes int64) { d.received.Add(bytes) },
		}
		d.run(func() error { return trickle.Run(ctx) })
	}
	return d
}

// run notes how a download fails, if it was not stopped.
func (d *downloads) run(download func() error) {
	d.all.Go(func() { // ends when the downloads are stopped; end waits for it
		if err := download(); err != nil && !errors.Is(err, context.Canceled) {
			select {
			case d.failed <- fmt.Errorf("honest downloads: %w", err):
			default: // the first says enough
			}
		}
	})
}

// rate is what arrives during the span, bytes/s. Meanwhile the server is looked at, and
// peak becomes the largest of each figure.
func (d *downloads) rate(ctx context.Context, server *process.Server, span time.Duration, peak *process.Sample) (float64, error) {
	begin, received := time.Now(), d.received.Load()
	for time.Since(begin) < span {
		select {
		case err := <-d.failed:
			return 0, err
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(samplePause):
		}
		sample, err := server.Sample()
		if err != nil {
			return 0, err
		}
		peak.RSS, peak.Anon = max(peak.RSS, sample.RSS), max(peak.Anon, sample.Anon)
		peak.Threads, peak.Descriptors = max(peak.Threads, sample.Threads), max(peak.Descriptors, sample.Descriptors)
		peak.CPU = sample.CPU
	}
	return float64(d.received.Load()-received) / time.Since(begin).Seconds(), nil
}

// end stops the downloads. An error is one of theirs. Calling it again is harmless.
func (d *downloads) end() error {
	d.stop()
	d.all.Wait()
	select {
	case err := <-d.failed:
		return err
	default:
		return nil
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
