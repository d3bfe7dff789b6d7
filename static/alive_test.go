package static

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// What Alive says is what requests get.
func TestAliveIsAboutWhatIsOpen(t *testing.T) {
	for _, cfg := range []Config{{}, {OutsideLinks: true}} {
		dir := filepath.Join(t.TempDir(), "files")
		write(t, dir, "file", "here")
		h, err := Open(dir, cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		first, err := h.Alive()
		if err != nil || !first.IsDir() {
			t.Fatalf("%v, %v", first, err)
		}
		// It is served on wherever it goes.
		if err := os.Rename(dir, dir+"-away"); err != nil {
			t.Fatal(err)
		}
		write(t, dir, "file", "another")
		if info, err := h.Alive(); err != nil || !os.SameFile(info, first) {
			t.Errorf("moved away: %v, %v", info, err)
		}
		if err := os.RemoveAll(dir + "-away"); err != nil {
			t.Fatal(err)
		}
		if info, err := h.Alive(); !errors.Is(err, fs.ErrNotExist) || info != nil {
			t.Errorf("removed: %v, %v", info, err)
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
	if info, err := h.Alive(); err != nil || info.Size() != 4 {
		t.Errorf("%v, %v", info, err)
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
	if info, err := h.Alive(); err != nil || info.Size() != 5 {
		t.Errorf("a newer one: %v, %v", info, err)
	}
}
