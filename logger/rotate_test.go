package logger

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func openRotating(t *testing.T, name string, config RotateConfig) *RotatingFile {
	t.Helper()
	f, err := NewRotatingFile(name, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { wantErr(t, f.Close(), nil) })
	return f
}

func writeTexts(t *testing.T, w io.Writer, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if n, err := io.WriteString(w, text); n != len(text) || err != nil {
			t.Fatalf("Write(%q) = %d, %v", text, n, err)
		}
	}
}

// oldFiles lists what access.log in dir became, oldest first.
func oldFiles(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "access-*"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names) // the time in the name has a fixed width
	return names
}

func wantFiles(t *testing.T, dir string, current string, old ...string) {
	t.Helper()
	var got []string
	for _, name := range oldFiles(t, dir) {
		got = append(got, contents(t, name))
	}
	if !slices.Equal(got, old) {
		t.Errorf("old files hold %q, want %q", got, old)
	}
	wantText(t, contents(t, filepath.Join(dir, "access.log")), current)
}

func TestFileRotatesBeforeItGetsTooLarge(t *testing.T) {
	dir := t.TempDir()
	f := openRotating(t, filepath.Join(dir, "access.log"), RotateConfig{MaxSize: 8})
	writeTexts(t, f, "aaa\n", "bbb\n", "ccc\n", "ddd\neee\n", "f\n")
	wantFiles(t, dir, "f\n", "aaa\nbbb\n", "ccc\n", "ddd\neee\n")
	for _, name := range oldFiles(t, dir) {
		if !strings.HasSuffix(name, "-size.log") {
			t.Errorf("%s does not say why", name)
		}
	}
}

func TestWriteLargerThanMaxSizeIsAFileOfItsOwn(t *testing.T) {
	dir := t.TempDir()
	f := openRotating(t, filepath.Join(dir, "access.log"), RotateConfig{MaxSize: 4})
	writeTexts(t, f, "aaaaa\nbbbbb\n", "c\n")
	wantFiles(t, dir, "c\n", "aaaaa\nbbbbb\n")
}

func TestFileThatWasThereCountsForSizeAndAge(t *testing.T) {
	for name, config := range map[string]RotateConfig{
		"size": {MaxSize: 8},
		"age":  {MaxAge: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "access.log")
			wantErr(t, os.WriteFile(path, []byte("before\n"), 0o600), nil)
			old := time.Now().Add(-2 * time.Hour)
			wantErr(t, os.Chtimes(path, old, old), nil)
			f := openRotating(t, path, config)
			writeTexts(t, f, "after\n", "x\n")
			wantFiles(t, dir, "after\nx\n", "before\n")
			if got := oldFiles(t, dir)[0]; !strings.HasSuffix(got, "-"+name+".log") {
				t.Errorf("%s does not say why", got)
			}
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if got := info.Mode().Perm(); got != 0o600 {
				t.Errorf("new file has mode %o, the old one had 600", got)
			}
		})
	}
}

func TestEmptyFileDoesNotRotate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "access.log")
	wantErr(t, os.WriteFile(path, nil, 0o600), nil)
	old := time.Now().Add(-2 * time.Hour)
	wantErr(t, os.Chtimes(path, old, old), nil)
	f := openRotating(t, path, RotateConfig{MaxAge: time.Hour})
	writeTexts(t, f, "a\n", "b\n")
	wantFiles(t, dir, "a\nb\n")
}

func TestReopenOfTheSameFileDoesNotMakeItYounger(t *testing.T) {
	dir := t.TempDir()
	f := openRotating(t, filepath.Join(dir, "access.log"), RotateConfig{MaxAge: time.Hour})
	writeTexts(t, f, "a\n")
	f.began = f.began.Add(-2 * time.Hour)
	wantErr(t, f.Reopen(), nil)
	writeTexts(t, f, "b\n")
	wantFiles(t, dir, "b\n", "a\n")
}

