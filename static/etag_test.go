package static

// Which versions share an entity tag: RFC 9110 section 8.8.

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fullbore/static/source"
)

// Of each kind of time: whether two files of equal size and time share the tag, as a copy
// on another server does, and whether the tag is strong.
func TestWhoSharesATag(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 600_000_000, time.UTC)
	whole, day := now.Truncate(time.Second), 24*time.Hour
	const own, shared, strong, weak, dated, undated = false, true, false, true, true, false
	for _, test := range []struct {
		name                string
		mod                 time.Time
		shared, weak, dated bool
	}{
		{"an hour ago", now.Add(-time.Hour), shared, strong, dated},
		{"an hour ago, whole seconds", whole.Add(-time.Hour), shared, strong, dated},
		{"at the first moment of 1981", time.Date(1981, 1, 1, 0, 0, 0, 0, time.UTC), shared, strong, dated},
		{"npm's second, a nanosecond later", time.Unix(499162500, 1), shared, strong, dated},

		// Recent: the clock may not tell a second write.
		{"at this moment", now, shared, weak, dated},
		{"a millisecond ago", now.Add(-time.Millisecond), shared, weak, dated},
		{"just within a tick", now.Add(-tick + 1), shared, weak, dated},
		{"a tick ago", now.Add(-tick), shared, strong, dated},
		{"whole seconds, now", whole, shared, weak, dated},
		{"whole seconds, a second ago", whole.Add(-time.Second), shared, weak, dated},
		{"whole seconds, two ago", whole.Add(-2 * time.Second), shared, strong, dated},

		// Placeholders.
		{"0: OSTree", time.Unix(0, 0), own, strong, undated},
		{"1: Nix", time.Unix(1, 0), own, strong, undated},
		{"before 1970", time.Unix(-1, 0), own, strong, undated},
		{"0 with a fraction", time.Unix(0, 500), own, strong, undated},
		{"zip archives", time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC), own, strong, undated},
		{"zip archives, in Honolulu", time.Date(1980, 1, 1, 0, 0, 0, 0, time.FixedZone("", -10*3600)), own, strong, undated},
		{"Gradle", time.Date(1980, 2, 1, 0, 0, 0, 0, time.UTC), own, strong, undated},
		{"npm", time.Date(1985, 10, 26, 8, 15, 0, 0, time.UTC), own, strong, undated},
		{"Bazel", time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), own, strong, undated},

		// The future.
		{"a nanosecond ahead", now.Add(1), own, strong, undated},
		{"an hour ahead", now.Add(time.Hour), own, strong, undated},
		{"a second ahead, whole seconds", whole.Add(time.Second), own, strong, undated},
		{"2038", time.Unix(1<<31-1, 0), own, strong, undated},
		{"2106", time.Unix(1<<32-1, 0), own, strong, undated},
	} {
		a := validatorsOf(ETagAuto, source.Info{Size: 1, ModTime: test.mod, Inode: 2}, now.Add(-day), now)
		for what, b := range map[string]validators{
			"on another server":               validatorsOf(ETagAuto, source.Info{Size: 1, ModTime: test.mod, Inode: 3}, now.Add(-2*day), now),
			"in its place, of the same inode": validatorsOf(ETagAuto, source.Info{Size: 1, ModTime: test.mod, Inode: 2}, now.Add(-day/2), now),
		} {
			if (a.etag == b.etag) != test.shared {
				t.Errorf("%s: a file has %s, one %s %s", test.name, a.etag, what, b.etag)
			}
		}
		if strings.HasPrefix(a.etag, "W/") != test.weak || !strings.HasSuffix(a.etag, `"`) {
			t.Errorf("%s: the tag is %s", test.name, a.etag)
		}
		if a.modTime.IsZero() == test.dated {
			t.Errorf("%s: the date is %v", test.name, a.modTime)
		}
		if other := validatorsOf(ETagAuto, source.Info{Size: 2, ModTime: test.mod, Inode: 2}, now.Add(-day), now); weakEqual(a.etag, other.etag) {
			t.Errorf("%s: whatever its size, a file has %s", test.name, a.etag)
		}
		// Weak or not, it names the same version: section 8.8.3.2.
		if later := validatorsOf(ETagAuto, source.Info{Size: 1, ModTime: test.mod, Inode: 2}, now.Add(-day), now.Add(time.Minute)); test.dated && !weakEqual(a.etag, later.etag) {
			t.Errorf("%s: the tag is %s, a minute later %s", test.name, a.etag, later.etag)
		}
	}
}

// Where the modification time says nothing, the time of change has to.
func TestTagOfAPlaceholderByItsTimeOfChange(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 600_000_000, time.UTC)
	for _, test := range []struct {
		name    string
		changed time.Time
		want    string
	}{
		{"at rest", now.Add(-time.Hour), `"a-0-2-`},
		{"within a tick", now.Add(-time.Millisecond), `W/"a-0-2-`},
		{"within two seconds, by a coarse clock", now.Truncate(time.Second), `W/"a-0-2-`},
		{"in the future", now.Add(time.Hour), `W/"a-0-2-`},
		{"unknown", time.Time{}, ``},
	} {
		v := validatorsOf(ETagAuto, source.Info{Size: 10, ModTime: time.Unix(0, 0), Inode: 2}, test.changed, now)
		if !strings.HasPrefix(v.etag, test.want) || (v.etag == "") != (test.want == "") {
			t.Errorf("%s: %s, want %s", test.name, v.etag, test.want)
		}
	}
}

// The name that a source has for a version is the tag, by whatever rule and time.
func TestTagOfAVersionWithAName(t *testing.T) {
	now := time.Now()
	for rule, want := range map[string]string{
		ETagAuto: `"a%22b"`, ETagInode: `"a%22b"`, ETagSeconds: `"a%22b"`, ETagWeak: `W/"a%22b"`, ETagOff: ``,
	} {
		for mod, dated := range map[time.Time]bool{now.Add(-time.Hour): true, now: true, time.Unix(1, 0): false, now.Add(time.Hour): false, {}: false} {
			v := validatorsOf(rule, source.Info{Size: 1, ModTime: mod, Version: `a"b`}, time.Time{}, now)
			if v.etag != want || v.modTime.IsZero() == dated {
				t.Errorf("%s, %v: %s and %v, want %s", rule, mod, v.etag, v.modTime, want)
			}
		}
	}
}

func TestETagRules(t *testing.T) {
	old, placeholder := time.Unix(0x5f000000, 0xff), time.Unix(1, 0)
	now := old.Add(time.Hour)
	for _, test := range []struct {
		rule string
		mod  time.Time
		want string
	}{
		{ETagAuto, old, `"a-161e70f6000000ff"`},
		{ETagInode, old, `"a-161e70f6000000ff-2"`},
		{ETagSeconds, old, `"5f000000-a"`}, // what nginx gives
		{ETagWeak, old, `W/"a-161e70f6000000ff"`},
		{ETagOff, old, ``},
		{ETagAuto, placeholder, `"a-3b9aca00-2-161e70f5a5e0b6ff"`},
		{ETagInode, placeholder, `"a-3b9aca00-2-161e70f5a5e0b6ff"`},
		{ETagSeconds, placeholder, `"a-3b9aca00-2-161e70f5a5e0b6ff"`},
		{ETagWeak, placeholder, `W/"a-3b9aca00-2-161e70f5a5e0b6ff"`},
		{ETagOff, placeholder, ``},
		{ETagSeconds, now.Add(-time.Second), `W/"5f000e0f-a"`}, // whole seconds, within two
	} {
		v := validatorsOf(test.rule, source.Info{Size: 10, ModTime: test.mod, Inode: 2}, now.Add(-time.Hour-1512*time.Millisecond), now)
		if v.etag != test.want {
			t.Errorf("%s, %v: %s, want %s", test.rule, test.mod, v.etag, test.want)
		}
	}
	if _, err := Open(t.TempDir(), Config{ETag: "strong"}); err == nil || !strings.Contains(err.Error(), "strong") {
		t.Errorf("of a rule that is none: %v", err)
	}
}

