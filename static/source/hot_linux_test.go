package source

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// hotTree is a folder with files of 1 KiB and of 20 KiB that are at rest, and a
// disk of it that keeps up to limit bytes.
func hotTree(t *testing.T, limit int64) (root string, d *Disk) {
	t.Helper()
	root = t.TempDir()
	for name, size := range map[string]int{"small": 1 << 10, "large": 20 << 10} {
		if err := os.WriteFile(filepath.Join(root, name), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(racy + 100*time.Millisecond)
	d = open(t, root, false)
	d.KeepHot(limit)
	return root, d
}

// isKept asks for a name three times: the third answer is of what was kept, if
// it was.
func isKept(t *testing.T, d *Disk, name string) bool {
	t.Helper()
	kept := false
	for range 3 {
		f, _, err := d.Open(name, NoWait)
		if err == ErrWouldBlock { //nolint:errorlint // it is given bare
			t.Skip("this kernel cannot tell: no RESOLVE_CACHED")
		}
		if err != nil {
			t.Fatal(err)
		}
		_, kept = f.(*hotEntry)
		closeQuietly(f)
	}
	return kept
}

func TestFilesThatAreAskedForAgainAreKept(t *testing.T) {
	t.Parallel()
	root, d := hotTree(t, 1<<20)
	for _, name := range []string{"small", "large"} {
		if !isKept(t, d, name) {
			t.Errorf("%s is not kept", name)
		}
		path := filepath.Join(root, name)
		before, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		content := make([]byte, before.Size())
		content[0] = 'x'
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(content); err != nil {
			t.Fatal(err)
		}
		closeQuietly(f)
		if err := os.Chtimes(path, before.ModTime(), before.ModTime()); err != nil {
			t.Fatal(err)
		}
		if got, err := opened(d, name, NoWait); got != string(content) || err != nil {
			t.Errorf("%s was written to, and its time set back: %q..., %v", name, got[:1], err)
		}
		if isKept(t, d, name) {
			t.Errorf("%s is kept although it was just written to", name)
		}
	}
}

func TestNothingIsKeptBeyondTheLimit(t *testing.T) {
	t.Parallel()
	for _, limit := range []int64{1 << 9, 4 << 10} {
		_, d := hotTree(t, limit)
		if isKept(t, d, "large") {
			t.Errorf("of %d bytes: a descriptor is kept", limit)
		}
		if kept := isKept(t, d, "small"); kept != (limit > 1<<10) {
			t.Errorf("of %d bytes: the small file is kept: %v", limit, kept)
		}
		if used := d.hot.used.Load(); used > limit {
			t.Errorf("of %d bytes: %d are in use", limit, used)
		}
	}
}

// A request may be about to keep a file while its disk is closed.
func TestNothingIsKeptOfADiskThatIsClosed(t *testing.T) {
	t.Parallel()
	_, d := hotTree(t, 1<<20)
	f, info, err := d.open("large", NoWait)
	if err != nil {
		t.Skip("this kernel cannot tell: no RESOLVE_CACHED")
	}
	defer closeQuietly(f)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	var slot atomic.Pointer[hotEntry]
	e := d.hot.keep(&slot, "large", f, info)
	if e == nil {
		return
	}
	e.release()
	if refs := e.refs.Load(); refs != 0 || slot.Load() != nil {
		t.Errorf("it is kept: %d", refs)
	}
}

// The kept file is still the same one, but nothing leads to it below the root.
func TestFolderThatMovedOutOfTheRootIsNotServed(t *testing.T) {
	t.Parallel()
	root, elsewhere := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "sub", "file"), make([]byte, 1<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(racy + 100*time.Millisecond)
	d := open(t, root, false)
	d.KeepHot(1 << 20)
	if !isKept(t, d, "sub/file") {
		t.Fatal("not kept")
	}
	if err := os.Rename(filepath.Join(root, "sub"), filepath.Join(elsewhere, "sub")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(elsewhere, "sub"), filepath.Join(root, "sub")); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		f, _, err := d.Open("sub/file", NoWait)
		if err != nil {
			return
		}
		closeQuietly(f)
		if time.Now().After(deadline) {
			t.Fatal("it is still served")
		}
	}
}

// To look at a name there asks another program, which may not answer.
func TestFilesOfARemoteFileSystemAreNotKept(t *testing.T) {
	t.Parallel()
	bindfs, err := exec.LookPath("bindfs")
	if err != nil {
		t.Skip(err)
	}
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "large"), make([]byte, 2*hotContent), 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(racy + 100*time.Millisecond)
	mounted := t.TempDir()
	if out, err := exec.Command(bindfs, root, mounted).CombinedOutput(); err != nil {
		t.Skipf("bindfs: %v: %s", err, out)
	}
	t.Cleanup(func() { _ = unix.Unmount(mounted, unix.MNT_DETACH) })
	d := open(t, mounted, false)
	d.KeepHot(1 << 20)
	opened := 0
	for range 6 {
		f, _, err := d.Open("large", MayWait) // what it finds may be opened without waiting for a while
		if err != nil {
			t.Fatal(err)
		}
		closeQuietly(f)
		if f, _, err = d.Open("large", NoWait); err != nil {
			continue
		}
		opened++
		if _, kept := f.(*hotEntry); kept {
			t.Error("it is kept")
		}
		closeQuietly(f)
	}
	if opened < 3 {
		t.Skipf("%d of 6 were opened without waiting", opened)
	}
}
