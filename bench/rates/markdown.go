//go:build linux

package rates

// This file writes the report, for a reader who was not there.

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/dustin/go-humanize"
)

type markdown struct{ text strings.Builder }

func writeMarkdown(out io.Writer, result *Result) error {
	m := markdown{}
	m.line("# Rates, measured at the clients")
	m.line("")
	if result.Interrupted {
		m.line("**Interrupted: not all was measured.**")
		m.line("")
	}
	m.line("%s, %s. %s", result.Date.Format("2006-01-02 15:04 MST"), result.Environment, result.Command)
	m.line("")
	m.line("Clients are addresses of 127.0.0.0/8, one thread reads for all of them. Counted are bytes of answers, headers included, when they are read, "+
		"for %v from %v after the first.", result.Config.For, result.Config.Settle)
	m.line("")
	m.shapes(result)
	m.fairness(result)
	m.unused(result)
	m.changes(result)
	m.costs(result)
	m.memory(result)
	_, err := io.WriteString(out, m.text.String())
	return err
}

func (m *markdown) line(format string, args ...any) { fmt.Fprintf(&m.text, format+"\n", args...) }

// table is a heading, a paragraph and a header of which the first n columns are words.
func (m *markdown) table(title, note string, n int, header ...string) {
	m.line("## %s\n\n%s\n", title, note)
	m.line("| %s |", strings.Join(header, " | "))
	m.line("|%s%s", strings.Repeat("---|", n), strings.Repeat("---:|", len(header)-n))
}

func (m *markdown) row(cells ...string) { m.line("| %s |", strings.Join(cells, " | ")) }

func (m *markdown) shapes(result *Result) {
	if !result.any(func(s *Subject) bool { return len(s.Shapes) > 0 }) {
		return
	}
	m.table("The rate", "Burst: the most by which the bytes of any span of time, from the first byte on, exceeded the rate, in milliseconds' worth of it; "+
		"of all connections together, and where each connection is limited, the largest of any. Least: the smallest share of a connection over the largest. "+
		"Where each connection is limited, the rate is that of all of them together. A small share of a small rate is a few packets in that time: least says little there.",
		2, "server", "limited", "connections", "rate", "measured", "error", "burst, ms", "least")
	for _, subject := range result.Subjects {
		for _, shape := range subject.Shapes {
			cells := []string{subject.Name, shape.Scope, humanize.Comma(int64(shape.Connections)), perSecond(float64(shape.Rate))}
			if !shape.reachable() {
				m.row(append(cells, "out of reach: without a limit "+perSecond(shape.Reach), "", "", "")...)
				continue
			}
			m.row(append(cells, perSecond(shape.Measured), fmt.Sprintf("%+.2f %%", shape.Error), fmt.Sprintf("%.0f", shape.Burst), share(shape.Least))...)
		}
	}
	m.line("")
	for _, subject := range result.Subjects {
		worst, burst := 0.0, 0.0
		for _, shape := range subject.Shapes {
			worst, burst = max(worst, math.Abs(shape.Error)), max(burst, shape.Burst)
		}
		m.line("- %s: largest error %.2f %%, largest burst %.0f ms", subject.Name, worst, burst)
	}
	m.line("")
}

func (m *markdown) fairness(result *Result) {
	if !result.any(func(s *Subject) bool { return len(s.Fairness) > 0 }) {
		return
	}
	m.table("Fairness", "A client with 16 connections beside a client with one, the server limited. Least: the smaller share over the larger.",
		1, "server", "rate", "measured", "error", "client with 16", "client with 1", "least", "least among the 16")
	for _, subject := range result.Subjects {
		for _, row := range subject.Fairness {
			m.row(subject.Name, perSecond(float64(row.Rate)), perSecond(row.Measured), fmt.Sprintf("%+.2f %%", row.Error),
				perSecond(row.Many), perSecond(row.One), share(row.Least), share(row.LeastOfMany))
		}
	}
	m.line("")
}

