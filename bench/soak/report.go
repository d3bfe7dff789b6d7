//go:build linux

package soak

// This file says what a run found: the table and the verdict for people. It
// exists apart from measuring so that neither can bend the other.

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"

	"fullbore/bench/load"
	"fullbore/bench/stats"
)

// judge draws the conclusion once everything is measured.
func (m *measurement) judge(err error) {
	m.err = err
	m.judgement = stats.Judge(stats.Run{
		Idle:     m.reading(m.idle),
		Rest:     m.rest,
		Warmup:   m.config.Warmup,
		PeakAnon: max(float64(m.peak.Anon), float64(m.idle.Anon)),
		PeakRSS:  m.peakRSS(),
	}, m.config.limits())
}

// peakRSS trusts the kernel's high water mark only if it rose during the run:
// before that it tells of times we have not seen.
func (m *measurement) peakRSS() float64 {
	highest := m.peak.RSS
	if m.last.HighWater > m.idle.HighWater {
		highest = max(highest, m.last.HighWater)
	}
	return float64(highest)
}

func (m *measurement) exitCode() int {
	switch {
	case m.err != nil:
		return ExitCouldNot
	case len(m.wrong) > 0 || m.judgement.Verdict == stats.Leak:
		return ExitLeak
	case m.judgement.Verdict == stats.TooLittle:
		return ExitTooLittle
	}
	return ExitFlat
}

// print writes the report. Errors are ignored: there is no better place to say
// that the verdict could not be written than where it was to be written.
func (m *measurement) print(out io.Writer) {
	gb := float64(m.served) / 1e9
	_, _ = fmt.Fprintf(out, "\n%s: %d rounds (%d warm-up), %d whole, %d aborted and %d ranged downloads of %s\n", m.name, len(m.rest),
		min(m.config.Warmup, len(m.rest)), m.done[load.Whole], m.done[load.Aborted], m.done[load.Ranged], stats.Bytes(float64(m.size)))
	_, _ = fmt.Fprintf(out, "%.1f GB served in %.0f s: %.2f GB/s, %.3f CPU s per GB\n\n", gb, m.loaded.Seconds(),
		gb/m.loaded.Seconds(), (m.last.CPU-m.idle.CPU).Seconds()/gb)
	m.printTable(out)
	_, _ = fmt.Fprintf(out, "\nslope of RssAnon at rest: %s\n", m.slope())
	_, _ = fmt.Fprintf(out, "\n%s\n\n", m.config.limits().Rule())
	for _, line := range []string{m.skipped, m.interruption()} {
		if line != "" {
			_, _ = fmt.Fprintln(out, line)
		}
	}
	for _, wrong := range m.wrong {
		_, _ = fmt.Fprintln(out, wrong)
	}
	if m.wrongMore > 0 {
		_, _ = fmt.Fprintf(out, "... and %d more\n", m.wrongMore)
	}
	for _, reason := range m.judgement.Reasons {
		_, _ = fmt.Fprintf(out, "%s: %s\n", m.judgement.Verdict, reason)
	}
	_, _ = fmt.Fprintf(out, "verdict: %s; byte counts: %s\n", m.judgement.Verdict, m.byteCounts())
}

// printTable shows each figure at four moments.
func (m *measurement) printTable(out io.Writer) {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "\tstart\twarmed up\tpeak\trest\t")
	warm := "-"
	cells := func(pick func(stats.Reading) float64, text func(float64) string) string {
		if at := m.config.Warmup - 1; at >= 0 && at < len(m.rest) {
			warm = text(pick(m.rest[at]))
		}
		return warm
	}
	count := func(n float64) string { return fmt.Sprintf("%.0f", n) }
	_, _ = fmt.Fprintf(table, "RssAnon\t%s\t%s\t%s\t%s\t\n", stats.Bytes(float64(m.idle.Anon)),
		cells(func(r stats.Reading) float64 { return r.Anon }, stats.Bytes), stats.Bytes(float64(m.peak.Anon)), stats.Bytes(float64(m.last.Anon)))
	_, _ = fmt.Fprintf(table, "RSS\t%s\t\t%s\t%s\t\n", stats.Bytes(float64(m.idle.RSS)), stats.Bytes(m.peakRSS()), stats.Bytes(float64(m.last.RSS)))
	_, _ = fmt.Fprintf(table, "descriptors\t%d\t%s\t%d\t%d\t\n", m.idle.Descriptors,
		cells(func(r stats.Reading) float64 { return r.Descriptors }, count), m.peak.Descriptors, m.last.Descriptors)
	_, _ = fmt.Fprintf(table, "threads\t%d\t%s\t%d\t%d\t\n", m.idle.Threads,
		cells(func(r stats.Reading) float64 { return r.Threads }, count), m.peak.Threads, m.last.Threads)
	_ = table.Flush()
}

func (m *measurement) slope() string {
	line := m.judgement.Slope
	if math.IsInf(line.Upper-line.Lower, 0) || math.IsNaN(line.PerUnit) {
		return "unknown, too few rounds after warm-up"
	}
	return fmt.Sprintf("%s per GB, 95 %% interval [%s, %s], over %.1f GB after warm-up",
		stats.Bytes(line.PerUnit), stats.Bytes(line.Lower), stats.Bytes(line.Upper), m.judgement.GB)
}

func (m *measurement) interruption() string {
	if !m.interrupted {
		return ""
	}
	return fmt.Sprintf("interrupted in round %d of %d", len(m.rest)+1, m.config.Rounds)
}

// byteCounts sums up the comparison with the access log.
func (m *measurement) byteCounts() string {
	switch {
	case len(m.wrong) > 0:
		return fmt.Sprintf("WRONG (%d findings)", len(m.wrong)+m.wrongMore)
	case !m.hasLog:
		return "not verified (no --access-log)"
	case m.inexact > 0:
		return fmt.Sprintf("verified, %d downloads; %d aborted ones only within the bounds of a send buffer, "+
			"because /proc does not show the server's socket", m.verified, m.inexact)
	}
	return fmt.Sprintf("verified, %d downloads to the byte", m.verified)
}
