//go:build linux

package attack

// This file is what came out, as numbers and as a report.

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"fullbore/bench/process"
	"fullbore/bench/report"
)

// Result is all that was found out.
type Result struct {
	Date        time.Time          `json:"date"`
	Command     string             `json:"command"`
	Environment report.Environment `json:"environment"`
	Tool        string             `json:"tool"`
	Config      Config             `json:"config"`
	Rows        []Row              `json:"rows"`
	Interrupted bool               `json:"interrupted"`
}

// Row is one attack on one server. Rates are bytes/s, of the honest downloads together.
type Row struct {
	With        string         `json:"with"`
	Mode        string         `json:"mode"`
	Connected   int            `json:"attackers_connected"` // at once, at most, as slowhttptest reports every few seconds
	Undisturbed float64        `json:"undisturbed"`         // mean of before and after
	During      float64        `json:"during"`
	Kept        float64        `json:"kept"`   // during over undisturbed
	Before      process.Sample `json:"before"` // the largest of each, honest downloads alone
	Peak        process.Sample `json:"peak"`   // the same, during the attack
	After       process.Sample `json:"after"`  // when everybody had gone
}

func writeMarkdown(out io.Writer, result *Result) error {
	var m strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&m, format+"\n", args...) }
	line("# Honest downloads beside slow clients\n")
	if result.Interrupted {
		line("**Interrupted: not all was measured.**\n")
	}
	line("%s, %s, %s. %s\n", result.Date.Format("2006-01-02 15:04 MST"), result.Environment, result.Tool, result.Command)
	line("%d honest downloads take %s, %v before, during and after %s slow clients; undisturbed is the mean of before and after. "+
		"The attack begins with its first connection. Memory (RssAnon) and descriptors: the most with honest downloads alone, the most during the attack, "+
		"and %v after everybody has gone.\n", result.Config.Honest, result.Config.takes(), result.Config.For, humanize.Comma(int64(result.Config.Connections)), result.Config.Rest)
	line("| server | attack | attackers at once | undisturbed, MB/s | during, MB/s | kept | memory, MiB | descriptors |")
	line("|---|---|---:|---:|---:|---:|---:|---:|")
	for _, row := range result.Rows {
		line("| %s | %s | %s | %.0f | %.0f | %.1f %% | %.1f, %.1f, %.1f | %d, %d, %d |", row.With, row.Mode, humanize.Comma(int64(row.Connected)),
			row.Undisturbed/1e6, row.During/1e6, 100*row.Kept, mib(row.Before.Anon), mib(row.Peak.Anon), mib(row.After.Anon),
			row.Before.Descriptors, row.Peak.Descriptors, row.After.Descriptors)
	}
	_, err := io.WriteString(out, m.String())
	return err
}

// takes says how much an honest download takes.
func (c Config) takes() string {
	if c.HonestRate == 0 {
		return "all they can get"
	}
	return "what a line of " + humanize.Bytes(uint64(c.HonestRate)) + "/s carries, each"
}

// publish writes the report where it is wanted.
func publish(config Config, result *Result, out io.Writer) error {
	return report.Publish(out, config.Markdown, config.JSON, result, func(w io.Writer) error { return writeMarkdown(w, result) })
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }
