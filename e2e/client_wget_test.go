//go:build unix

package e2e

// wget: resuming, timestamping and mirroring.

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestWgetResumesWhatWasInterrupted(t *testing.T) {
	t.Parallel()
	dir, into := t.TempDir(), t.TempDir()
	out := filepath.Join(into, "file")
	const size = 48 << 20
	sum := noise(t, filepath.Join(dir, "file"), size, 6)
	s := start(t, dir)
	slow := program(t, into, "wget", "--no-config", "-q", "--limit-rate=1m", s.url("/file"))
	killWhen(t, slow, func() bool { return sizeOf(out) > 256<<10 })
	kept := sizeOf(out)
	wget(t, into, "-c", s.url("/file"))
	if sha256Of(t, out) != sum {
		t.Error("the resumed file is not the original")
	}
	// Nothing is left to resume, and wget must understand that.
	said := succeed(t, program(t, into, "wget", "--no-config", "-c", s.url("/file")))
	if !strings.Contains(said, "already fully retrieved") || sha256Of(t, out) != sum {
		t.Errorf("of a file that is complete wget says:\n%s", said)
	}
	checkResumed(t, s.wholeLog(), kept, size)
}

func TestWgetTimestamping(t *testing.T) {
	t.Parallel()
	dir, into := t.TempDir(), t.TempDir()
	file, out := filepath.Join(dir, "file"), filepath.Join(into, "file")
	write(t, file, "first")
	aged(t, file, time.Hour)
	s := start(t, dir)
	for i, want := range []string{"first", "first", "second"} {
		if i == 2 {
			write(t, file, "second")
			aged(t, file, time.Minute)
		}
		wget(t, into, "-N", s.url("/file"))
		if got := read(t, out); got != want {
			t.Errorf("after %d: %q, want %q", i, got, want)
		}
		a, errA := os.Stat(file)
		b, errB := os.Stat(out)
		if errA != nil || errB != nil || a.ModTime().Unix() != b.ModTime().Unix() {
			t.Errorf("after %d: the copy is not as old as the file: %v, %v", i, errA, errB)
		}
	}
	if n := statuses(s.wholeLog()); n[200] != 2 || n[304] != 1 {
		t.Errorf("answered %v, want two 200 and a 304", n)
	}
}

// legalNames are file names that are legal and unwelcome. Each is one that
// wget can mirror: it decodes %41 twice, and cuts names of 255 bytes.
var legalNames = []string{
	"plain.txt", "with space.txt", " lead", "trail ", "-dash", "a:b", "http:", "a..b", "100%.txt", "%zz",
	"hash#fragment.txt", "query?a=b&c=d.txt", "?", "#", "quote\"'`.txt", "back\\slash.txt", "amp&amp;lt&lt;.txt",
	"&#x41;", "semi;colon,comma.txt", "plus+tilde~at@.txt", "[br]{ace}(par)<lt>.txt", "$(x)|*^=!.txt",
	"<img src=x onerror=alert(1)>", "javascript:alert(1)", "umlaut ü 日本 🎉.txt", "\u00e9 one point", "e\u0301 two points",
	"new\nline.txt", "return\rtab\t.txt", "escape\x1b[31m.txt", "next\u0085line", "line\u2028separator", "right\u202eto left.txt",
	"bad\xff\xfeUTF-8", strings.Repeat("l", 236),
}

// mirrorTree makes a tree of the legal names, as files and as folders.
func mirrorTree(t *testing.T, dir string) {
	t.Helper()
	folders := []string{".", "folder", "fold & er/#1?/100%", "\"><b>/日本"}
	for _, folder := range folders {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
			t.Fatal(err)
		}
		for i, name := range legalNames {
			if folder == "." || i%4 == 0 {
				write(t, filepath.Join(dir, folder, name), folder+name)
			}
		}
	}
}

func TestWgetMirrorsATreeOfNastyNames(t *testing.T) {
	t.Parallel()
	dir, into := t.TempDir(), t.TempDir()
	mirrorTree(t, dir)
	s := start(t, dir)
	said := wget(t, into, "-r", "-l", "inf", "-np", "-nH", "-e", "robots=off",
		"--restrict-file-names=nocontrol", "--local-encoding=UTF-8", "--remote-encoding=UTF-8", s.url("/"))
	if files := sameTree(t, dir, into); files < len(legalNames) {
		t.Fatalf("%d files", files)
	}
	if t.Failed() {
		t.Log(said)
	}
	for _, r := range s.wholeLog() {
		if r.Status != 200 {
			t.Errorf("a link of the listing was answered with %d: %+v", r.Status, r)
		}
	}
}
