//go:build linux

package rates

// This file runs the whole of it in seconds. It asks whether there are figures, not
// how good they are.

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scratch is a folder that nginx's workers, which are nobody, can enter.
func scratch(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.Chmod(filepath.Dir(folder), 0o755); err != nil {
		t.Fatal(err)
	}
	return folder
}

// run executes the command and returns its report as text and as figures.
func run(t *testing.T, args ...string) (string, *Result) {
	t.Helper()
	if testing.Short() {
		t.Skip("skipping downloads from a real server")
	}
	folder, reports := scratch(t), t.TempDir()
	file := func(name string) string { return filepath.Join(reports, name) }
	var out, progress bytes.Buffer
	command := Command()
	command.SetOut(&out)
	command.SetErr(&progress)
	command.SetArgs(append([]string{"--quick", "--scratch", folder, "--json", file("rates.json"), "--markdown", file("rates.md")}, args...))
	if err := command.ExecuteContext(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	var result Result
	text, err := os.ReadFile(file("rates.json"))
	if err == nil {
		err = json.Unmarshal(text, &result)
	}
	if err != nil {
		t.Fatal(err)
	}
	if text, err = os.ReadFile(file("rates.md")); err != nil || string(text) != out.String() {
		t.Errorf("the Markdown file is not what was printed: %v", err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	return out.String(), &result
}

func TestEveryQuestionIsAnswered(t *testing.T) {
	text, result := run(t, "--exec", "nginx -c {{.Config}} -e stderr", "--template", "testdata/nginx.conf", "--scopes", "connection,server")
	if len(result.Subjects) != 1 || result.Subjects[0].Name != "nginx" || result.Interrupted {
		t.Fatalf("subjects %+v, want nginx alone, uninterrupted", result.Subjects)
	}
	s := result.Subjects[0]
	if len(s.Shapes) != 4 || len(s.Fairness) != 1 || len(s.Unused) != 1 || len(s.Changes) != 2 || len(s.Costs) != 2 || s.Memory == nil {
		t.Fatalf("%d shapes, %d of fairness, %d unused, %d changes, %d costs, memory %+v; want 4, 1, 1, 2, 2 and some",
			len(s.Shapes), len(s.Fairness), len(s.Unused), len(s.Changes), len(s.Costs), s.Memory)
	}
	for _, shape := range s.Shapes {
		if shape.reachable() && (shape.Measured <= 0 || shape.Burst <= 0 || shape.Reach <= 0) {
			t.Errorf("%+v has no figures", *shape)
		}
	}
	if row := s.Fairness[0]; row.Many <= 0 || row.One <= 0 || row.Least <= 0 || row.LeastOfMany <= 0 {
		t.Errorf("%+v has no figures", row)
	}
	if row := s.Unused[0]; row.Measured <= 0 || row.Slow <= 0 || row.Wanted <= 0 {
		t.Errorf("%+v has no figures", row)
	}
	for _, row := range s.Costs {
		if row.Paced <= 0 || row.Unpaced <= 0 || row.Ratio <= 0 || row.Low > row.High {
			t.Errorf("%+v has no figures", row)
		}
	}
	if s.Memory.Downloads != 50 || s.Memory.Still <= 0 {
		t.Errorf("%+v has no figures", *s.Memory)
	}
	for _, heading := range []string{"## The rate", "## Fairness", "## Unused shares", "## Another rate", "## Cost", "## Memory"} {
		if !strings.Contains(text, "\n"+heading) {
			t.Errorf("the report has no %q:\n%s", heading, text)
		}
	}
}

func TestFullboreIsMeasuredWithEachOfTheFlags(t *testing.T) {
	_, result := run(t, "--only", "shapes,cost", "--with", "--engine auto", "--with", "--engine goroutines")
	if len(result.Subjects) != 2 {
		t.Fatalf("%d subjects, want 2", len(result.Subjects))
	}
	for _, s := range result.Subjects {
		if len(s.Shapes) != 2 || len(s.Costs) != 2 || s.Shapes[0].Measured <= 0 {
			t.Errorf("%s: %d shapes, %d costs; want 2 with figures", s.Name, len(s.Shapes), len(s.Costs))
		}
	}
}

func TestOnlyWhatIsAskedIsMeasured(t *testing.T) {
	text, result := run(t, "--exec", "nginx -c {{.Config}} -e stderr", "--template", "testdata/nginx.conf", "--only", "fairness")
	if s := result.Subjects[0]; len(s.Fairness) != 1 || len(s.Shapes)+len(s.Unused)+len(s.Changes)+len(s.Costs) > 0 || s.Memory != nil {
		t.Errorf("measured %+v", *s)
	}
	if strings.Contains(text, "## Memory") || !strings.Contains(text, "## Fairness") {
		t.Errorf("reported:\n%s", text)
	}
}

func TestWrongUsageIsOneLine(t *testing.T) {
	for _, args := range [][]string{
		{"--connections", "0"},
		{"--rates", "fast"},
		{"--scopes", "planet"},
		{"--only", "luck"},
		{"--for", "0s"},
		{"--template", "testdata/nginx.conf"},
	} {
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
