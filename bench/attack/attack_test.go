//go:build linux

package attack

// This file attacks a little, with the real tool. It asks whether there are figures, not
// how good they are.

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEveryAttackHasFigures(t *testing.T) {
	if testing.Short() {
		t.Skip("skipping attacks on a real server")
	}
	if _, err := exec.LookPath("slowhttptest"); err != nil {
		if os.Getenv("FULLBORE_REQUIRE_TOOLS") == "1" {
			t.Fatal("slowhttptest is not installed, and FULLBORE_REQUIRE_TOOLS=1 requires it; scripts/setup-dev installs it")
		}
		t.Skip("slowhttptest is not installed; scripts/setup-dev installs it")
	}
	for mode, rate := range map[string]string{"headers": "1MB", "read": "0"} {
		t.Run(mode, func(t *testing.T) {
			folder, reports := t.TempDir(), t.TempDir()
			var out, progress bytes.Buffer
			command := Command()
			command.SetOut(&out)
			command.SetErr(&progress)
			command.SetArgs([]string{
				"--connections", "20", "--per-second", "20", "--honest", "2", "--honest-rate", rate, "--for", "6s", "--rest", "0s", "--modes", mode,
				"--with", "", "--scratch", folder, "--json", filepath.Join(reports, "attack.json"), "--markdown", filepath.Join(reports, "attack.md"),
			})
			if err := command.ExecuteContext(t.Context()); err != nil {
				t.Fatalf("%v\n%s", err, progress.String())
			}
			checkReports(t, reports, out.String())
			if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func checkReports(t *testing.T, folder, printed string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "attack.json"))
	var result Result
	if err == nil {
		err = json.Unmarshal(text, &result)
	}
	if err != nil {
		t.Fatal(err)
	}
	if text, err = os.ReadFile(filepath.Join(folder, "attack.md")); err != nil || string(text) != printed {
		t.Errorf("the Markdown file is not what was printed: %v", err)
	}
	if len(result.Rows) != 1 || result.Interrupted || !strings.HasPrefix(result.Tool, "slowhttptest ") {
		t.Fatalf("%d attacks with %q, interrupted: %v; want 1, whole", len(result.Rows), result.Tool, result.Interrupted)
	}
	for _, row := range result.Rows {
		if row.Undisturbed <= 0 || row.During <= 0 || row.Kept <= 0 || row.After.Anon == 0 {
			t.Errorf("%s: %+v has no figures", row.Mode, row)
		}
		if result.Config.HonestRate == 0 {
			continue // honest downloads may leave the attacker no processor
		}
		if row.Connected == 0 || row.Peak.Descriptors <= row.Before.Descriptors || row.After.Descriptors >= row.Peak.Descriptors {
			t.Errorf("%s: descriptors %d, %d, %d; want more during the attack than before and after",
				row.Mode, row.Before.Descriptors, row.Peak.Descriptors, row.After.Descriptors)
		}
	}
}

func TestWrongUsageIsOneLine(t *testing.T) {
	for _, args := range [][]string{{"--connections", "0"}, {"--honest", "1000"}, {"--modes", "love"}, {"--for", "0s"}} {
		var out bytes.Buffer
		command := Command()
		command.SilenceErrors, command.SilenceUsage = true, true
		command.SetOut(&out)
		command.SetErr(&out)
		command.SetArgs(args)
		if err := command.ExecuteContext(t.Context()); err == nil || strings.Contains(err.Error(), "\n") || out.Len() > 0 {
			t.Errorf("%v: error %v, output %q; want one line and nothing else", args, err, out.String())
		}
	}
}

func TestMostConnectedIsTheLargestOfAllReports(t *testing.T) {
	const said = "connected:           12\nerror: 0\nconnected:           340\nconnected:           0\n"
	if got := connectedMost(said); got != 340 {
		t.Errorf("%d, want 340", got)
	}
	if got := lastLine("\n  one\n two \n\n"); got != "two" {
		t.Errorf("last line %q, want two", got)
	}
}
