//go:build unix

package e2e

// The settings as the binary evaluates, prints and refuses them.

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// runIn is run in a folder, with more environment.
func runIn(t *testing.T, dir string, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run() // the exit status is what is asked for
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func TestConfigShowsWhereEachValueIsFrom(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "fullbore.yaml"), "# mine\nlisten: :1\nidle-timeout: 90s\nadmin: :2\nlog-max-size: 1.5GiB\naccess-log: a.log\n")
	out, errs, code := runIn(t, dir, []string{"FULLBORE_LISTEN=:3", "FULLBORE_ADMIN=:4", "FULLBORE_CONFIG=fullbore.yaml"},
		"config", "/srv/files", "--admin", ":5", "--watch-webhook=https://u:secret@example.org/")
	if code != 0 || errs != "" {
		t.Fatalf("exit status %d: %s", code, errs)
	}
	got := map[string]string{}
	for line := range strings.Lines(out) {
		setting, source, _ := strings.Cut(strings.TrimSpace(line), " # ")
		got[strings.TrimSpace(setting)] = source
	}
	for setting, source := range map[string]string{
		"path: /srv/files":                          "PATH",
		`listen: [":3"]`:                            "FULLBORE_LISTEN",
		`admin: ":5"`:                               "--admin",
		"idle-timeout: 1m30s":                       "fullbore.yaml:3",
		"log-max-size: 1536MiB":                     "fullbore.yaml:5",
		"access-log: a.log":                         "fullbore.yaml:6",
		"drain-timeout: 30s":                        "default",
		`watch-webhook: "https://***@example.org/"`: "--watch-webhook, masked",
	} {
		if got[setting] != source {
			t.Errorf("%s is from %q, want %q:\n%s", setting, got[setting], source, out)
		}
	}
	if strings.Contains(out, "secret") {
		t.Errorf("the secret is shown:\n%s", out)
	}
}

func TestConfigLoadsWhatItPrints(t *testing.T) {
	dir := t.TempDir()
	values := func(args ...string) (text, plain string) {
		t.Helper()
		out, errs, code := runIn(t, dir, nil, append([]string{"config"}, args...)...)
		if code != 0 {
			t.Fatalf("%q: exit status %d: %s", args, code, errs)
		}
		for line := range strings.Lines(out) {
			setting, _, _ := strings.Cut(line, " # ") // the source differs
			plain += strings.TrimSpace(setting) + "\n"
		}
		return out, plain
	}
	file := filepath.Join(dir, "again.yaml")
	for _, args := range [][]string{
		{},
		{"a # b: c", "--access-log", "off", "--log-format", `"${ip}" {} \ 'x'`, "--admin-hosts", "a.b,c.d", "--max-age", "8d", "--browse=false"},
	} {
		text, was := values(args...)
		writeFile(t, file, text)
		if _, is := values("--config", file); is != was {
			t.Errorf("%q: printed\n%s\nand loaded\n%s", args, was, is)
		}
	}
	// The file to begin with, as it is and with every setting in use.
	_, defaults := values()
	text, _, _ := runIn(t, dir, nil, "config", "--default")
	for _, content := range []string{text, strings.NewReplacer("\n# ", "\n# ", "\n#", "\n").Replace(text)} {
		writeFile(t, file, content)
		if _, is := values("--config", file); is != defaults {
			t.Errorf("%s\nis not the defaults but\n%s", content, is)
		}
	}
}

