package static

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestAliveIsAboutWhatIsOpen(t *testing.T) {
	for _, cfg := range []Config{{}, {OutsideLinks: true}} {
		dir := filepath.Join(t.TempDir(), "files")
		write(t, dir, "file", "here")
		h, err := Open(dir, cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		if replaced, err := h.Alive(); replaced || err != nil {
			t.Fatalf("%v, %v", replaced, err)
		}
		// It is served on wherever it goes.
		if err := os.Rename(dir, dir+"-away"); err != nil {
			t.Fatal(err)
		}
		if replaced, err := h.Alive(); replaced || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("moved away: %v, %v", replaced, err)
		}
		write(t, dir, "file", "another")
		if replaced, err := h.Alive(); !replaced || err != nil {
			t.Errorf("moved away, another in its place: %v, %v", replaced, err)
		}
		if err := os.RemoveAll(dir + "-away"); err != nil {
			t.Fatal(err)
		}
		if replaced, err := h.Alive(); !errors.Is(err, fs.ErrNotExist) || !replaced {
			t.Errorf("removed: %v, %v", replaced, err)
		}
	}
}

func TestAliveOfOneFile(t *testing.T) {
	dir := t.TempDir()
	name := write(t, dir, "file", "here")
	h, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if replaced, err := h.Alive(); err != nil || replaced {
		t.Errorf("%v, %v", replaced, err)
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Alive(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removed: %v", err)
	}
	write(t, name, "x", "y")
	if _, err := h.Alive(); err == nil || err.Error() != "it is a folder now; a file was opened" {
		t.Errorf("a folder: %v", err)
	}
	if err := os.RemoveAll(name); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "file", "newer")
	if replaced, err := h.Alive(); err != nil || replaced {
		t.Errorf("a newer one, which is what is served: %v, %v", replaced, err)
	}
}
