//go:build linux

package peers

// This file is the comparison, top to bottom. It exists to keep it fair: one
// processor for whichever server is being measured, another for the client, the
// same files and the same questions for all.

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"fullbore/bench/process"
	"fullbore/bench/report"
)

const checkSize = 100_000 // of the file that every server must send before it is measured

// bench is a comparison in progress.
type bench struct {
	config               Config
	serverCPU, clientCPU int
	progress             io.Writer
	peers                []*installed
	patience             time.Duration // what is left of it

	folder string // scratch, removed at the end
	files  string // what is served
	check  []byte // the content of the file to check
	made   map[string]bool
	runs   int // servers started so far
	listed int // listings so far

	certificate, key string
	roots            *x509.CertPool
}

// Run measures the peers and writes the comparison to out, and where the config
// says. Interrupted, it reports what it has, and the interruption as its error.
func Run(ctx context.Context, config Config, out, progress io.Writer) (err error) {
	if err := config.validate(); err != nil {
		return err
	}
	b := &bench{config: config, progress: progress, made: map[string]bool{checkName: true}, patience: config.Patience}
	if b.serverCPU, b.clientCPU, err = twoCPUs(); err != nil {
		return err
	}
	if err := process.RaiseDescriptors(descriptorsFor(config.connections())); err != nil {
		return err
	}
	if b.folder, err = os.MkdirTemp(config.Scratch, "fullbore-peers-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.folder)) }()
	if err := b.furnish(); err != nil {
		return err
	}
	result := &Result{Environment: b.environment(), Config: config, LeftOut: []string{}}
	if err := b.install(ctx, result); err != nil {
		return err
	}
	unpin, err := pinSelf(b.clientCPU)
	if err != nil {
		return err
	}
	defer unpin()
	err = b.compareAll(ctx, result)
	return errors.Join(err, publish(config, result, out))
}

// compareAll runs the workloads one after the other.
func (b *bench) compareAll(ctx context.Context, result *Result) error {
	for _, w := range workloads(b.config) {
		comparison, err := b.compare(ctx, w)
		comparison.summarize()
		result.Comparisons = append(result.Comparisons, comparison)
		if err != nil {
			result.Interrupted = true
			return err
		}
	}
	return nil
}

// furnish makes the folders, the file to check and the certificate, readable by
// everybody: Apache drops root.
func (b *bench) furnish() (err error) {
	b.files = filepath.Join(b.folder, "files")
	if err := errors.Join(os.Chmod(b.folder, 0o755), os.Mkdir(b.files, 0o755)); err != nil {
		return err
	}
	path := filepath.Join(b.files, checkName)
	if err := randomFile(path, checkSize); err != nil {
		return err
	}
	if b.check, err = os.ReadFile(path); err != nil {
		return err
	}
	b.certificate, b.key, b.roots, err = certificate(b.folder)
	return err
}

// install finds the peers' programs and builds ours. Missing peers are left out by
// name; only fullbore is required.
func (b *bench) install(ctx context.Context, result *Result) error {
	chosen, err := choose(b.config.Peers)
	if err != nil {
		return err
	}
	for _, p := range chosen {
		program, err := b.programOf(ctx, p)
		if err != nil && p.own() {
			return fmt.Errorf("%s: %w (run this inside the module, or name a binary with --fullbore)", p.name, err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			result.LeftOut = append(result.LeftOut, fmt.Sprintf("%s: %v", p.title, err))
			b.say("%s left out: %v", p.title, err)
			continue
		}
		release := p.version(ctx, program)
		b.peers = append(b.peers, &installed{peer: p, program: program, release: release})
		result.Peers = append(result.Peers, PeerNote{p.title, release, p.setUp})
	}
	if len(b.peers) == 0 {
		return errors.New("none of the peers is installed")
	}
	return nil
}

// programOf finds an installed program, or builds it.
func (b *bench) programOf(ctx context.Context, p peer) (string, error) {
	if p.program == "" && p.own() {
		p.program = b.config.Fullbore
	}
	if p.program != "" {
		return filepath.Abs(p.program)
	}
	if p.pkg != "" {
		program := filepath.Join(b.folder, built(p.pkg))
		if b.made[program] {
			return program, nil
		}
		b.made[program] = true
		return program, process.Build(ctx, p.pkg, program)
	}
	for _, program := range p.programs {
		// PATH often lacks the sbin folders.
		for _, folder := range []string{"", "/usr/sbin/", "/usr/local/sbin/"} {
			if path, err := exec.LookPath(folder + program); err == nil {
				return path, nil
			}
		}
	}
	return "", errors.New("not installed")
}

// references are the titles that each server is compared with, round by round: the
// first build of fullbore, then the physical limit and nginx, if they run.
func (b *bench) references() (titles []string) {
	own := slices.IndexFunc(b.peers, func(p *installed) bool { return p.own() })
	for i, p := range b.peers {
		switch {
		case i == own:
			titles = slices.Insert(titles, 0, p.title)
		case p.title == bare || p.title == known:
			titles = append(titles, p.title)
		}
	}
	return titles
}

// publish writes the report to out and to all the files.
func publish(config Config, result *Result, out io.Writer) error {
	measured := false
	for _, comparison := range result.Comparisons {
		for _, series := range comparison.Peers {
			measured = measured || len(series.Rounds) > 0
		}
	}
	if !measured && result.Interrupted {
		return nil
	}
	err := report.Publish(out, config.Markdown, config.JSON, result, func(w io.Writer) error { return writeMarkdown(w, result) })
	if !measured {
		return errors.Join(err, errors.New("nothing could be measured"))
	}
	for _, path := range config.Plots {
		err = errors.Join(err, writePlot(path, result))
	}
	return err
}

// say reports progress. A failure to print it does not stop the measurement.
func (b *bench) say(format string, args ...any) { _, _ = fmt.Fprintf(b.progress, format+"\n", args...) }

// pinSelf confines this process to one CPU until unpin is called.
func pinSelf(cpu int) (unpin func(), err error) {
	before, err := process.Affinity()
	if err != nil {
		return nil, err
	}
	procs := runtime.GOMAXPROCS(1)
	unpin = func() {
		runtime.GOMAXPROCS(procs)
		_ = process.PinSelf(before) // the process is about to end anyway
	}
	if err := process.PinSelf([]int{cpu}); err != nil {
		unpin()
		return nil, err
	}
	return unpin, nil
}

func twoCPUs() (server, client int, err error) {
	cpus, err := process.Affinity()
	if err != nil {
		return 0, 0, err
	}
	if len(cpus) < 2 {
		return 0, 0, errors.New("two processors are needed, one for the servers and one for the client")
	}
	return cpus[0], cpus[1], nil
}
