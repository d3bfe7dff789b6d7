//go:build linux

package soak

// This file turns a measurement into the result that is written down.

import (
	"cmp"
	"slices"
	"time"

	"fullbore/bench/report"
)

func (m *measurement) result() *report.Soak {
	r := &report.Soak{
		Verdict:     string(m.judgement.Verdict),
		ExitCode:    m.exitCode(),
		Reasons:     m.judgement.Reasons,
		ByteCounts:  m.byteCounts(),
		Mismatches:  m.wrong.lines(),
		Failures:    m.failures.lines(),
		Interrupted: m.interrupted,
		Notes:       m.notes,
		Target:      m.name,
		Command:     report.CommandLine(),
		Environment: report.Here(),
		Started:     m.begin,
		Seconds:     time.Since(m.begin).Seconds(),
		Loaded:      m.loaded.Seconds(),
		FileSize:    m.size,
		Served:      m.served,
		Requests:    m.requests,
		Downloads:   m.done,
		CPUPerGB:    report.Finite((m.last.CPU - m.idle.CPU).Seconds() / (float64(m.served) / 1e9)),
		FirstByte:   m.firstByte.percentiles(),
		Slope:       report.NewSlope(m.judgement.Finding(rssAnon).Slope),
		Growth:      m.judgement.Growth,
		Rule:        m.config.limits().Rule(),
		Config:      m.config,
		Idle:        m.idle,
		Peak:        m.peak,
		PeakRSS:     m.peakRSS(),
		Rest:        m.rests,
		Samples:     m.samples,
		Series:      m.series,
		Warmup:      m.config.Warmup,
	}
	for _, finding := range m.judgement.Findings {
		r.Findings = append(r.Findings, report.Finding{
			Finding: finding, Slope: report.NewSlope(finding.Slope), Z: finding.Trend.Z, P: finding.Trend.PRising(),
		})
	}
	if m.err != nil {
		r.Verdict, r.Error = "could not run", m.err.Error()
	}
	return r
}

// times are how long the first bytes took. They are thinned out when there are
// many: percentiles of a regular part of them are those of all.
type times struct {
	values []time.Duration
	skip   int // keep one of this many, less one
	seen   int
}

const mostTimes = 1 << 16

func (t *times) add(value time.Duration) {
	t.seen++
	if t.seen%(t.skip+1) != 0 {
		return
	}
	t.values = append(t.values, value)
	if len(t.values) >= mostTimes {
		t.skip = 2*t.skip + 1
		for i := range len(t.values) / 2 {
			t.values[i] = t.values[2*i]
		}
		t.values = t.values[:len(t.values)/2]
	}
}

func (t *times) percentiles() *report.Percentiles {
	if len(t.values) == 0 {
		return nil
	}
	sorted := slices.SortedFunc(slices.Values(t.values), cmp.Compare)
	at := func(share float64) float64 { return sorted[int(share*float64(len(sorted)-1))].Seconds() }
	return &report.Percentiles{P50: at(0.5), P99: at(0.99)}
}