func (m *markdown) unused(result *Result) {
	if !result.any(func(s *Subject) bool { return len(s.Unused) > 0 }) {
		return
	}
	m.table("Unused shares", "Five clients, of which one reads only a fifth of its share; what it leaves should go to the four others. Least: among the four.",
		1, "server", "rate", "measured", "error", "the slow one wanted", "and got", "least")
	for _, subject := range result.Subjects {
		for _, row := range subject.Unused {
			m.row(subject.Name, perSecond(float64(row.Rate)), perSecond(row.Measured), fmt.Sprintf("%+.2f %%", row.Error),
				perSecond(row.Wanted), perSecond(row.Slow), share(row.Least))
		}
	}
	m.line("")
}

func (m *markdown) changes(result *Result) {
	if !result.any(func(s *Subject) bool { return len(s.Changes) > 0 }) {
		return
	}
	m.table("Another rate for downloads in flight", "By a reload, 16 downloads in flight, the server limited. It holds when every second from then on has within 5 % of the rate.",
		1, "server", "from", "to", "holds after, s")
	for _, subject := range result.Subjects {
		for _, row := range subject.Changes {
			after := fmt.Sprintf("%.2f", row.Holds)
			if row.Holds < 0 {
				after = "never"
			}
			m.row(subject.Name, perSecond(float64(row.From)), perSecond(float64(row.To)), after)
		}
	}
	m.line("")
}

func (m *markdown) costs(result *Result) {
	if !result.any(func(s *Subject) bool { return len(s.Costs) > 0 }) {
		return
	}
	m.table("Cost", fmt.Sprintf("CPU time of the server for the same bytes, paced (the server limited) and unpaced by turns: medians over rounds of %v. The ratio is the "+
		"median of the rounds' ratios, in parentheses the lowest and the highest. It includes what the server does anyway: idle is the CPU time before anybody asked.", result.Config.For),
		1, "server", "connections", "rate", "paced, s/GB", "unpaced, s/GB", "ratio", "idle, ms/s")
	for _, subject := range result.Subjects {
		for _, row := range subject.Costs {
			m.row(subject.Name, fmt.Sprint(row.Connections), perSecond(float64(row.Rate)), fmt.Sprintf("%.3f", row.Paced), fmt.Sprintf("%.3f", row.Unpaced),
				fmt.Sprintf("%.2f (%.2f to %.2f)", row.Ratio, row.Low, row.High), fmt.Sprintf("%.2f", row.Idle))
		}
	}
	m.line("")
}

func (m *markdown) memory(result *Result) {
	if !result.any(func(s *Subject) bool { return s.Memory != nil }) {
		return
	}
	m.table("Memory", "Anonymous memory (RssAnon) per download: paced, its client taking all it can get; and standing still, without a limit, its client taking nothing.",
		1, "server", "downloads", "rate of each", "paced, KiB", "standing still, KiB")
	for _, subject := range result.Subjects {
		if row := subject.Memory; row != nil {
			m.row(subject.Name, humanize.Comma(int64(row.Downloads)), perSecond(float64(row.Rate)),
				fmt.Sprintf("%.2f", row.Paced/1024), fmt.Sprintf("%.2f", row.Still/1024))
		}
	}
	m.line("")
}

func (r *Result) any(has func(*Subject) bool) bool {
	for _, subject := range r.Subjects {
		if has(subject) {
			return true
		}
	}
	return false
}

// si prints four significant digits: an error of 3 % has to show.
func si(n float64) string {
	return humanize.SIWithDigits(n, max(0, 3-digitsBefore(n)), "B")
}

// digitsBefore is how many digits the number has before the point, less one, once its
// prefix is split off.
func digitsBefore(n float64) int {
	if n < 1 {
		return 0
	}
	return int(math.Floor(math.Log10(n))) % 3
}

func perSecond(n float64) string { return si(n) + "/s" }

func share(s float64) string { return fmt.Sprintf("%.3f", s) }