// Copies by the programs that people make replicas with.
func TestCopiesWithTheirTimesHaveTheSameTag(t *testing.T) {
	here, there := t.TempDir(), t.TempDir()
	write(t, here, "f", "content")
	mod := time.Now().Add(-time.Hour).Truncate(time.Second).Add(123456789)
	if err := os.Chtimes(filepath.Join(here, "f"), mod, mod); err != nil {
		t.Fatal(err)
	}
	one := ask(t, serve(t, "/", here), "GET", "/f")
	copies := 0
	for name, command := range map[string][]string{
		"cp":    {"cp", "-p"},
		"rsync": {"rsync", "-a"},
	} {
		if _, err := exec.LookPath(command[0]); err != nil {
			t.Logf("without %s: %v", command[0], err)
			continue
		}
		copies++
		into := filepath.Join(there, name)
		out, err := exec.Command(command[0], append(command[1:], filepath.Join(here, "f"), into)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v, %s", name, err, out)
		}
		for _, rule := range []string{ETagAuto, ETagSeconds, ETagInode} {
			one := ask(t, serve(t, "/", here, Config{ETag: rule}), "GET", "/f")
			other := ask(t, serve(t, "/", there, Config{ETag: rule}), "GET", "/"+name)
			if tag := other.Header.Get("ETag"); (tag == one.Header.Get("ETag")) != (rule != ETagInode) || !strings.HasPrefix(tag, `"`) {
				t.Errorf("%s, %s: the tag is %s, of the copy %s", name, rule, one.Header.Get("ETag"), tag)
			}
		}
		resumed := ask(t, serve(t, "/", there), "GET", "/"+name, "Range: bytes=3-", "If-Range: "+one.Header.Get("ETag"))
		if resumed.StatusCode != 206 || resumed.body != "tent" {
			t.Errorf("%s: resuming there: %d %q", name, resumed.StatusCode, resumed.body)
		}
	}
	if copies == 0 {
		t.Skip("neither cp nor rsync")
	}
}

// A file that is exchanged for one of equal size, with a time that says nothing, in each
// of the ways in which people do it.
func TestExchangedFileWithAPlaceholderTime(t *testing.T) {
	exchange := map[string]func(full string) error{
		"by a rename": func(full string) error {
			if err := os.WriteFile(full+".new", []byte("second"), 0o644); err != nil {
				return err
			}
			return os.Rename(full+".new", full)
		},
		"in place": func(full string) error { return os.WriteFile(full, []byte("second"), 0o644) },
		"removed and made again, as often of the same inode": func(full string) error {
			if err := os.Remove(full); err != nil {
				return err
			}
			return os.WriteFile(full, []byte("second"), 0o644)
		},
	}
	for way, do := range exchange {
		for _, mod := range []time.Time{time.Unix(0, 0), time.Unix(1, 0), time.Now().Add(time.Hour)} {
			dir := t.TempDir()
			s := serveOn(t, onWire, "/", dir)
			full := write(t, dir, "f", "first!")
			stamp := func() {
				if err := os.Chtimes(full, mod, mod); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * tick) // until the clock can tell
			}
			stamp()
			first := s.ask(t, "GET", "/f")
			tag := first.Header.Get("ETag")
			if strings.HasPrefix(tag, "W/") || tag == "" {
				t.Fatalf("%s, %v: the tag is %q", way, mod, tag)
			}
			if date, ok := first.Header["Last-Modified"]; ok {
				t.Errorf("%s, %v: Last-Modified is %s", way, mod, date)
			}
			if again := s.ask(t, "GET", "/f", "If-None-Match: "+tag); again.StatusCode != 304 {
				t.Errorf("%s, %v: unchanged, and still %d", way, mod, again.StatusCode)
			}
			if err := do(full); err != nil {
				t.Fatal(err)
			}
			stamp()
			for _, header := range []string{"If-None-Match: " + tag, "Range: bytes=1-\r\nIf-Range: " + tag, "If-Modified-Since: " + time.Now().UTC().Format(imfFixdate)} {
				if got := s.ask(t, "GET", "/f", header); got.StatusCode != 200 || got.body != "second" {
					t.Errorf("%s, %v: exchanged, %s: %d %q", way, mod, header, got.StatusCode, got.body)
				}
			}
			if got := s.ask(t, "GET", "/f", "If-Match: "+tag); got.StatusCode != 412 {
				t.Errorf("%s, %v: exchanged, If-Match: %d", way, mod, got.StatusCode)
			}
		}
	}
}

// gzip keeps the time of the file, and another coding is another representation:
// section 8.8.3.3.
func TestTagsOfPrecompressedFilesOfEqualSizeAndTime(t *testing.T) {
	dir := t.TempDir()
	at := time.Now().Add(-time.Hour)
	for _, name := range []string{"f.txt", "f.txt.gz", "f.txt.br", "f.txt.zst"} {
		if err := os.Chtimes(write(t, dir, name, "8 bytes."), at, at); err != nil {
			t.Fatal(err)
		}
	}
	addr := serve(t, "/", dir, Config{Precompressed: true})
	seen := map[string]string{}
	for _, coding := range []string{"identity", "gzip", "br", "zstd"} {
		tag := ask(t, addr, "GET", "/f.txt", "Accept-Encoding: "+coding).Header.Get("ETag")
		if before, ok := seen[tag]; ok || !strings.HasPrefix(tag, `"`) {
			t.Errorf("%s has %s, as has %s", coding, tag, before)
		}
		seen[tag] = coding
	}
}
