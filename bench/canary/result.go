//go:build linux

package canary

// This file turns rounds into the table: before, after, change, significant?

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"fullbore/bench/process"
	"fullbore/bench/stats"
)

const significance = 0.05 // for all figures together, by Holm's method

// fewestRounds is how many rounds it takes for a difference to be significant at
// all, when that many figures are held against the same level: the smallest p of
// n pairs is 2 / 2^n, and Holm multiplies it by the number of figures.
func fewestRounds(figures int) int {
	rounds := 1
	for smallest := float64(figures); smallest >= significance; smallest /= 2 {
		rounds++
	}
	return rounds
}

// figures of one round, by name. What is not exposed is missing.
type figures map[string]float64

// metric is one row of the table. Less is better for all of them.
type metric struct {
	name string
	text func(float64) string
}

var (
	milliseconds = func(v float64) string { return fmt.Sprintf("%.3f ms", v*1000) }
	seconds      = func(v float64) string { return fmt.Sprintf("%.4f s", v) }
	number       = func(v float64) string { return fmt.Sprintf("%.3g", v) }

	metrics = []metric{
		{"RSS at rest", stats.Bytes},
		{"RssAnon at rest", stats.Bytes},
		{"CPU per GB", seconds},
		{"first byte, median", milliseconds},
		{"first byte, 99 %", milliseconds},
		{"collections per GB", number},
		{"collector's pause per GB", milliseconds},
		{"bytes allocated per request", stats.Bytes},
		{"objects allocated per request", number},
	}
)

func newFigures(before, after process.Full, sent int64, requests int, firstBytes []float64) figures {
	gb := float64(sent) / 1e9
	at := func(share float64) float64 { return firstBytes[int(share*float64(len(firstBytes)-1))] }
	f := figures{
		"RSS at rest":        float64(after.RSS),
		"RssAnon at rest":    float64(after.Anon),
		"CPU per GB":         (after.CPU - before.CPU).Seconds() / gb,
		"first byte, median": at(0.5),
		"first byte, 99 %":   at(0.99),
	}
	if before.Go != nil && after.Go != nil {
		f["collections per GB"] = float64(after.Go.GCs-before.Go.GCs) / gb
		f["collector's pause per GB"] = (after.Go.GCPause - before.Go.GCPause).Seconds() / gb
		f["bytes allocated per request"] = float64(after.Go.Allocated-before.Go.Allocated) / float64(requests)
		f["objects allocated per request"] = float64(after.Go.Mallocs-before.Go.Mallocs) / float64(requests)
	}
	return f
}

// Result is the comparison.
type Result struct {
	ExitCode int    `json:"exit_code"`
	Summary  string `json:"summary"`
	Rounds   int    `json:"rounds"`
	Rows     []Row  `json:"rows"`
}

// Row is one figure: medians over rounds, the change in percent and whether it is
// more than chance.
type Row struct {
	Name        string  `json:"name"`
	Exposed     bool    `json:"exposed"`
	Before      float64 `json:"before"`
	After       float64 `json:"after"`
	Change      float64 `json:"change_percent"`
	P           float64 `json:"p_adjusted"`
	Significant bool    `json:"significant"`
	Worse       bool    `json:"worse"` // significant, and by more than the tolerance
}

func compare(config Config, before, after []figures) *Result {
	result := &Result{Rounds: len(before)}
	var p []float64
	for _, metric := range metrics {
		row := Row{Name: metric.name}
		one, two := column(before, metric.name), column(after, metric.name)
		if row.Exposed = len(one) == len(before) && len(two) == len(after) && len(one) > 0; row.Exposed {
			row.Before, row.After = stats.Median(one), stats.Median(two)
			if row.Before != 0 {
				row.Change = 100 * (row.After - row.Before) / row.Before
			}
			p = append(p, stats.SignedRank(one, two))
		}
		result.Rows = append(result.Rows, row)
	}
	adjusted := stats.Holm(p)
	worse := 0
	for i := range result.Rows {
		row := &result.Rows[i]
		if !row.Exposed {
			continue
		}
		row.P, adjusted = adjusted[0], adjusted[1:]
		row.Significant = row.P < significance
		row.Worse = row.Significant && (row.Change > config.Tolerance || row.Before == 0 && row.After > 0)
		if row.Worse {
			worse++
		}
	}
	switch {
	case result.Rounds < fewestRounds(len(p)):
		result.ExitCode = ExitTooLittle
		result.Summary = fmt.Sprintf("%d rounds are too few to tell by %d figures, %d are the least", result.Rounds, len(p), fewestRounds(len(p)))
	case worse > 0:
		result.ExitCode, result.Summary = ExitWorse, fmt.Sprintf("worse: %d of the figures, by more than %g %%", worse, config.Tolerance)
	default:
		result.Summary = fmt.Sprintf("no worse: nothing is significantly more than %g %% above what it was", config.Tolerance)
	}
	return result
}

func column(rounds []figures, name string) []float64 {
	var values []float64
	for _, round := range rounds {
		if value, ok := round[name]; ok {
			values = append(values, value)
		}
	}
	return values
}

// print writes the table. Errors are ignored: there is no better place for them.
func (r *Result) print(out io.Writer) {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	_, _ = fmt.Fprintln(table, "\tbefore\tafter\tchange\tsignificant?")
	for i, row := range r.Rows {
		if !row.Exposed {
			_, _ = fmt.Fprintf(table, "%s\tnot exposed\t\t\t\n", row.Name)
			continue
		}
		verdict := "no"
		if row.Significant {
			verdict = "yes"
		}
		if row.Worse {
			verdict = "yes, WORSE"
		}
		change := fmt.Sprintf("%+.1f %%", row.Change)
		if row.Before == 0 && row.After > 0 {
			change = "from none"
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s (p %.2g)\n", row.Name,
			metrics[i].text(row.Before), metrics[i].text(row.After), change, verdict, row.P)
	}
	_ = table.Flush()
	_, _ = fmt.Fprintf(out, "\n%s; medians of %d rounds, Wilcoxon's signed-rank test of the pairs, corrected by Holm\n", r.Summary, r.Rounds)
}

func (r *Result) writeJSON(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = os.WriteFile(path, append(text, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("result: %w", err)
	}
	return nil
}
