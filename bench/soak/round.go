//go:build linux

package soak

// This file is one round: downloads, their verification, and the target at rest.
// It exists because everything that can go wrong under load is sorted out here:
// a download that failed, a log that is wrong, a target that died.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"fullbore/bench/load"
	"fullbore/bench/process"
	"fullbore/bench/report"
)

// tooManyFailures in one round end the run: the point has been made.
const tooManyFailures = 10

// errGivenUp ends a run whose downloads fail.
var errGivenUp = errors.New("too many failed downloads")

// round performs one round, verifies it, and reads the target at rest.
func (m *measurement) round(ctx context.Context, subject *subject, log *accessLog, requests []load.Request, received *atomic.Int64) error {
	begin := time.Now()
	results := parts(load.Run(ctx, requests, m.config.Concurrency, tooManyFailures, func() *load.Client {
		return &load.Client{URL: subject.url, Size: m.size, PID: subject.networkPID, Received: received}
	}))
	took := time.Since(begin)
	m.loaded += took
	before := m.served
	failed := m.tally(results)
	first := len(m.rests) == 0
	if failed > 0 && died(subject.service, failed >= tooManyFailures) {
		return process.ErrGone
	}
	if m.hasLog {
		// Also after Ctrl-C: what was downloaded by then is verified.
		wrong, err := log.verify(context.WithoutCancel(ctx), results)
		if err != nil {
			return err
		}
		if first && failed < len(results) && !log.knows(results) {
			return log.silent()
		}
		m.wrong.add(wrong...)
		m.countVerified(results)
	}
	if failed >= tooManyFailures {
		return errGivenUp
	}
	sample, err := atRest(ctx, subject.service, m.config.Rest)
	if err != nil {
		return err
	}
	if err := m.serves(subject, sample); err != nil {
		return err
	}
	m.last = sample
	m.rests = append(m.rests, report.Rest{
		Round: len(m.rests) + 1, At: time.Since(m.begin).Seconds(), GB: float64(m.served) / 1e9,
		Loaded: took.Seconds(), Sent: m.served - before, Requests: len(results), Full: sample,
	})
	return nil
}

// parts puts the first part of every resumed download beside its second.
func parts(results []load.Result) []load.Result {
	var all []load.Result
	for _, result := range results {
		if result.Before != nil {
			all = append(all, *result.Before)
		}
		all = append(all, result)
	}
	return all
}

// died finds out whether failed downloads have the simplest of reasons. A dying
// process closes its sockets a moment before /proc shows its end, and one that
// drains closes its listener seconds before; when the run is over anyway there
// is time to wait for that.
func died(service *process.Service, over bool) bool {
	deadline := time.Now().Add(200 * time.Millisecond)
	if over {
		deadline = time.Now().Add(5 * time.Second)
	}
	for time.Now().Before(deadline) {
		if _, err := service.Read(context.Background()); errors.Is(err, process.ErrGone) {
			return true
		}
		time.Sleep(20 * time.Millisecond)
	}
	return false
}

// tally counts the results and reports those that failed, but for the ones that
// an interruption cut short.
func (m *measurement) tally(results []load.Result) (failed int) {
	for _, result := range results {
		least, _ := result.Sent()
		m.served += least
		m.requests++
		if result.Err == nil {
			m.firstByte.add(result.FirstByte)
		}
		switch {
		case errors.Is(result.Err, context.Canceled): // not its fault
		case result.Err != nil:
			failed++
			m.failures.add(fmt.Sprintf("request %s (%s): %v", result.ID, result.Kind, result.Err))
		default:
			m.done[result.Kind]++
		}
	}
	return failed
}

// countVerified counts the results that were compared with their log line.
func (m *measurement) countVerified(results []load.Result) {
	for _, result := range results {
		if result.Err != nil {
			continue
		}
		m.verified++
		if result.Slack > 0 {
			m.inexact++
		}
	}
}

func (m *measurement) verifySurplus(log *accessLog) error {
	if !m.hasLog {
		return nil
	}
	wrong, err := log.surplus()
	m.wrong.add(wrong...)
	return err
}

// findings are the first few of them, and how many there are.
type findings struct {
	shown []string
	count int
}

func (f *findings) add(texts ...string) {
	const shown = 20
	f.count += len(texts)
	f.shown = append(f.shown, texts[:min(len(texts), shown-len(f.shown))]...)
}

// lines are what there is to print.
func (f *findings) lines() []string {
	if more := f.count - len(f.shown); more > 0 {
		return append(slices.Clone(f.shown), fmt.Sprintf("... and %d more", more))
	}
	return f.shown
}
