//go:build unix

package e2e

// The tables of the results' page about limits: rates, and slow clients.

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// paced is what the page tells of the rates.
type paced struct {
	Subjects []struct {
		Name   string
		Shapes []struct {
			Scope          string
			Connections    int
			Rate, Measured float64
			Error          float64 `json:"error_percent"`
			Burst          float64 `json:"burst_ms"`
		}
		Fairness []struct {
			Rate  float64
			Least float64 `json:"least_share"`
		}
		Unused []struct {
			Rate  float64
			Error float64 `json:"error_percent"`
		}
		Changes []struct {
			From, To float64
			Holds    float64 `json:"holds_after_seconds"`
		}
		Costs []struct {
			Connections          int
			Rate, Paced, Unpaced float64
			Ratio                float64
		}
		Memory *struct {
			Downloads int
			Paced     float64
			Still     float64 `json:"standing_still"`
		}
	}
}

// ratesTable has a row for each figure and a column for each way of serving.
func ratesTable(t *testing.T) string {
	t.Helper()
	var p, rest paced
	readResult(t, "rates", &p)
	readResult(t, "rates-goroutines", &rest) // what the first run did not come to
	for _, s := range rest.Subjects {
		for i := range p.Subjects {
			if p.Subjects[i].Name == s.Name {
				p.Subjects[i].Costs, p.Subjects[i].Memory = s.Costs, s.Memory
			}
		}
	}
	header, line := "| measured at the clients", "|---"
	var names []string
	rows := map[string][]string{}
	for i, s := range p.Subjects {
		header += " | `" + s.Name + "`"
		line += "|---:"
		row := func(name, cell string) {
			if _, known := rows[name]; !known {
				names = append(names, name)
				rows[name] = slices.Repeat([]string{"-"}, len(p.Subjects))
			}
			rows[name][i] = cell
		}
		for _, shape := range s.Shapes {
			name := fmt.Sprintf("%s limited to %s, downloads at once: %d; error, largest burst", shape.Scope, rateOf(shape.Rate), shape.Connections)
			if shape.Measured == 0 {
				row(name, "out of this machine's reach")
				continue
			}
			row(name, fmt.Sprintf("%+.2f %%, %.0f ms", shape.Error, shape.Burst))
		}
		for _, f := range s.Fairness {
			row("a client with 16 connections beside one with 1, "+rateOf(f.Rate)+": the smaller share over the larger", fmt.Sprintf("%.3f", f.Least))
		}
		for _, u := range s.Unused {
			row("one of five clients takes a fifth of its share, "+rateOf(u.Rate)+": error of all together", fmt.Sprintf("%+.2f %%", u.Error))
		}
		for _, c := range s.Changes {
			row("from "+rateOf(c.From)+" to "+rateOf(c.To)+" for downloads in flight: holds after", fmt.Sprintf("%.2f s", c.Holds))
		}
		for _, c := range s.Costs {
			row(fmt.Sprintf("CPU at %s, downloads at once: %d; paced, unpaced, ratio", rateOf(c.Rate), c.Connections),
				fmt.Sprintf("%s s/GB, %s s/GB, %s", figure(c.Paced), figure(c.Unpaced), figure(c.Ratio)))
		}
		if m := s.Memory; m != nil {
			row("memory of a download, "+strconv.Itoa(m.Downloads)+" at once: paced, standing still", fmt.Sprintf("%s KiB, %s KiB", figure(m.Paced/1024), figure(m.Still/1024)))
		}
	}
	table := header + " |\n" + line + "|\n"
	for _, name := range names {
		table += "| " + name + " | " + strings.Join(rows[name], " | ") + " |\n"
	}
	return table
}

// rateOf is a rate as people write it.
func rateOf(bytes float64) string {
	units := []string{"B", "KB", "MB", "GB"}
	unit := min(int(math.Log10(bytes))/3, len(units)-1)
	return fmt.Sprintf("%g %s/s", bytes/math.Pow(1000, float64(unit)), units[unit])
}

// attackTable has a row for each attack.
func attackTable(t *testing.T) string {
	t.Helper()
	type sample struct {
		Anon        float64 `json:"rss_anon_bytes"`
		Descriptors int
	}
	var a struct {
		Rows []struct {
			With, Mode          string
			Connected           int `json:"attackers_connected"`
			Kept                float64
			Before, Peak, After sample
		}
	}
	readResult(t, "attack", &a)
	const mib = 1 << 20
	table := "| slowhttptest's slow clients | server | at once | honest downloads keep | anonymous memory before, at its peak, after, MiB | descriptors before, at their peak, after |\n" +
		"|---|---|---:|---:|---:|---:|\n"
	for _, row := range a.Rows {
		table += fmt.Sprintf("| %s | `%s` | %d | %.1f %% | %s, %s, %s | %d, %d, %d |\n", row.Mode, row.With, row.Connected, 100*row.Kept,
			figure(row.Before.Anon/mib), figure(row.Peak.Anon/mib), figure(row.After.Anon/mib),
			row.Before.Descriptors, row.Peak.Descriptors, row.After.Descriptors)
	}
	return table
}
