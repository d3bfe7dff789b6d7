//go:build linux

package soak

// This file is the run itself, top to bottom: idle, rounds with a rest after
// each, verdict. It exists to be read; every step has a room of its own.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"fullbore/bench/load"
	"fullbore/bench/process"
	"fullbore/bench/report"
	"fullbore/bench/stats"
)

// The exit codes of a soak.
const (
	ExitFlat      = 0
	ExitLeak      = 1 // or wrong byte counts, or failed downloads
	ExitUndecided = 2
	ExitCouldNot  = 3
)

// Run soaks as configured, shows progress on progress and the verdict on out,
// and returns the exit code. An error comes with ExitCouldNot. A context that
// ends early gives the verdict of what there is by then. The report is written in
// every case, as far as it can be.
func Run(ctx context.Context, config Config, out, progress io.Writer) (int, error) {
	defer stayFrugal()()
	m := &measurement{config: config, begin: time.Now()}
	err := config.validate()
	if err == nil {
		err = m.measure(ctx, progress)
	}
	// With a round to judge an interruption is no error, and whatever is one counts.
	if err != nil && ctx.Err() != nil && len(m.rests) == 0 {
		err = errors.New("interrupted before the first round")
	}
	m.judge(err)
	m.print(out)
	// The verdict has been printed: a disk that is full loses the files only.
	written := m.write()
	if err = errors.Join(err, written); err != nil {
		return ExitCouldNot, err
	}
	return m.exitCode(), nil
}

// stayFrugal keeps this process small, since it shares the machine with the one
// that is measured: thousands of clients' garbage is collected early. The function
// it returns puts things back.
func stayFrugal() func() {
	const (
		garbage = 40 // percent of what is live
		limit   = 40 << 20
	)
	percent, bytes := debug.SetGCPercent(garbage), debug.SetMemoryLimit(limit)
	return func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(bytes)
	}
}

// write leaves the result where it was asked for.
func (m *measurement) write() (err error) {
	if m.config.JSON == "" && m.config.Report == "" {
		return nil
	}
	result := m.result()
	if m.config.JSON != "" {
		err = result.WriteJSON(m.config.JSON)
	}
	if m.config.Report != "" && len(m.rests) > 0 {
		err = errors.Join(err, result.Write(m.config.Report))
	}
	return err
}

// measurement is everything a run found out.
type measurement struct {
	config Config
	begin  time.Time
	name   string
	size   int64
	counts map[load.Kind]int // of each round
	notes  []string          // what was left out, and why

	idle        process.Full
	last        process.Full // most recent rest
	rests       []report.Rest
	peak        report.Peak
	samples     []report.Sample
	served      int64 // bytes that the server's kernel took
	loaded      time.Duration
	requests    int
	done        map[load.Kind]int
	firstByte   times
	interrupted bool

	verified int      // downloads compared with a log line
	inexact  int      // of which aborted ones known only within a bound
	hasLog   bool     //
	wrong    findings // byte counts and other words of the log
	failures findings // downloads

	series    []stats.Series
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
	if err := m.probe(ctx, subject); err != nil {
		if died(subject.service, false) {
			return errors.New("the target died of the first requests" + subject.lastWords())
		}
		return err
	}
	if m.idle, err = atRest(ctx, subject.service, m.config.Rest); err != nil {
		return fmt.Errorf("read the idle target: %w", err)
	}
	m.last = m.idle
	return m.rounds(ctx, subject, log, newPlanner(m.config, m.counts, run, m.size), progress)
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

// probe learns the size and drops the kinds of download that the server does not
// offer.
func (m *measurement) probe(ctx context.Context, subject *subject) error {
	can, err := load.Probe(ctx, subject.url)
	if err != nil {
		return err
	}
	m.size = can.Size
	if m.config.Create != "" && m.size != m.config.Size {
		return fmt.Errorf("%s has %d bytes, the file made by --create has %d: not the same file", subject.url, m.size, m.config.Size)
	}
	m.counts = m.config.counts()
	left := 0
	for _, kind := range load.Kinds {
		if m.counts[kind] > 0 && !can.Can(kind) {
			m.counts[kind] = 0
			m.notes = append(m.notes, fmt.Sprintf("%s downloads skipped: the server does not answer them", kind))
		}
		left += m.counts[kind]
	}
	if few := m.config.crowdedOut(); len(few) > 0 {
		m.notes = append(m.notes, fmt.Sprintf("none of %s: %d downloads a round are too few for the weights of the mix (--downloads)",
			strings.Join(few, ", "), m.config.Downloads))
	}
	if left == 0 {
		return errors.New("nothing to download: " + strings.Join(m.notes, "; "))
	}
	return nil
}

func (m *measurement) rounds(ctx context.Context, subject *subject, log *accessLog, plan *planner, progress io.Writer) error {
	watched, died := context.WithCancelCause(ctx)
	defer died(nil)
	var received atomic.Int64
	meter := newMeter(progress, m.config, &received)
	watch := &sampler{service: subject.service, every: m.config.SampleEvery, failed: died, show: meter.sample}
	watch.start()
	var err error
	for round := 1; m.another(round) && err == nil; round++ {
		watch.enter(round)
		meter.enter(round)
		err = m.round(watched, subject, log, plan.round(), &received)
		meter.finish(m.last)
	}
	if err == nil {
		err = m.coolDown(watched, subject)
	}
	watch.halt()
	meter.close()
	m.peak, m.samples = watch.peak, watch.samples
	switch {
	case errors.Is(err, process.ErrGone) || errors.Is(context.Cause(watched), process.ErrGone):
		return fmt.Errorf("the target died in round %d%s%s", len(m.rests)+1, m.ofRounds(), subject.lastWords())
	case ctx.Err() != nil:
		m.interrupted = true
	case err != nil && !errors.Is(err, errGivenUp):
		return err
	}
	return m.verifySurplus(log)
}

// another says whether a round is to begin.
func (m *measurement) another(round int) bool {
	if m.config.Duration > 0 {
		return round == 1 || time.Since(m.begin) < m.config.Duration
	}
	return round <= m.config.Rounds
}

func (m *measurement) ofRounds() string {
	if m.config.Duration > 0 {
		return fmt.Sprintf(" of %v", m.config.Duration)
	}
	return fmt.Sprintf(" of %d", m.config.Rounds)
}

// coolDown reads the target once more after a longer pause, in place of the last
// rest: what a collector gives back late is not growth.
func (m *measurement) coolDown(ctx context.Context, subject *subject) error {
	if m.config.Cooldown == 0 {
		return nil
	}
	sample, err := atRest(ctx, subject.service, m.config.Cooldown)
	if err == nil {
		m.last = sample
	}
	return err
}
