//go:build unix

package e2e

// Programs that find files by the listing: none is told how, by header or flag.

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// awkwardNames are those that a link or a line of HTML can get wrong.
var awkwardNames = []string{
	"plain.txt", "with space.txt", "two  spaces", "amp&ersand", "&amp;", "&#65;", "hash#", "#", "100%", "%41%zz", "q?a=b&c", "?",
	"double\"quote", "it's", "a:b", "http:x", "c:", "-dash", "--help", "bad\xffutf8", "\xe9 latin1", "composed \u00e9", "decomposed e\u0301", "\u212b ngstrom", "party 🎉",
	"👩‍👩‍👧", "日本", "semi;colon", "plus+", "[br]{ace}", "<b>bold", "$(x)`y`", "a=b", "comma,", "~a", "(par)",
}

// awkwardTree has these names in three folders; without leaves out what a program cannot
// take, from whatever server.
func awkwardTree(t *testing.T, without ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	at := time.Date(2020, 3, 4, 5, 6, 7, 0, time.UTC)
	for _, folder := range []string{".", "folder & more #1", "folder & more #1/100% deep?"} {
		if slices.Contains(without, "#/") {
			folder = strings.NewReplacer(" #1", "", "?", "").Replace(folder)
		}
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range awkwardNames {
			if slices.Contains(without, name) {
				continue
			}
			path := filepath.Join(dir, folder, name)
			write(t, path, folder+"/"+name)
			if err := os.Chtimes(path, at, at); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// The index is as good as nginx's: the same mirror in the same number of requests.
func TestMirrorTakesNoMoreRequestsThanNginx(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		args    []string
		without []string
	}{
		{"wget -r", []string{"wget", "--no-config", "-q", "-r", "-np", "-nH", "-l", "inf", "URL"}, []string{"%41%zz", "\xe9 latin1", "bad\xffutf8"}}, // it decodes %41 twice, and encodes Latin-1
		{"wget -m", []string{"wget", "--no-config", "-q", "-m", "-nH", "URL"}, []string{"%41%zz", "\xe9 latin1", "bad\xffutf8"}},
		{"lftp", []string{"lftp", "-c", "open URL && mirror --no-perms"}, []string{"~a"}}, // a home folder to it
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			needTool(t, test.args[0])
			dir, log := awkwardTree(t, test.without...), filepath.Join(t.TempDir(), "log")
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			nginx := startNginx(t, fmt.Sprintf("root %s; autoindex on; access_log %s;", dir, log))
			s := start(t, dir)
			mirror := func(url string) {
				t.Helper()
				into := t.TempDir()
				var args []string
				for _, arg := range test.args[1:] {
					args = append(args, strings.ReplaceAll(arg, "URL", url))
				}
				succeed(t, program(t, into, test.args[0], args...))
				if url != "http://"+nginx+"/" { // which cuts long names short, but not these
					sameTree(t, dir, into)
				}
			}
			mirror(s.url("/"))
			mirror("http://" + nginx + "/")
			waitUntil(t, "nginx has logged", func() bool { return strings.Contains(read(t, log), "deep%3F/") })
			if ours, theirs := len(s.wholeLog()), strings.Count(read(t, log), "\n"); ours > theirs {
				t.Errorf("%d requests; of nginx it asks for %d", ours, theirs)
			}
		})
	}
}