func TestOnlyTheNewestOldFilesAreKept(t *testing.T) {
	for _, compress := range []bool{false, true} {
		t.Run(fmt.Sprintf("compress %v", compress), func(t *testing.T) {
			dir := t.TempDir()
			other := filepath.Join(dir, "access-of-somebody-else.txt")
			wantErr(t, os.WriteFile(other, nil, 0o600), nil)
			f := openRotating(t, filepath.Join(dir, "access.log"), RotateConfig{MaxSize: 1, Keep: 2, Compress: compress})
			for i := range 10 {
				writeTexts(t, f, fmt.Sprintf("%d\n", i))
			}
			wantErr(t, f.Close(), nil) // waits for the deleting and compressing
			wantErr(t, os.Remove(other), nil)
			if !compress {
				wantFiles(t, dir, "9\n", "7\n", "8\n")
				return
			}
			var got []string
			for _, name := range oldFiles(t, dir) {
				got = append(got, gunzip(t, name))
			}
			if want := []string{"7\n", "8\n"}; !slices.Equal(got, want) {
				t.Errorf("old files hold %q, want %q", got, want)
			}
		})
	}
}

func gunzip(t *testing.T, name string) string {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, err := gzip.NewReader(file)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return string(data)
}

func TestReopenAfterAMoveOpensTheNameAgain(t *testing.T) {
	dir := t.TempDir()
	name, moved := filepath.Join(dir, "access.log"), filepath.Join(dir, "moved")
	f := openRotating(t, name, RotateConfig{MaxSize: 4})
	writeTexts(t, f, "aaa\n", "bbb\n") // rotated once, so that timberjack has it open too
	wantErr(t, os.Rename(name, moved), nil)
	wantErr(t, f.Reopen(), nil)
	writeTexts(t, f, "ccc\n")
	wantText(t, contents(t, moved), "bbb\n")
	wantFiles(t, dir, "ccc\n", "aaa\n")
	writeTexts(t, f, "ddd\n") // and it still rotates
	wantFiles(t, dir, "ddd\n", "aaa\n", "ccc\n")
}

func TestRotationOfAFileThatWasMovedLeavesItAlone(t *testing.T) {
	dir := t.TempDir()
	name, moved := filepath.Join(dir, "access.log"), filepath.Join(dir, "moved")
	f := openRotating(t, name, RotateConfig{MaxSize: 8})
	writeTexts(t, f, "aaa\n")
	wantErr(t, os.Rename(name, moved), nil)
	writeTexts(t, f, "bbb\n", "ccc\n")
	wantText(t, contents(t, moved), "aaa\nbbb\n")
	wantFiles(t, dir, "ccc\n")
}

func TestReopenLetsGoOfADeletedFile(t *testing.T) {
	const descriptors = "/proc/self/fd"
	if _, err := os.ReadDir(descriptors); err != nil {
		t.Skip("cannot list open files: ", err)
	}
	name := filepath.Join(t.TempDir(), "access.log")
	f := openRotating(t, name, RotateConfig{MaxSize: 4})
	writeTexts(t, f, "aaa\n", "bbb\n") // rotated once, so that timberjack has it open too
	wantErr(t, os.Remove(name), nil)
	wantErr(t, f.Reopen(), nil)
	links, err := os.ReadDir(descriptors)
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		// One may be gone: that of the listing itself is.
		if target, err := os.Readlink(filepath.Join(descriptors, link.Name())); err == nil && target == name+" (deleted)" {
			t.Errorf("descriptor %s is still %s", link.Name(), target)
		}
	}
}

func TestTruncatedRotatingFileGetsNoHole(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "access.log")
	f := openRotating(t, name, RotateConfig{MaxSize: 8})
	writeTexts(t, f, "aaaaaaa\n", "bbb\n", "ccc\n")
	wantErr(t, os.Truncate(name, 0), nil)
	writeTexts(t, f, "ddd\n")
	wantFiles(t, dir, "ddd\n", "aaaaaaa\n")
}

