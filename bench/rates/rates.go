//go:build linux

// Package rates measures how a download server keeps the rates that it was given:
// at its clients, from the bytes that arrive there.
package rates

// This file is the run, top to bottom.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"fullbore/bench/load"
	"fullbore/bench/process"
	"fullbore/bench/report"
)

const (
	bigName = "big.bin" // asked for again when it has ended
	bigSize = 1 << 30

	perSubnet = 250 // source addresses of each 127.0.n.0/24 that are used
)

// bench is a run in progress.
type bench struct {
	config   Config
	progress io.Writer
	binary   string // of fullbore
	folder   string // scratch, removed at the end
	files    string // what is served
	runs     int    // servers started so far
}

// Run measures as configured, writes the report to out, and where the config says.
// Interrupted, it reports what it has, and the interruption as its error.
func Run(ctx context.Context, config Config, out, progress io.Writer) (err error) {
	if err := config.validate(); err != nil {
		return err
	}
	const enough = 1200 // beside the connections, which may need a file each
	if err := process.RaiseDescriptors(2*config.connections() + enough); err != nil {
		return err
	}
	b := &bench{config: config, progress: progress}
	if b.folder, err = os.MkdirTemp(config.Scratch, "fullbore-rates-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.folder)) }()
	if err := b.furnish(ctx); err != nil {
		return err
	}
	result := &Result{
		Date: time.Now().UTC().Truncate(time.Second), Command: "`" + report.CommandLine() + "`",
		Environment: report.Here(), Config: config,
	}
	for _, flags := range config.subjects() {
		subject := &Subject{Name: flags}
		result.Subjects = append(result.Subjects, subject)
		if err = b.measure(ctx, subject); err != nil {
			result.Interrupted = true
			err = fmt.Errorf("%s: %w", subject.Name, err)
			break
		}
	}
	return errors.Join(err, publish(config, result, out))
}

// furnish makes the folders and the file that is downloaded, and builds fullbore if
// it is to be measured and no binary was named.
func (b *bench) furnish(ctx context.Context) error {
	b.files, b.binary = filepath.Join(b.folder, "files"), b.config.Fullbore
	err := errors.Join(os.Chmod(b.folder, 0o755), os.Mkdir(b.files, 0o755)) // nginx's workers are another user
	if err != nil {
		return err
	}
	if err := load.SparseFile(filepath.Join(b.files, bigName), bigSize); err != nil {
		return err
	}
	if b.config.Exec != "" || b.binary != "" {
		return nil
	}
	b.binary = filepath.Join(b.folder, "fullbore")
	if err := process.Build(ctx, "fullbore", b.binary); err != nil {
		return fmt.Errorf("%w (run this inside the module, or name a binary with --fullbore)", err)
	}
	return nil
}

// measure asks everything of one subject.
func (b *bench) measure(ctx context.Context, subject *Subject) error {
	for _, question := range questions {
		if !b.config.asks(question.name) {
			continue
		}
		b.say("%s: %s", subject.Name, question.name)
		if err := question.ask(b, ctx, subject); err != nil {
			return fmt.Errorf("%s: %w", question.name, err)
		}
	}
	return nil
}

// questions are what can be asked, in this order.
var questions = []struct {
	name string
	ask  func(*bench, context.Context, *Subject) error
}{
	{"shapes", (*bench).shapes},
	{"fairness", (*bench).fairness},
	{"unused", (*bench).unused},
	{"change", (*bench).change},
	{"cost", (*bench).cost},
	{"memory", (*bench).memory},
}

func (b *bench) say(format string, args ...any) {
	_, _ = fmt.Fprintf(b.progress, format+"\n", args...) // a closed pipe is no reason to stop
}

// client is the source address of the i-th client.
func client(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, 0, byte(1 + i/perSubnet), byte(1 + i%perSubnet)})
}

// clients are n connections, each from a client of its own.
func clients(n int) []netip.Addr {
	sources := make([]netip.Addr, n)
	for i := range sources {
		sources[i] = client(i)
	}
	return sources
}

// alone are n connections of one client.
func alone(n int) []netip.Addr {
	sources := make([]netip.Addr, n)
	for i := range sources {
		sources[i] = client(0)
	}
	return sources
}
