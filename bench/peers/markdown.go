//go:build linux

package peers

// This file writes the report. It exists apart from measuring so that it can be
// read on its own, to see what exactly a number in it means.

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// tooBusy is the share of the two processors, in per cent, that others may use
// before the report says so. A large download alone comes to 8: the kernel's own
// threads do some of its work, charged to no process.
const tooBusy = 10

// writeMarkdown writes everything, for a reader who was not there.
func writeMarkdown(out io.Writer, result *Result) error {
	m := markdown{}
	m.line("# Download servers compared")
	m.line("")
	if result.Interrupted {
		m.line("**Interrupted: not all rounds were measured.**")
		m.line("")
	}
	m.line("%s. %s", result.Environment, result.Environment.Command)
	m.line("")
	m.line("Every server runs on one processor, the client on another, and they take turns, round by round. A cell is the median over the "+
		"rounds; ± is the spread, the highest less the lowest in per cent of the median; × is the ratio to %s, the median of the "+
		"rounds' ratios. CPU and memory are those of all processes of a server. Every server%s writes an access log to a file.",
		result.base(), result.exceptBare())
	m.line("")
	m.overview(result)
	for _, comparison := range result.Comparisons {
		m.comparison(comparison)
	}
	m.setUp(result)
	_, err := io.WriteString(out, m.text.String())
	return err
}

// base is the title of the build of fullbore that the others are compared with.
func (r *Result) base() string {
	if len(r.Comparisons) > 0 {
		return r.Comparisons[0].base()
	}
	return ours
}

func (r *Result) exceptBare() string {
	if slices.ContainsFunc(r.Peers, func(note PeerNote) bool { return note.Name == bare }) {
		return " but the " + bare
	}
	return ""
}

type markdown struct{ text strings.Builder }

func (m *markdown) line(format string, args ...any) {
	fmt.Fprintf(&m.text, format+"\n", args...)
}

// row writes a row of a table; what is in a cell must not end it.
func (m *markdown) row(cells []string) {
	for i, cell := range cells {
		cells[i] = strings.ReplaceAll(cell, "|", `\|`)
	}
	m.line("| %s |", strings.Join(cells, " | "))
}

func (m *markdown) header(cells []string) {
	m.row(cells)
	m.line("|---|%s", strings.Repeat("---:|", len(cells)-1))
}

// overview has a row per headline and a column per server.
func (m *markdown) overview(result *Result) {
	header := []string{""}
	for _, note := range result.Peers {
		header = append(header, note.Name)
	}
	m.header(header)
	for _, comparison := range result.Comparisons {
		for _, metric := range comparison.Metrics {
			if !metric.Headline || comparison.Problem != "" {
				continue
			}
			row := []string{comparison.Title + ": " + metric.label()}
			if metric.Better == higher && comparison.others() > tooBusy {
				row[0] += " (busy machine)"
			}
			for _, series := range comparison.Peers {
				row = append(row, series.short(metric, comparison.base()))
			}
			m.row(row)
		}
	}
	m.line("")
}

// comparison has a row per server and a column per metric.
func (m *markdown) comparison(c *Comparison) {
	m.line("## %s", c.Title)
	m.line("")
	m.line("%s", c.Note)
	m.line("")
	if c.Problem != "" {
		m.line("Left out: %s.", c.Problem)
		m.line("")
		return
	}
	header := []string{""}
	for _, metric := range c.Metrics {
		header = append(header, metric.label())
	}
	m.header(header)
	for _, series := range c.Peers {
		row := []string{series.Peer}
		if series.Peer == c.base() {
			row[0] = "**" + series.Peer + "**"
		}
		for _, metric := range c.Metrics {
			row = append(row, series.cell(metric, c.base()))
		}
		m.row(row)
	}
	m.line("")
	m.ratios(c)
	for _, series := range c.Peers {
		switch {
		case series.LeftOut != "":
			m.line("- %s left out: %s", series.Peer, series.LeftOut)
		case series.Problem != "":
			m.line("- %s stopped after %d rounds: %s", series.Peer, len(series.Rounds), series.Problem)
		case series.Detail != "":
			m.line("- %s: %s", series.Peer, series.Detail)
		}
	}
	if others := c.others(); others > tooBusy {
		m.line("- **The machine was busy: something else used %.0f %% of the two processors.** Throughput suffers, "+
			"that of servers with many threads less than that of others; CPU time hardly.", others)
	}
	m.line("")
}

// ratios has a row per server and a column per reference and headline.
func (m *markdown) ratios(c *Comparison) {
	header := []string{"ratio, round by round"}
	rows := make([][]string, len(c.Peers))
	for _, metric := range c.Metrics {
		for _, reference := range c.References {
			if !metric.Headline {
				continue
			}
			header = append(header, metric.label()+" / "+reference)
			for i, series := range c.Peers {
				rows[i] = append(rows[i], series.Ratios[reference][metric.Name].cell())
			}
		}
	}
	if len(header) == 1 {
		return
	}
	m.header(header)
	for i, series := range c.Peers {
		m.row(append([]string{series.Peer}, rows[i]...))
	}
	m.line("")
}

// cell is the median and, of more than one round, the lowest and the highest.
func (r Ratio) cell() string {
	switch {
	case r == Ratio{}:
		return "-"
	case r.Low == r.High:
		return number(r.Median)
	}
	return fmt.Sprintf("%s (%s to %s)", number(r.Median), number(r.Low), number(r.High))
}

// setUp says how each server was run.
func (m *markdown) setUp(result *Result) {
	m.line("## The servers")
	m.line("")
	for _, note := range result.Peers {
		m.line("- %s (%s): %s", note.Name, note.Version, note.SetUp)
	}
	for _, reason := range result.LeftOut {
		m.line("- left out: %s", reason)
	}
	m.line("")
	m.line("Their configurations are in `bench/peers/configs`, the Go ones in `bench/peers/testdata`.")
}

// label is a metric with its unit and direction.
func (m Metric) label() string {
	text := m.Title
	if m.Unit != "" {
		text += ", " + m.Unit
	}
	switch m.Better {
	case lower:
		text += " ↓"
	case higher:
		text += " ↑"
	}
	return text
}

// short is a cell of the overview.
func (s *Series) short(metric Metric, base string) string {
	summary, ok := s.Summary[metric.Name]
	switch {
	case !ok && s.LeftOut != "":
		return "-"
	case !ok:
		return "failed"
	case summary.Ratio == 0 || s.Peer == base:
		return number(summary.Median)
	}
	return fmt.Sprintf("%s (×%s)", number(summary.Median), number(summary.Ratio))
}

// cell is a cell of a comparison.
func (s *Series) cell(metric Metric, base string) string {
	summary, ok := s.Summary[metric.Name]
	if !ok {
		return s.short(metric, base)
	}
	text := number(summary.Median)
	if len(s.Rounds) > 1 && metric.Better != "" {
		text += fmt.Sprintf(" ± %.0f %%", summary.Spread)
	}
	if summary.Ratio != 0 && metric.Better != "" && s.Peer != base {
		text += fmt.Sprintf(" ×%s", number(summary.Ratio))
	}
	return text
}
