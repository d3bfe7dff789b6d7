package source

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// tree is a folder with a file, a folder, and links to a file in it and outside.
func tree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, err := range []error{
		os.WriteFile(filepath.Join(dir, "secret"), []byte("SECRET"), 0o644),
		os.MkdirAll(filepath.Join(dir, "root", "sub"), 0o755),
		os.WriteFile(filepath.Join(dir, "root", "f"), []byte("content"), 0o644),
		os.Symlink("f", filepath.Join(dir, "root", "link")),
		os.Symlink("../secret", filepath.Join(dir, "root", "out")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "root")
}

func open(t *testing.T, name string, outside bool) *Disk {
	t.Helper()
	d, err := OpenDisk(name, outside)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func TestWhatLeadsOutDoesNotExist(t *testing.T) {
	d := open(t, tree(t), false)
	for range 2 {
		for _, name := range []string{"out", "../secret", "/etc/passwd", "nope"} {
			if _, err := opened(d, name, MayWait); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %v, want that it does not exist", name, err)
			}
			if _, err := opened(d, name, NoWait); !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrWouldBlock) {
				t.Errorf("%s at once: %v, want that it does not exist, or would block", name, err)
			}
		}
		if err := d.Portable(); err != nil {
			t.Fatal(err)
		}
	}
	if content, err := opened(open(t, tree(t), true), "out", MayWait); content != "SECRET" || err != nil {
		t.Errorf("with links that lead out: %q, %v", content, err)
	}
}

// What was just opened is known to the kernel, and opens at once.
func TestOpenWithoutWaiting(t *testing.T) {
	root := tree(t)
	for name, d := range map[string]*Disk{"folder": open(t, root, false), "any link": open(t, root, true), "file": open(t, filepath.Join(root, "f"), false)} {
		for _, file := range []string{"f", "link"} {
			want, err := opened(d, file, MayWait)
			if err != nil {
				t.Fatal(err)
			}
			switch got, err := opened(d, file, NoWait); {
			case err == ErrWouldBlock: //nolint:errorlint // it is given bare
				t.Skip("this kernel cannot tell: no RESOLVE_CACHED")
			case got != want || err != nil:
				t.Errorf("%s: %s: %q, %v, want %q", name, file, got, err, want)
			}
		}
	}
	d := open(t, root, false)
	if err := d.Portable(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.Open("f", NoWait); err != ErrWouldBlock { //nolint:errorlint // it is given bare
		t.Errorf("without openat2: %v", err)
	}
}

func TestReadWithoutWaiting(t *testing.T) {
	f, _, err := open(t, tree(t), false).Open("f", MayWait)
	if err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 7)
	switch n, err := f.(NoWaiter).ReadAtNoWait(p, 0); {
	case err == ErrWouldBlock: //nolint:errorlint // it is given bare
	case n != 7 || err != nil || string(p) != "content":
		t.Errorf("%d bytes %q, %v", n, p, err)
	}
	for range 2 {
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.(NoWaiter).ReadAtNoWait(p, 0); err == nil || f.(Descriptor).Descriptor() != -1 {
		t.Errorf("closed: %v, descriptor %d", err, f.(Descriptor).Descriptor())
	}
}

// A listing is of one version of the folder to its end, the links in it included.
func TestListingOutlivesItsRoot(t *testing.T) {
	d, err := OpenDisk(tree(t), false)
	if err != nil {
		t.Fatal(err)
	}
	folder, _, err := d.Open(".", MayWait)
	if err != nil {
		t.Fatal(err)
	}
	l := d.List(folder, ".")
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("closed again: %v", err)
	}
	if info, err := l.Look("link"); err != nil || info.Kind != Regular || info.Size != 7 {
		t.Errorf("a link after the root was closed: %+v, %v", info, err)
	}
	for range 2 {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := opened(d, "f", MayWait); err == nil {
		t.Error("it opens after all are closed")
	}
}
