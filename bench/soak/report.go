//go:build linux

package soak

// This file says what a run found: the table and the verdict for people. It
// exists apart from measuring so that neither can bend the other.

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"

	"fullbore/bench/load"
	"fullbore/bench/process"
	"fullbore/bench/stats"
)

// judge draws the conclusion once everything is measured.
func (m *measurement) judge(err error) {
	m.err = err
	m.series = seriesOf(m.rests, m.config.limits())
	m.judgement = stats.Judge(stats.Run{
		Series:   m.series,
		Warmup:   m.config.Warmup,
		IdleAnon: float64(m.idle.Anon),
		RestAnon: float64(m.last.Anon),
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
	case m.wrong.count > 0 || m.failures.count > 0 || m.judgement.Verdict == stats.Leak:
		return ExitLeak
	case m.judgement.Verdict == stats.Undecided:
		return ExitUndecided
	}
	return ExitFlat
}

// print writes the report. Errors are ignored: there is no better place to say
// that the verdict could not be written than where it was to be written.
func (m *measurement) print(out io.Writer) {
	if len(m.rests) == 0 {
		return // there is no more to say than the error does
	}
	gb := float64(m.served) / 1e9
	_, _ = fmt.Fprintf(out, "\n%s: %d rounds (%d warm-up) of a file of %s: %s\n", m.name, len(m.rests),
		min(m.config.Warmup, len(m.rests)), stats.Bytes(float64(m.size)), m.kinds())
	_, _ = fmt.Fprintf(out, "%.1f GB served in %.0f s: %.2f GB/s, %.3f CPU s per GB\n\n", gb, m.loaded.Seconds(),
		gb/m.loaded.Seconds(), (m.last.CPU-m.idle.CPU).Seconds()/gb)
	m.printTable(out)
	_, _ = fmt.Fprintf(out, "\nslope of RssAnon at rest: %s\n", m.slope())
	for i, finding := range m.judgement.Findings {
		if !m.series[i].Informative {
			_, _ = fmt.Fprintf(out, "%s: %s, %s\n", finding.Name, finding.Verdict, finding.Reason)
		}
	}
	_, _ = fmt.Fprintf(out, "\n%s\n\n", m.config.limits().Rule())
	for _, line := range append(m.notes, m.interruption()) {
		if line != "" {
			_, _ = fmt.Fprintln(out, line)
		}
	}
	for _, line := range append(m.wrong.lines(), m.failures.lines()...) {
		_, _ = fmt.Fprintln(out, line)
	}
	for _, reason := range m.judgement.Reasons {
		_, _ = fmt.Fprintf(out, "%s: %s\n", m.judgement.Verdict, reason)
	}
	if m.err != nil {
		_, _ = fmt.Fprintf(out, "until then: ")
	}
	_, _ = fmt.Fprintf(out, "verdict: %s; byte counts: %s%s\n", m.judgement.Verdict, m.byteCounts(), m.failed())
}

// kinds counts what was downloaded: "100 whole, 50 aborted".
func (m *measurement) kinds() string {
	var words []string
	for _, kind := range load.Kinds {
		if n := m.done[kind]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, kind))
		}
	}
	return strings.Join(words, ", ")
}

// printTable shows each figure at four moments.
func (m *measurement) printTable(out io.Writer) {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "\tstart\twarmed up\tpeak\trest\t")
	warm := func(text func(process.Full) string) string {
		if at := m.config.Warmup - 1; at >= 0 && at < len(m.rests) {
			return text(m.rests[at].Full)
		}
		return "-"
	}
	line := func(name string, text func(process.Full) string, peak string) {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t\n", name, text(m.idle), warm(text), peak, text(m.last))
	}
	size := func(n int64) string { return stats.Bytes(float64(n)) }
	line("RssAnon", func(f process.Full) string { return size(f.Anon) }, size(m.peak.Anon))
	line("RSS", func(f process.Full) string { return size(f.RSS) }, stats.Bytes(m.peakRSS()))
	if m.idle.PSS > 0 {
		line("PSS", func(f process.Full) string { return size(f.PSS) }, "")
	}
	line("descriptors", func(f process.Full) string { return strconv.Itoa(f.Descriptors) }, strconv.FormatInt(m.peak.Descriptors, 10))
	line("threads", func(f process.Full) string { return strconv.Itoa(f.Threads) }, strconv.FormatInt(m.peak.Threads, 10))
	_ = table.Flush()
}

func (m *measurement) slope() string {
	line := m.judgement.Finding(rssAnon).Slope
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
	return fmt.Sprintf("interrupted in round %d%s", len(m.rests)+1, m.ofRounds())
}

// byteCounts sums up the comparison with the access log.
func (m *measurement) byteCounts() string {
	switch {
	case m.wrong.count > 0:
		return fmt.Sprintf("WRONG (%d findings)", m.wrong.count)
	case !m.hasLog:
		return "not verified (no --access-log)"
	case m.verified == 0:
		return "not verified (no download was compared)"
	case m.inexact > 0:
		return fmt.Sprintf("verified, %d downloads; %d aborted ones only within the bounds of a send buffer, "+
			"because /proc does not show the server's socket", m.verified, m.inexact)
	}
	return fmt.Sprintf("verified, %d downloads to the byte", m.verified)
}

// failed says how many downloads failed, if any did: that is a finding of its own,
// which says nothing about what the log counts.
func (m *measurement) failed() string {
	if m.failures.count == 0 {
		return ""
	}
	return fmt.Sprintf("; downloads: %d FAILED", m.failures.count)
}
