//go:build linux

package report

// This file asks for the commit in repositories that it makes.

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestCommitOfTheCheckout(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	folder := t.TempDir()
	t.Chdir(folder)
	git := func(args ...string) string {
		t.Helper()
		out, err := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@b"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module measured\n")
	if got := Checkout("measured"); got != "" {
		t.Errorf("%q outside of a repository", got)
	}
	write("bench/results/result.json", "{}")
	git("init", "-q")
	git("add", ".")
	git("commit", "-q", "-m", "first")
	head := git("rev-parse", "HEAD")
	write("bench/results/result.json", "{ }")
	if got := Checkout("measured"); got != head {
		t.Errorf("%q, want %q: results are no change", got, head)
	}
	if got := Checkout("another"); got != "" {
		t.Errorf("%q in the repository of another module", got)
	}
	t.Chdir(filepath.Join(folder, "bench"))
	write("go.mod", "module measured\n\ngo 1.26\n")
	if got := Checkout("measured"); got != head+"-dirty" {
		t.Errorf("%q, want %q", got, head+"-dirty")
	}
}