// A wrong file is one line and exit status 2, for the check and for the server.
func TestWrongConfigIsOneLineWithItsPlace(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct {
		file string
		env  string
		want string
	}{
		{"\n\nidle-timeout: soon\n", "", `fullbore.yaml:3: idle-timeout: "soon": want a duration such as 30s`},
		{"max-age: 5\n", "", `fullbore.yaml:1: max-age: "5": want a duration such as 30s`},
		{"listen: :0\nlistn: :0\n", "", "fullbore.yaml:2: listn: no such key; did you mean listen?"},
		{"listen: :0\nlisten: :0\n", "", "fullbore.yaml:2: listen: is set in line 1 already"},
		{"listen:\n- :0\n- 127.0.0.1\n", "", `fullbore.yaml:1: listen: "127.0.0.1": want host:port, such as 127.0.0.1:8080 or :8080, or unix:FILE`},
		{"listen: 999.1.1.1:99999\n", "", `fullbore.yaml:1: listen: "999.1.1.1:99999": 999.1.1.1 is no IP address`},
		{"watch:\n  every: 1s\n", "", "fullbore.yaml:1: watch: no such key; see fullbore config --default"},
		{"listen:\n  port: 1\n", "", "fullbore.yaml:1: listen: has keys of its own: want one value"},
		{"hidden: null\n", "", "fullbore.yaml:1: hidden: has no value: give it one, or leave the key out for the default"},
		{"hidden: [\n", "", "fullbore.yaml:1: not YAML: "},
		{"browse: false\nreadme: true\n", "", "fullbore.yaml:2: readme: shows a file above a listing, but browse (fullbore.yaml:1) is false, which lists nothing"},
		{"browse: false\n", "FULLBORE_README=1", "FULLBORE_README: shows a file above a listing, but browse (fullbore.yaml:1) is false, which lists nothing"},
		{"hidden: true\n", "FULLBORE_MAX_AGE=1", `FULLBORE_MAX_AGE="1": want a duration such as 30s`},
		{strings.Repeat("# \n", 400_000), "", "fullbore.yaml: larger than 1 MiB"},
		{"hidden: true\n", "FULLBORE_CONFIG=missing.yaml", "missing.yaml: no such file or directory"},
		{"hidden: true\n", "FULLBORE_CONFIG=.", ".: not a regular file"},
	} {
		writeFile(t, filepath.Join(dir, "fullbore.yaml"), test.file)
		for _, command := range []string{"config", "serve"} {
			_, errs, code := runIn(t, dir, []string{"FULLBORE_CONFIG=fullbore.yaml", test.env}, command, dir)
			if code != 2 || !strings.HasPrefix(errs, "fullbore: "+test.want) || strings.Count(errs, "\n") != 1 {
				t.Errorf("%s of %.40q: exit status %d\n got %q\nwant %q", command, test.file, code, errs, test.want)
			}
		}
	}
	if out, code := run(t, "config", "--default", "--markdown"); code != 2 || strings.Count(out, "\n") != 1 {
		t.Errorf("exit status %d: %q", code, out)
	}
}

func TestServeByAFileAlone(t *testing.T) {
	files := folderWith(t, "file", "here")
	file := filepath.Join(t.TempDir(), "fullbore.yaml")
	writeFile(t, file, "path: "+files+"\nlisten: 127.0.0.1:0\nadmin: 127.0.0.1:0\naccess-log: 'off'\nmax-age: 1d\n")
	s := startPlain(t, []string{"FULLBORE_CONFIG=" + file, "FULLBORE_LISTN=:1"})
	resp, err := http.Get(s.url("/file"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Cache-Control"); resp.StatusCode != 200 || got != "public, max-age=86400" {
		t.Errorf("%s, Cache-Control %q", resp.Status, got)
	}
	s.stderr.count(t, "FULLBORE_LISTN is not a setting; did you mean FULLBORE_LISTEN?", 1)
	admin := strings.TrimPrefix(s.stderr.wait(t, "admin http://"), "admin http://")
	// The health check finds the listener by the same file, and needs no file if
	// it is told.
	writeFile(t, file, "admin: "+admin+"\n")
	if out, code := run(t, "health", "--config", file); code != 0 {
		t.Errorf("%d %q", code, out)
	}
	writeFile(t, file, "\"\n")
	if out, code := run(t, "health", "--config", file, "--admin", admin); code != 0 {
		t.Errorf("%d %q", code, out)
	}
}

func TestShellsCompleteSettings(t *testing.T) {
	for _, command := range []string{"serve", "config"} {
		for flag, words := range map[string]string{
			"--config":       "yaml\nyml\n:8\n", // a filter on the names of files
			"--log-format":   "json\ncombined\ncommon\nconsole\n:4\n",
			"--event-format": "auto\ntext\njson\n:4\n",
			"--access-log":   "-\noff\n:0\n",
			"--csp":          "strict\nnone\n:4\n",
		} {
			if out, _, code := runIn(t, ".", nil, "__complete", command, flag, ""); code != 0 || out != words {
				t.Errorf("%s %s: %d %q, want %q", command, flag, code, out, words)
			}
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if out, _, code := runIn(t, ".", nil, "completion", shell); code != 0 || !strings.Contains(out, "fullbore") {
			t.Errorf("%s: %d %s", shell, code, fmt.Sprintf("%.100q", out))
		}
	}
}
