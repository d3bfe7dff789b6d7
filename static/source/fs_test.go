package source

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"
)

// deflated is an archive with one file, which can only be read from its start.
func deflated(t *testing.T, name, content string) fs.FS {
	t.Helper()
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	file, err := w.Create(name)
	if err == nil {
		_, err = io.WriteString(file, content)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(bytes.NewReader(archive.Bytes()), int64(archive.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// opened is the content of a name, or the error.
func opened(s Source, name string, wait Wait) (string, error) {
	f, info, err := s.Open(name, wait)
	if err != nil {
		return "", err
	}
	defer closeQuietly(f)
	content, err := io.ReadAll(io.NewSectionReader(f, 0, info.Size))
	return string(content), err
}

func TestFileWithoutReadAtIsReadAnywhere(t *testing.T) {
	content := strings.Repeat("0123456789abcdef-", 20_000)
	s := FS(deflated(t, "sub/f", content))
	f, info, err := s.Open("sub/f", MayWait)
	if err != nil || info.Kind != Regular || info.Size != int64(len(content)) {
		t.Fatalf("%+v, %v", info, err)
	}
	var readers sync.WaitGroup
	for seed := range uint64(4) {
		readers.Go(func() {
			random := rand.New(rand.NewPCG(seed, 1))
			for range 50 {
				at := random.IntN(len(content) + 10)
				p := make([]byte, random.IntN(10_000))
				n, err := f.ReadAt(p, int64(at))
				want := content[min(at, len(content)):min(at+len(p), len(content))]
				if string(p[:n]) != want || errors.Is(err, io.EOF) != (n < len(p)) || err != nil && n == len(p) {
					t.Errorf("%d bytes from %d: %d, %v", len(p), at, n, err)
				}
			}
		})
	}
	readers.Wait()
	for range 2 {
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.ReadAt(make([]byte, 1), 0); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if _, err := f.Stat(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestFSOpensNothingWithoutWaiting(t *testing.T) {
	s := FS(fstest.MapFS{"f": {Data: []byte("content")}})
	if _, err := opened(s, "f", NoWait); err != ErrWouldBlock { //nolint:errorlint // it is given bare
		t.Errorf("at once: %v", err)
	}
	for _, name := range []string{"nope", "../f", "/f", "\xff"} {
		if _, err := opened(s, name, MayWait); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %v, want that it does not exist", name, err)
		}
	}
	if content, err := opened(s, "f", MayWait); content != "content" || err != nil {
		t.Errorf("%q, %v", content, err)
	}
	if replaced, err := s.Alive(); replaced || err != nil {
		t.Errorf("alive: %v, %v", replaced, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := opened(s, "f", MayWait); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if _, err := s.Alive(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// Files that a program embeds have no time. A newer build must not pass for the old one.
func TestFileWithoutATimeIsAsOldAsItsSource(t *testing.T) {
	before := time.Now()
	s := FS(fstest.MapFS{"f": {}, "old": {ModTime: before.Add(-time.Hour)}})
	f, info, err := s.Open("f", MayWait)
	if err != nil || info.ModTime.Before(before) {
		t.Errorf("%v, %v", info.ModTime, err)
	}
	if again, err := f.Stat(); again != info || err != nil {
		t.Errorf("%+v, then %+v, %v", info, again, err)
	}
	if _, info, err := s.Open("old", MayWait); err != nil || !info.ModTime.Equal(before.Add(-time.Hour)) {
		t.Errorf("%v, %v", info.ModTime, err)
	}
}

func TestFolderOfAnFS(t *testing.T) {
	s := FS(deflated(t, "sub/f", "content"))
	f, info, err := s.Open("sub", MayWait)
	if err != nil || info.Kind != Directory {
		t.Fatalf("%+v, %v", info, err)
	}
	dir := s.List(f, "sub")
	entries, err := dir.ReadDir(-1)
	if err != nil || len(entries) != 1 || entries[0].Name() != "f" {
		t.Errorf("%v, %v", entries, err)
	}
	if info, err := dir.Look("f"); err != nil || info.Kind != Regular || info.Size != 7 {
		t.Errorf("%+v, %v", info, err)
	}
	if _, err := dir.Look("nope"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if err := dir.Close(); err != nil {
		t.Error(err)
	}
	file, _, err := s.Open("sub/f", MayWait)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.List(file, "sub/f").ReadDir(-1); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a file as a folder: %v", err)
	}
}