// -N asks again for what is newer only, -c for what is missing.
func TestWgetUpdatesAMirror(t *testing.T) {
	t.Parallel()
	dir, into := t.TempDir(), t.TempDir()
	noise(t, filepath.Join(dir, "kept"), 300_000, 41)
	noise(t, filepath.Join(dir, "changed"), 300_000, 42)
	noise(t, filepath.Join(dir, "cut"), 300_000, 43)
	s := start(t, dir)
	wget(t, into, "-m", "-nH", s.url("/"))
	sameTree(t, dir, into)
	noise(t, filepath.Join(dir, "changed"), 310_000, 44)
	aged(t, filepath.Join(dir, "changed"), time.Minute)
	wget(t, into, "-r", "-N", "-nH", s.url("/"))
	if err := os.Truncate(filepath.Join(into, "cut"), 100_000); err != nil {
		t.Fatal(err)
	}
	wget(t, into, "-r", "-c", "-nH", s.url("/"))
	sameTree(t, dir, into)
	records := s.wholeLog()
	for path, want := range map[string][]int{"/kept": {200, 304, 416}, "/changed": {200, 200, 416}, "/cut": {200, 206, 304}} {
		if got := statusesOf(records, path); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
}

func TestLftpListsSizesAndDates(t *testing.T) {
	t.Parallel()
	dir := awkwardTree(t)
	s := start(t, dir)
	said := succeed(t, program(t, dir, "lftp", "-c", "open "+s.url("/")+" && cls -l && ls"))
	size := len("./with space.txt")
	for _, want := range []string{
		fmt.Sprintf(`(?m)^-rw-r--r-- +%d Mar +4 +2020 with space\.txt$`, size),
		fmt.Sprintf(`(?m)^-rw-r--r-- +%d +2020-03-04 05:06 +with space\.txt$`, size),
		`(?m)^drwxr-xr-x .* folder & more #1/?$`,
	} {
		if !regexp.MustCompile(want).MatchString(said) {
			t.Errorf("no line like %s in\n%s", want, said)
		}
	}
}

func TestRclone(t *testing.T) {
	t.Parallel()
	dir, into := awkwardTree(t), t.TempDir()
	s := start(t, dir)
	rclone := func(args ...string) string {
		t.Helper()
		return succeed(t, program(t, into, "rclone", append(args, "--http-url", s.url("/"))...))
	}
	listed := rclone("lsf", ":http:")
	for _, name := range append([]string{"folder & more #1/"}, awkwardNames...) {
		if !strings.HasPrefix(name, "bad") && !strings.HasPrefix(name, "\xe9") && !strings.Contains("\n"+listed, "\n"+name+"\n") {
			t.Errorf("%q is not listed in %q", name, listed)
		}
	}
	rclone("copy", ":http:", into)
	sameTree(t, dir, into)
	if said := rclone("check", "--download", ":http:", into); !strings.Contains(said, "0 differences found") {
		t.Errorf("rclone check says\n%s", said)
	}
}

func TestWget2Mirrors(t *testing.T) {
	t.Parallel()
	// It takes a # in the name of a folder for the beginning of a fragment.
	dir, into := awkwardTree(t, "%41%zz", "\xe9 latin1", "bad\xffutf8", "#/"), t.TempDir()
	s := start(t, dir)
	succeed(t, program(t, into, "wget2", "-q", "-m", "-nH", s.url("/")))
	sameTree(t, dir, into)
}

// What people write in a hurry.
func TestScriptsReadTheIndex(t *testing.T) {
	t.Parallel()
	needTool(t, "python3")
	dir := awkwardTree(t)
	s := start(t, dir)
	script := `
import re, sys, urllib.parse, urllib.request
html = urllib.request.urlopen(sys.argv[1]).read().decode()
for href, text, date, size in re.findall(r'<a href="([^"]+)">(.+?)</a>\s+(\S+ \S+)\s+(\d+|-)', html):
    if not href.endswith('/'):
        body = urllib.request.urlopen(urllib.parse.urljoin(sys.argv[1], href)).read()
        assert len(body) == int(size) and date == '04-Mar-2020 05:06', (href, date, size)
        assert body == b'./' + urllib.parse.unquote_to_bytes(href), (href, body)
        print(href)
`
	said := succeed(t, program(t, dir, "python3", "-c", script, s.url("/")))
	if lines := strings.Count(said, "\n"); lines != len(awkwardNames) {
		t.Errorf("%d files of %d: %s", lines, len(awkwardNames), said)
	}
}
