//go:build linux

package peers

// This file prints the comparison. It exists apart from measuring so that the
// figures are the same for people and for programs.

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"

	"fullbore/bench/stats"
)

// writeTable writes a row per server and the ratios of the first to the others.
func writeTable(out io.Writer, config Config, contenders []*contender, serverCPU, clientCPU int) {
	rounds := len(contenders[len(contenders)-1].CPUPerGB)
	_, _ = fmt.Fprintf(out, "\n%d rounds of %d downloads of %s, servers on CPU %d, client on CPU %d\n\n",
		rounds, config.Downloads, stats.Bytes(float64(config.Size)), serverCPU, clientCPU)
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "\tCPU s/GB median\tbest\tspread\twith client\tGB/s median\tbest\tspread\t")
	for _, c := range contenders {
		_, _ = fmt.Fprintf(table, "%s\t%.4f\t%.4f\t%s\t%.4f\t%.2f\t%.2f\t%s\t\n", c.Name,
			stats.Median(c.CPUPerGB), slices.Min(c.CPUPerGB), spread(c.CPUPerGB), stats.Median(c.BothPerGB),
			stats.Median(c.Throughput), slices.Max(c.Throughput), spread(c.Throughput))
	}
	_ = table.Flush()
	_, _ = fmt.Fprintln(out)
	for _, other := range contenders[1:] {
		writeRatio(out, "CPU per GB", contenders[0].Name, other.Name, ratio(contenders[0].CPUPerGB, other.CPUPerGB))
		writeRatio(out, "CPU per GB with client", contenders[0].Name, other.Name, ratio(contenders[0].BothPerGB, other.BothPerGB))
	}
}

func writeRatio(out io.Writer, what, name, other string, ratios []float64) {
	_, _ = fmt.Fprintf(out, "%s, %s / %s: median %.3f, from %.3f to %.3f\n",
		what, name, other, stats.Median(ratios), slices.Min(ratios), slices.Max(ratios))
}

// spread is the distance from lowest to highest in per cent of the median.
func spread(values []float64) string {
	return fmt.Sprintf("%.1f %%", 100*(slices.Max(values)-slices.Min(values))/stats.Median(values))
}

// ratio compares round by round, as far as both have rounds.
func ratio(a, b []float64) []float64 {
	ratios := make([]float64, min(len(a), len(b)))
	for i := range ratios {
		ratios[i] = a[i] / b[i]
	}
	return ratios
}

func writeJSON(config Config, contenders []*contender) error {
	text, err := json.MarshalIndent(struct {
		Config Config       `json:"config"`
		Peers  []*contender `json:"peers"`
	}{config, contenders}, "", "  ")
	if err != nil {
		return fmt.Errorf("result: %w", err)
	}
	if err := os.WriteFile(config.JSON, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("result: %w", err)
	}
	return nil
}
