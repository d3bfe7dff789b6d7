//go:build linux

package peers

// This file runs a tiny comparison with the real servers. It asks whether there
// are figures, not how good they are.

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"fullbore/bench/target"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestComparisonOfRealServers(t *testing.T) {
	if testing.Short() {
		t.Skip("skipping a comparison of real servers")
	}
	before, err := target.Affinity()
	if err != nil {
		t.Fatal(err)
	}
	if len(before) < 2 {
		t.Skip("two processors are needed")
	}
	config := Config{Rounds: 2, Downloads: 1, Size: 16 << 20, JSON: filepath.Join(t.TempDir(), "peers.json")}
	var out, progress bytes.Buffer
	if err := Run(t.Context(), config, &out, &progress); err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	for _, want := range []string{"fullbore", "fiber static", "fullbore / fiber static: median"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("report does not mention %q:\n%s", want, out.String())
		}
	}
	if after, err := target.Affinity(); err != nil || len(after) != len(before) {
		t.Errorf("this process may use %v afterwards, %v before: %v", after, before, err)
	}
}

func TestRatioComparesRoundByRound(t *testing.T) {
	got := ratio([]float64{1, 3, 5}, []float64{2, 2})
	if len(got) != 2 || got[0] != 0.5 || got[1] != 1.5 {
		t.Errorf("ratios %v, want [0.5 1.5]", got)
	}
}
