//go:build unix

package e2e

// Programs that fetch one file after the other, or parts of one: package managers, version
// control, media players, virtual disks.

import (
	"archive/zip"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestCurlSavesByTheNameItIsTold(t *testing.T) {
	t.Parallel()
	dir, into := t.TempDir(), t.TempDir()
	names := []string{"plain.iso", "with space.iso", "100%", "q?x&y#z", "it's", "semi;colon", "-dash"}
	var urls []string
	s := start(t, dir, "--download")
	for i, name := range names {
		noise(t, filepath.Join(dir, name), 100_000, byte(50+i))
		encoded := strings.NewReplacer("%", "%25", " ", "%20", "?", "%3F", "#", "%23").Replace(name)
		curl(t, into, "-f", "-OJ", s.url("/"+encoded))
		urls = append(urls, "-o", "parallel-"+name, s.url("/"+encoded))
	}
	sameTree(t, dir, into)
	curl(t, into, append([]string{"-f", "--parallel"}, urls...)...)
	for _, name := range names {
		if sha256Of(t, filepath.Join(into, "parallel-"+name)) != sha256Of(t, filepath.Join(dir, name)) {
			t.Errorf("%s is not the original", name)
		}
	}
}

func TestAxel(t *testing.T) {
	t.Parallel()
	dir, into := t.TempDir(), t.TempDir()
	sum := noise(t, filepath.Join(dir, "file"), 32<<20, 61)
	s := start(t, dir)
	succeed(t, program(t, into, "axel", "-n", "8", "-q", s.url("/file")))
	if sha256Of(t, filepath.Join(into, "file")) != sum {
		t.Error("the file is not the original")
	}
	if n := statuses(s.wholeLog()); n[206] < 8 {
		t.Errorf("answered with %v, want 8 ranges", n)
	}
}

func TestWget2TakesAFileInChunks(t *testing.T) {
	t.Parallel()
	dir, into := t.TempDir(), t.TempDir()
	sum := noise(t, filepath.Join(dir, "file"), 32<<20, 62)
	s := start(t, dir)
	succeed(t, program(t, into, "wget2", "-q", "--chunk-size=4M", "--max-threads=5", s.url("/file")))
	if sha256Of(t, filepath.Join(into, "file")) != sum {
		t.Error("the file is not the original")
	}
}

// wheel makes the smallest package that pip installs.
func wheel(t *testing.T, dir, name string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, name+"-1.0-py3-none-any.whl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, info := zip.NewWriter(f), name+"-1.0.dist-info/"
	for file, content := range map[string]string{
		name + ".py":      "value = 42\n",
		info + "METADATA": "Metadata-Version: 2.1\nName: " + name + "\nVersion: 1.0\n",
		info + "WHEEL":    "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
		info + "RECORD":   name + ".py,,\n" + info + "METADATA,,\n" + info + "WHEEL,,\n" + info + "RECORD,,\n",
	} {
		w, err := z.Create(file)
		if err == nil {
			_, err = w.Write([]byte(content))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
}

// The package is the last of more than a page for people has.
func TestPipFindsLinks(t *testing.T) {
	t.Parallel()
	needTool(t, "pip3")
	dir, into := t.TempDir(), t.TempDir()
	wheel(t, dir, "zwheel")
	for i := range 1200 {
		write(t, filepath.Join(dir, fmt.Sprintf("other-1.%d-py3-none-any.whl", i)), "")
	}
	s := start(t, dir)
	pip := func(args ...string) {
		t.Helper()
		succeed(t, program(t, into, "python3", append([]string{"-m", "pip", "-q", "--isolated", "--disable-pip-version-check", "--no-cache-dir"}, args...)...))
	}
	pip("download", "--no-index", "--find-links", s.url("/"), "-d", into, "zwheel")
	if name := "zwheel-1.0-py3-none-any.whl"; sha256Of(t, filepath.Join(into, name)) != sha256Of(t, filepath.Join(dir, name)) {
		t.Error("the wheel is not the original")
	}
	pip("install", "--no-index", "--find-links", s.url("/"), "--target", filepath.Join(into, "site"), "zwheel")
	if got := read(t, filepath.Join(into, "site", "zwheel.py")); got != "value = 42\n" {
		t.Errorf("installed %q", got)
	}
}

// A repository in a folder, without git on the server: the dumb protocol.
func TestGitClones(t *testing.T) {
	t.Parallel()
	dir, work, into := t.TempDir(), t.TempDir(), t.TempDir()
	git := func(dir string, args ...string) string {
		t.Helper()
		return succeed(t, program(t, dir, "git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"}, args...)...))
	}
	git(work, "init", "-q")
	for i := range 3 {
		noise(t, filepath.Join(work, "noise"), 200_000+int64(i), byte(90+i)) // of another size, or git may take it for the same
		write(t, filepath.Join(work, "näme #1"), strings.Repeat("x", i))
		git(work, "add", ".")
		git(work, "commit", "-q", "-m", "change")
	}
	git(work, "clone", "-q", "--bare", work, filepath.Join(dir, "repo.git"))
	bare := filepath.Join(dir, "repo.git")
	git(bare, "repack", "-q", "-a", "-d")
	git(bare, "update-server-info")
	s := start(t, dir)
	git(into, "clone", "-q", s.url("/repo.git"), "clone")
	git(filepath.Join(into, "clone"), "fsck", "--strict")
	if ours, theirs := git(filepath.Join(into, "clone"), "rev-parse", "HEAD"), git(work, "rev-parse", "HEAD"); ours != theirs {
		t.Errorf("cloned %s of %s", ours, theirs)
	}
	for _, name := range []string{"noise", "näme #1"} {
		if sha256Of(t, filepath.Join(into, "clone", name)) != sha256Of(t, filepath.Join(work, name)) {
			t.Errorf("%s is not the original", name)
		}
	}
}

func TestFfmpegSeeks(t *testing.T) {
	t.Parallel()
	dir, into := t.TempDir(), t.TempDir()
	succeed(t, program(t, dir, "ffmpeg", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=40",
		"-c:v", "mpeg4", "-b:v", "4M", "video.mp4"))
	s := start(t, dir)
	frame := func(from, to string) {
		t.Helper()
		succeed(t, program(t, into, "ffmpeg", "-nostdin", "-loglevel", "error", "-ss", "31.5", "-i", from, "-frames:v", "1", to))
	}
	frame(filepath.Join(dir, "video.mp4"), "local.png")
	frame(s.url("/video.mp4"), "remote.png")
	if read(t, filepath.Join(into, "local.png")) != read(t, filepath.Join(into, "remote.png")) {
		t.Error("another frame")
	}
	records := s.wholeLog()
	if !slices.ContainsFunc(records, func(r record) bool { return r.Status == 206 && !strings.HasPrefix(r.Range, "0-") }) {
		t.Errorf("it did not seek: %+v", records)
	}
}

// A disk image as a block device.
func TestNbdkitServesADisk(t *testing.T) {
	t.Parallel()
	needTool(t, "qemu-img")
	dir, into := t.TempDir(), t.TempDir()
	sum := noise(t, filepath.Join(dir, "disk.img"), 24<<20, 63)
	s := start(t, dir)
	succeed(t, program(t, into, "nbdkit", "-U", "-", "-r", "curl", s.url("/disk.img"), "--run", `qemu-img convert -f raw -O raw "$nbd" disk.img`))
	if sha256Of(t, filepath.Join(into, "disk.img")) != sum {
		t.Error("the disk is not the original")
	}
	if n := statuses(s.wholeLog()); n[206] == 0 {
		t.Errorf("answered with %v, want ranges", n)
	}
}
