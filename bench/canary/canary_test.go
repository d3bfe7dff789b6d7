//go:build linux

package canary

// This file compares real servers whose difference is known.

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"fullbore/bench/imagetest"
	"fullbore/bench/load"
	"fullbore/bench/process"
	"fullbore/bench/soak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCanaryFindsTheWorseBuild(t *testing.T) {
	if testing.Short() {
		t.Skip("skipping real servers")
	}
	folder := t.TempDir()
	lean, fat := filepath.Join(folder, "lean"), filepath.Join(folder, "fat")
	for _, out := range []string{lean, fat} {
		if err := process.Build(t.Context(), "./testdata/control", out); err != nil {
			t.Fatal(err)
		}
	}
	config := findsWorse(t, false, lean, fat)
	config.Before, config.After = fat, lean
	for _, row := range run(t, config, -1).Rows { // its speed may differ either way
		if strings.HasPrefix(row.Name, "R") && (row.Worse || row.Change >= 0) {
			t.Errorf("the leaner build: %+v", row)
		}
	}
}

func TestCanaryFindsTheWorseImage(t *testing.T) {
	if testing.Short() {
		t.Skip("skipping real servers")
	}
	imagetest.Need(t)
	lean, fat := imagetest.Import(t, "./testdata/control", "lean"), imagetest.Import(t, "./testdata/control", "fat")
	findsWorse(t, true, lean, fat)
	if left := imagetest.Docker(t, "ps", "--all", "--quiet", "--filter", "ancestor="+lean, "--filter", "ancestor="+fat); left != "" {
		t.Errorf("containers were left behind: %s", left)
	}
}

func TestCanarySaysWhichImageIsMissing(t *testing.T) {
	imagetest.Need(t)
	config := ConfigDefault
	config.Images, config.Before, config.After = true, "fullbore-no-such-image", "fullbore-no-such-image"
	code, err := Run(t.Context(), config, &bytes.Buffer{}, &bytes.Buffer{})
	if code != ExitCouldNot || err == nil || !strings.Contains(err.Error(), "before: image fullbore-no-such-image") {
		t.Errorf("exit %d, error %v, want %d and the image", code, err, ExitCouldNot)
	}
}

// findsWorse compares a lean build of the control with a fat one.
func findsWorse(t *testing.T, images bool, lean, fat string) Config {
	t.Helper()
	config := ConfigDefault
	config.Size, config.Downloads, config.Slow = 1<<20, 8, time.Millisecond
	config.Mix = soak.Mix{load.Whole: 6, load.Ranged: 2}
	config.Before, config.After, config.Images = lean, fat, images
	config.JSON = filepath.Join(t.TempDir(), "result.json")
	result := run(t, config, ExitWorse)
	for _, row := range result.Rows {
		known := map[string]bool{"RSS at rest": true, "RssAnon at rest": true, "bytes allocated per request": true}
		if known[row.Name] && !row.Worse {
			t.Errorf("%s is not found to be worse: %+v", row.Name, row)
		}
	}
	return config
}

func run(t *testing.T, config Config, want int) Result {
	t.Helper()
	var out, progress bytes.Buffer
	code, err := Run(t.Context(), config, &out, &progress)
	if err != nil || want >= 0 && code != want {
		t.Fatalf("exit %d, error %v, want %d:\n%s", code, err, want, out.String())
	}
	text, err := os.ReadFile(config.JSON)
	if err != nil {
		t.Fatal(err)
	}
	var result Result
	if err := json.Unmarshal(text, &result); err != nil {
		t.Fatal(err)
	}
	return result
}

func rounds(n int, value func(i int) float64) []figures {
	var all []figures
	for i := range n {
		all = append(all, figures{"RSS at rest": value(i), "CPU per GB": 1 + float64(i%3)/100})
	}
	return all
}

func TestTheRuleOfTheTable(t *testing.T) {
	same := rounds(10, func(i int) float64 { return 100 + float64(i) })
	for _, c := range []struct {
		name  string
		after []figures
		want  int
	}{
		{"the same", same, ExitSame},
		{"20 % more in every round", rounds(10, func(i int) float64 { return 120 + float64(i) }), ExitWorse},
		{"20 % less", rounds(10, func(i int) float64 { return 80 + float64(i) }), ExitSame},
		{"2 % more in every round", rounds(10, func(i int) float64 { return 102 + float64(i) }), ExitSame},
		{"20 % more, then less", rounds(10, func(i int) float64 { return 100 + float64(i) + float64(i%2*41) - 20 }), ExitSame},
	} {
		if got := compare(ConfigDefault, same, c.after); got.ExitCode != c.want {
			t.Errorf("%s: exit %d, want %d: %+v", c.name, got.ExitCode, c.want, got.Rows)
		}
	}
	worse := rounds(10, func(i int) float64 { return 120 + float64(i) })
	least := fewestRounds(2) // of the two figures
	if got := compare(ConfigDefault, same[:least-1], worse[:least-1]); got.ExitCode != ExitTooLittle {
		t.Errorf("%d rounds: exit %d, want %d", least-1, got.ExitCode, ExitTooLittle)
	}
	if got := compare(ConfigDefault, same[:least], worse[:least]); got.ExitCode != ExitWorse {
		t.Errorf("%d rounds: exit %d, want %d", least, got.ExitCode, ExitWorse)
	}
	if n := fewestRounds(len(metrics)); n > ConfigDefault.Rounds {
		t.Errorf("%d rounds are needed for all figures, the default is %d", n, ConfigDefault.Rounds)
	}
	var out bytes.Buffer
	compare(ConfigDefault, same, same).print(&out)
	if !strings.Contains(out.String(), "not exposed") {
		t.Errorf("nothing said of figures that are not there:\n%s", out.String())
	}
}
