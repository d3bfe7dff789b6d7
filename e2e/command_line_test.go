//go:build unix

package e2e

// What the program says when it is called: the two first commands, and every
// wrong way in one line.

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// run runs the binary to its end and gives what it printed and its exit status.
func run(t *testing.T, args ...string) (output string, code int) {
	t.Helper()
	cmd := exec.Command(binary, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	_ = cmd.Run() // the exit status is what is asked for
	return out.String(), cmd.ProcessState.ExitCode()
}

func TestWrongUsageIsOneClearLine(t *testing.T) {
	dir := t.TempDir()
	busy := start(t, dir)
	missing := filepath.Join(dir, "missing")
	for _, test := range []struct {
		args []string
		code int
		says []string
	}{
		{[]string{"serve", dir, "--nope"}, 2, []string{"--nope", "serve --help"}},
		{[]string{"serve", dir, "--listen"}, 2, []string{"--listen"}},
		{[]string{"serve", dir, "--listen", "nonsense"}, 2, []string{"--listen", "nonsense", "host:port"}},
		{[]string{"serve", dir, "--idle-timeout", "soon"}, 2, []string{"--idle-timeout", "soon"}},
		{[]string{"serve", dir, "--idle-timeout", "1ms"}, 2, []string{"--idle-timeout", "1s"}},
		{[]string{"serve", dir, "--drain-timeout", "-1s"}, 2, []string{"--drain-timeout"}},
		{[]string{"serve", dir, "--log-format", "jsn"}, 2, []string{"--log-format", "jsn", "combined"}},
		{[]string{"serve", dir, "--log-format", "${nope}"}, 2, []string{"${nope}", "bytesSent"}},
		{[]string{"serve", dir, "--access-log", ""}, 2, []string{"--access-log"}},
		{[]string{"serve", dir, "--access-log", "x", "--log-max-size", "much"}, 2, []string{"--log-max-size", "100MiB"}},
		{[]string{"serve", dir, "--log-max-size", "1MiB"}, 2, []string{"--log-max-size", "--access-log"}},
		{[]string{"serve", dir, "--access-log", "x", "--log-keep", "-1"}, 2, []string{"--log-keep"}},
		{[]string{"serve", dir, "--max-age", "-1s"}, 2, []string{"--max-age"}},
		{[]string{"serve", dir, "--max-age", "1ms"}, 2, []string{"--max-age", "whole seconds"}},
		{[]string{"serve", dir, "--index", "a/b"}, 2, []string{"--index", "a/b"}},
		{[]string{"serve", dir, "--csp", "a\nb"}, 2, []string{"--csp", "one line"}},
		{[]string{"serve", dir, "--readme", "--browse=false"}, 2, []string{"--readme", "--browse"}},
		{[]string{"completion", "bash", "x"}, 2, []string{"no arguments"}},
		{[]string{"serve"}, 2, []string{"PATH"}},
		{[]string{"serve", dir, dir}, 2, []string{"one PATH"}},
		{[]string{"frobnicate"}, 2, []string{"frobnicate"}},
		{[]string{"version", "x"}, 2, []string{"no arguments"}},
		{[]string{"health", "--admin", ""}, 2, []string{"off"}},
		{[]string{"serve", missing}, 1, []string{missing, "no such file"}},
		{[]string{"serve", "/dev/null"}, 1, []string{"/dev/null", "neither"}},
		{[]string{"serve", dir, "--listen", busy.addr}, 1, []string{busy.addr, "in use"}},
		{[]string{"serve", dir, "--listen", "127.0.0.1:0", "--admin", busy.addr}, 1, []string{busy.addr, "in use"}},
		{[]string{"serve", dir, "--listen", "127.0.0.1:0", "--access-log", missing + "/log"}, 1, []string{missing}},
	} {
		out, code := run(t, test.args...)
		if code != test.code || strings.Count(out, "\n") != 1 || !strings.HasPrefix(out, "fullbore: ") {
			t.Errorf("%q: exit status %d (want %d), printed %q", test.args, code, test.code, out)
		}
		for _, word := range test.says {
			if !strings.Contains(out, word) {
				t.Errorf("%q: %q does not say %q", test.args, out, word)
			}
		}
	}
}

func TestUnreadableFolder(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "folder")
	if err := os.Mkdir(folder, 0); err != nil {
		t.Fatal(err)
	}
	line := []string{binary, "serve", folder}
	if os.Geteuid() == 0 { // who may read everything
		for parent := dir; parent != os.TempDir() && parent != "/"; parent = filepath.Dir(parent) {
			if err := os.Chmod(parent, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		line = append([]string{needTool(t, "setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups"}, line...)
	}
	out, err := exec.Command(line[0], line[1:]...).CombinedOutput()
	if err == nil || strings.Count(string(out), "\n") != 1 || !strings.Contains(string(out), folder+": permission denied") {
		t.Errorf("%v: %q", err, out)
	}
}

func TestEnvironmentSetsFlagsAndFlagsWin(t *testing.T) {
	cmd := func(env string, args ...string) (string, int) {
		c := exec.Command(binary, append([]string{"serve", t.TempDir()}, args...)...)
		c.Env = append(os.Environ(), env)
		out, _ := c.CombinedOutput()
		return string(out), c.ProcessState.ExitCode()
	}
	if out, code := cmd("FULLBORE_IDLE_TIMEOUT=soon"); code != 2 || !strings.Contains(out, `FULLBORE_IDLE_TIMEOUT="soon"`) || strings.Count(out, "\n") != 1 {
		t.Errorf("%d %q", code, out)
	}
	if out, code := cmd("FULLBORE_LISTEN=nonsense"); code != 2 || !strings.Contains(out, "nonsense") {
		t.Errorf("%d %q", code, out)
	}
	// The flag is the one that is complained about, so it won.
	if out, code := cmd("FULLBORE_LISTEN=nonsense", "--listen", "worse"); code != 2 || !strings.Contains(out, "worse") {
		t.Errorf("%d %q", code, out)
	}
}

func TestVersionAndHelp(t *testing.T) {
	if out, code := run(t, "version"); code != 0 || !regexp.MustCompile(`^fullbore \S+ .*go1`).MatchString(out) {
		t.Errorf("version: %d %q", code, out)
	}
	for _, args := range [][]string{{}, {"--help"}, {"serve", "--help"}, {"health", "--help"}, {"help", "serve"}} {
		if out, code := run(t, args...); code != 0 || !strings.Contains(out, "Usage:") {
			t.Errorf("%q: %d %q", args, code, out)
		}
	}
}

// The table in docs/settings.md is what the program says.
// FULLBORE_UPDATE=1 writes it there.
func TestSettingsAreDocumented(t *testing.T) {
	const settingsPage, begin, end = "docs/settings.md", "<!-- config table -->\n", "<!-- end -->"
	page, err := os.ReadFile(settingsPage)
	if err != nil {
		t.Fatal(err)
	}
	table, code := run(t, "config", "--markdown")
	if code != 0 {
		t.Fatalf("exit status %d: %s", code, table)
	}
	before, rest, ok := strings.Cut(string(page), begin)
	was, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf(settingsPage+" lacks the lines %q and %q", begin, end)
	}
	if was == table {
		return
	}
	if os.Getenv("FULLBORE_UPDATE") == "" {
		t.Fatal("the table in " + settingsPage + " is not that of fullbore config --markdown; FULLBORE_UPDATE=1 go test -run Settings ./e2e writes it")
	}
	if err := os.WriteFile(settingsPage, []byte(before+begin+table+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
