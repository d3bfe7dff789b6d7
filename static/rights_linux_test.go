package static

// What the server may not read, and what it says of that.

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// asNobody runs do with the rights of a user who owns nothing, as far as files
// are concerned. See setfsuid(2): it is a matter of the thread.
func asNobody(t *testing.T, do func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		do()
		return
	}
	const nobody = 65534
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if _, err := unix.SetfsuidRetUid(nobody); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = unix.SetfsuidRetUid(0) }()
	if now, _ := unix.SetfsuidRetUid(-1); now != nobody {
		t.Fatalf("still acting as user %d", now)
	}
	do()
}

func TestWhatMayNotBeReadIsForbidden(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "f", "x")
	for _, name := range []string{"file", "closed/f", "unlisted/f", "entered/index.html", "unsearched/f", "index/index.html"} {
		write(t, dir, name, "x")
	}
	modes := map[string]os.FileMode{"file": 0, "closed": 0, "unlisted": 0o111, "entered": 0o111, "unsearched": 0o444, "index/index.html": 0}
	for name, mode := range modes {
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for name := range modes {
			_ = os.Chmod(filepath.Join(dir, name), 0o755)
		}
	})
	everyWay(t, dir, Config{Browse: true}, func(t *testing.T, h *Handler) {
		handle := appOf(h)
		asNobody(t, func() {
			for target, want := range map[string]int{
				"/f": 200, "/file": 403, "/closed/": 403, "/closed/f": 403, "/closed/nope": 403, "/unlisted/f": 200, "/unlisted/": 403, "/entered/": 200, "/entered": 302,
				"/unsearched/f": 403, "/index/": 403, "/index/index.html": 403, "/nope": 404,
			} {
				if (target == "/unlisted/f" || strings.HasPrefix(target, "/entered")) && strings.HasSuffix(t.Name(), "os.Root") {
					want = 403 // os.Root opens each folder on the way for reading
				}
				if status, body, _ := handled(handle, target); status != want {
					t.Errorf("%s: %d %q, want %d", target, status, body, want)
				}
			}
		})
	})
}

// A root that its server may not read is found out at the start.
func TestRootThatMayNotBeRead(t *testing.T) {
	for _, mode := range []os.FileMode{0, 0o111, 0o444} {
		dir := filepath.Join(t.TempDir(), "root")
		write(t, dir, "f", "x")
		for parent := filepath.Dir(dir); len(parent) > len(os.TempDir()); parent = filepath.Dir(parent) {
			if err := os.Chmod(parent, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(dir, 0o755) })
		asNobody(t, func() {
			h, err := Open(dir)
			if err == nil {
				_ = h.Close()
				t.Errorf("mode %o: opened", mode)
			} else if want := "open " + dir + ": permission denied"; err.Error() != want {
				t.Errorf("mode %o: %q, want %q", mode, err, want)
			}
		})
	}
}