func TestRotationThatFailsGoesOnInTheOldFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	wantErr(t, os.Mkdir(dir, 0o750), nil)
	f := openRotating(t, filepath.Join(dir, "access.log"), RotateConfig{MaxSize: 4})
	writeTexts(t, f, "aaa\n")
	// A file in the folder's place: works for root too, whom no mode stops.
	wantErr(t, os.Rename(dir, dir+".old"), nil)
	wantErr(t, os.WriteFile(dir, nil, 0o600), nil)
	n, err := io.WriteString(f, "bbb\n")
	if n != 4 || err == nil {
		t.Errorf("Write = %d, %v, want all written and an error", n, err)
	}
	wantErr(t, os.Remove(dir), nil)
	wantErr(t, os.Rename(dir+".old", dir), nil)
	writeTexts(t, f, "ccc\n")
	wantFiles(t, dir, "ccc\n", "aaa\nbbb\n")
}

func TestClosedRotatingFileRefusesAndLeavesNothingRunning(t *testing.T) {
	running := goleak.IgnoreCurrent()
	dir := t.TempDir()
	name := filepath.Join(dir, "access.log")
	f := openRotating(t, name, RotateConfig{MaxSize: 1, Keep: 1, Compress: true})
	writeTexts(t, f, "a\n", "b\n", "c\n")
	wantErr(t, f.Reopen(), nil)
	writeTexts(t, f, "d\n")
	wantErr(t, f.Close(), nil)
	goleak.VerifyNone(t, running)
	wantErr(t, f.Close(), nil)
	wantErr(t, f.Reopen(), os.ErrClosed)
	_, err := io.WriteString(f, "e\n")
	wantErr(t, err, os.ErrClosed)
	wantText(t, contents(t, name), "d\n")
}

func TestRotatingFileRefusesWhatItCannotRotate(t *testing.T) {
	dir := t.TempDir()
	for name, config := range map[string]RotateConfig{
		dir:                              {},
		os.DevNull:                       {},
		filepath.Join(dir, "none", "a"):  {},
		filepath.Join(dir, "access.log"): {MaxSize: -1},
	} {
		if f, err := NewRotatingFile(name, config); err == nil {
			t.Errorf("NewRotatingFile(%q, %+v) did not fail", name, config)
			wantErr(t, f.Close(), nil)
		}
	}
}

func TestWriterSplitsNoLineAcrossRotations(t *testing.T) {
	const writers, lines = 20, 200
	dir := t.TempDir()
	const maxSize = 10_000
	f := openRotating(t, filepath.Join(dir, "access.log"), RotateConfig{MaxSize: maxSize})
	w := NewWriter(f, WriterConfig{BufferSize: 3000, MaxPending: 16 << 20, FlushInterval: time.Millisecond})
	var wg sync.WaitGroup
	for g := range writers {
		wg.Go(func() {
			for i := range lines {
				if _, err := fmt.Fprintf(w, "%d %d %s\n", g, i, strings.Repeat("x", i%200)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 20 {
		wantErr(t, w.Reopen(), nil)
	}
	wg.Wait()
	wantErr(t, w.Close(), nil)
	var all strings.Builder
	for _, name := range append(oldFiles(t, dir), filepath.Join(dir, "access.log")) {
		text := contents(t, name)
		if len(text) > maxSize {
			t.Errorf("%s has %d bytes, want at most %d", name, len(text), maxSize)
		}
		if !strings.HasSuffix(text, "\n") {
			t.Errorf("%s ends within a line", name)
		}
		all.WriteString(text)
	}
	wantOrderedLines(t, all.String(), writers, lines)
}

// A line that a killed process has left unfinished does not spoil the next one.
func TestUnfinishedLineIsEndedWhenTheFileIsOpened(t *testing.T) {
	for before, want := range map[string]string{"": "new\n", "whole\n": "whole\nnew\n", "whole\nto": "whole\nto\nnew\n"} {
		for kind, open := range map[string]func(string) (io.WriteCloser, error){
			"file": func(name string) (io.WriteCloser, error) { return OpenFile(name) },
			"rotating": func(name string) (io.WriteCloser, error) {
				return NewRotatingFile(name, RotateConfig{MaxSize: 1 << 20})
			},
		} {
			name := filepath.Join(t.TempDir(), "log")
			if err := os.WriteFile(name, []byte(before), 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := open(name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(f, "new\n"); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			if got := contents(t, name); got != want {
				t.Errorf("%s with %q before: %q, want %q", kind, before, got, want)
			}
		}
	}
}
