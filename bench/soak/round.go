//go:build linux

package soak

// This file is one round: downloads, their verification, and the target at rest.
// It exists because everything that can go wrong under load is sorted out here:
// a download that failed, a log that is wrong, a target that died.

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"fullbore/bench/load"
	"fullbore/bench/stats"
	"fullbore/bench/target"
)

// tooManyFailures in one round end the run: the point has been made.
const tooManyFailures = 10

// errGivenUp ends a run whose downloads fail.
var errGivenUp = errors.New("too many failed downloads")

// round performs one round, verifies it, and reads the target at rest.
func (m *measurement) round(ctx context.Context, subject *subject, log *accessLog, requests []load.Request, received *atomic.Int64) error {
	begin := time.Now()
	results := load.Run(ctx, requests, m.config.Concurrency, tooManyFailures, func() *load.Client {
		return &load.Client{URL: subject.url, Size: m.size, PID: m.config.PID, Received: received}
	})
	m.loaded += time.Since(begin)
	failed := m.tally(results)
	if failed > 0 && died(subject.process, failed >= tooManyFailures) {
		return target.ErrGone
	}
	if m.hasLog {
		// Also after Ctrl-C: what was downloaded by then is verified.
		wrong, err := log.verify(context.WithoutCancel(ctx), results)
		if err != nil {
			return err
		}
		m.mismatch(wrong...)
	}
	if failed >= tooManyFailures {
		return errGivenUp
	}
	sample, err := atRest(ctx, subject.process, m.config.Rest)
	if err != nil {
		return err
	}
	m.last = sample
	m.rest = append(m.rest, m.reading(sample))
	return nil
}

// died finds out whether failed downloads have the simplest of reasons. A dying
// process closes its sockets a moment before /proc shows its end, and one that
// drains closes its listener seconds before; when the run is over anyway there
// is time to wait for that.
func died(process *target.Process, over bool) bool {
	deadline := time.Now().Add(200 * time.Millisecond)
	if over {
		deadline = time.Now().Add(5 * time.Second)
	}
	for time.Now().Before(deadline) {
		if _, err := process.Sample(); errors.Is(err, target.ErrGone) {
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
		switch {
		case errors.Is(result.Err, context.Canceled): // not its fault
		case result.Err != nil:
			failed++
			m.mismatch(fmt.Sprintf("request %s (%s): %v", result.ID, result.Kind, result.Err))
		default:
			m.done[result.Kind]++
			m.verified++
			if result.Slack > 0 {
				m.inexact++
			}
		}
	}
	return failed
}

func (m *measurement) verifySurplus(log *accessLog) error {
	if !m.hasLog {
		return nil
	}
	wrong, err := log.surplus()
	m.mismatch(wrong...)
	return err
}

// mismatch keeps the first few findings and counts the others.
func (m *measurement) mismatch(wrong ...string) {
	const shown = 20
	for _, text := range wrong {
		if len(m.wrong) < shown {
			m.wrong = append(m.wrong, text)
		} else {
			m.wrongMore++
		}
	}
}

func (m *measurement) reading(sample target.Sample) stats.Reading {
	return stats.Reading{
		GB:          float64(m.served) / 1e9,
		Anon:        float64(sample.Anon),
		Descriptors: float64(sample.Descriptors),
		Threads:     float64(sample.Threads),
	}
}
