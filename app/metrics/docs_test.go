package metrics

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"fullbore/logger"
)

var update = flag.Bool("update", false, "write docs/metrics.md anew")

// table is the metrics as documentation has them, from what a scrape gives.
func table(families []*dto.MetricFamily) string {
	var text strings.Builder
	text.WriteString("| metric | type | labels | meaning |\n|---|---|---|---|\n")
	for _, family := range families {
		if !strings.HasPrefix(family.GetName(), namespace+"_") {
			continue
		}
		labels := map[string]bool{}
		for _, metric := range family.Metric {
			for _, label := range metric.Label {
				labels["`"+label.GetName()+"`"] = true
			}
		}
		fmt.Fprintf(&text, "| `%s` | %s | %s | %s |\n", family.GetName(), strings.ToLower(family.GetType().String()),
			strings.Join(slices.Sorted(maps.Keys(labels)), ", "), family.GetHelp())
	}
	return text.String()
}

// The document has what a scrape has. Write it anew with
//
//	go test ./app/metrics -run Documented -update
func TestMetricsAreDocumented(t *testing.T) {
	m := New("v1", everything())
	m.Observe(result("GET", 200, logger.Complete, 1, 0, time.Second))
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join("..", "..", "docs", "metrics.md")
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- metrics: begin -->\n", "<!-- metrics: end -->\n"
	before, rest, ok := strings.Cut(string(content), begin)
	documented, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no marks around its table", name)
	}
	want := table(families)
	if *update {
		if err := os.WriteFile(name, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if documented != want {
		t.Errorf("%s is not what /metrics has; go test ./app/metrics -run Documented -update writes it anew. Want\n%s", name, want)
	}
	for _, label := range [][]string{methods[:], codes[:], kinds[:], outcomes[:]} {
		for _, value := range label {
			if !strings.Contains(string(content), "`"+value+"`") {
				t.Errorf("%s does not explain the label's value %s", name, value)
			}
		}
	}
}
