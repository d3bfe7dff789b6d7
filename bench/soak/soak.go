//go:build linux

package soak

// This file is the run itself, top to bottom: idle, rounds with a rest after
// each, verdict. It exists to be read; every step has a room of its own.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync/atomic"
	"time"

	"fullbore/bench/load"
	"fullbore/bench/stats"
	"fullbore/bench/target"
)

// The exit codes of a soak.
const (
	ExitFlat      = 0
	ExitLeak      = 1 // or wrong byte counts
	ExitTooLittle = 2
	ExitCouldNot  = 3
)

// Run soaks as configured, shows progress on progress and the verdict on out,
// and returns the exit code. An error comes with ExitCouldNot. A context that
// ends early gives the verdict of what there is by then.
func Run(ctx context.Context, config Config, out, progress io.Writer) (int, error) {
	m := &measurement{config: config, begin: time.Now()}
	err := config.validate()
	if err == nil {
		err = m.measure(ctx, progress)
	}
	if err != nil && ctx.Err() != nil {
		err = errors.New("interrupted before the first round")
	}
	m.judge(err)
	if config.JSON != "" {
		err = errors.Join(err, m.writeJSON(config.JSON))
	}
	if err != nil {
		return ExitCouldNot, err
	}
	m.print(out)
	return m.exitCode(), nil
}

// measurement is everything a run found out.
type measurement struct {
	config  Config
	begin   time.Time
	name    string
	size    int64
	ranges  bool
	skipped string // what was left out, and why

	idle        target.Sample
	last        target.Sample // most recent rest
	rest        []stats.Reading
	peak        peak
	samples     []kept
	served      int64 // bytes that the server's kernel took
	loaded      time.Duration
	done        map[load.Kind]int
	interrupted bool

	verified  int  // downloads compared with a log line
	inexact   int  // of which aborted ones known only within a bound
	hasLog    bool //
	wrong     []string
	wrongMore int // mismatches beyond those kept in wrong

	judgement stats.Judgement
	err       error
}

func (m *measurement) measure(ctx context.Context, progress io.Writer) (err error) {
	subject, err := prepare(ctx, m.config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, subject.release()) }()
	m.name, m.done = subject.name, make(map[load.Kind]int)

	run := "s" + strconv.FormatInt(time.Now().UnixNano(), 36)
	log, err := m.openLog(subject, run)
	if err != nil {
		return err
	}
	defer log.close()
	if m.idle, err = atRest(ctx, subject.process, m.config.Rest); err != nil {
		return fmt.Errorf("read the idle target: %w", err)
	}
	m.last = m.idle
	if err := m.probe(ctx, subject); err != nil {
		return err
	}
	return m.rounds(ctx, subject, log, newPlanner(m.config, run, m.size), progress)
}

// openLog follows the access log, if there is one; without one it follows a log
// that never says anything.
func (m *measurement) openLog(subject *subject, run string) (*accessLog, error) {
	if subject.accessLog == "" {
		return &accessLog{}, nil
	}
	m.hasLog = true
	return followLog(subject.accessLog, run)
}

// probe learns the size and drops the ranged downloads if ranges are ignored.
func (m *measurement) probe(ctx context.Context, subject *subject) error {
	var err error
	if m.size, m.ranges, err = load.Probe(ctx, subject.url); err != nil {
		return err
	}
	if m.config.Create != "" && m.size != m.config.Size {
		return fmt.Errorf("%s has %d bytes, the file made by --create has %d: not the same file", subject.url, m.size, m.config.Size)
	}
	if !m.ranges && m.config.Ranged > 0 {
		m.config.Ranged, m.skipped = 0, "ranged downloads skipped: the server ignores Range"
	}
	if m.config.Whole+m.config.Aborted+m.config.Ranged == 0 {
		return errors.New("nothing to download: the server ignores Range")
	}
	return nil
}

func (m *measurement) rounds(ctx context.Context, subject *subject, log *accessLog, plan *planner, progress io.Writer) error {
	watched, died := context.WithCancelCause(ctx)
	defer died(nil)
	var received atomic.Int64
	meter := newMeter(progress, m.config.Rounds, &received)
	watch := &sampler{process: subject.process, failed: died, show: meter.sample}
	watch.start()
	var err error
	for round := 1; round <= m.config.Rounds && err == nil; round++ {
		watch.enter(round)
		meter.enter(round)
		err = m.round(watched, subject, log, plan.round(), &received)
		meter.finish(m.last)
	}
	watch.halt()
	m.peak, m.samples = watch.peak, watch.samples
	switch {
	case errors.Is(err, target.ErrGone) || errors.Is(context.Cause(watched), target.ErrGone):
		return fmt.Errorf("the target died in round %d of %d%s", len(m.rest)+1, m.config.Rounds, subject.lastWords())
	case ctx.Err() != nil:
		m.interrupted = true
	case err != nil && !errors.Is(err, errGivenUp):
		return err
	}
	return m.verifySurplus(log)
}
