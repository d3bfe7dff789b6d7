//go:build unix

package static

import (
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestWhatIsNoRegularFileIsNotServed(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o644); err != nil {
		t.Skip("no FIFO here:", err)
	}
	ln, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	addr := serve(t, "/", dir)
	for _, target := range []string{"/fifo", "/socket"} {
		if got := ask(t, addr, "GET", target); got.StatusCode != 404 {
			t.Errorf("%s: %d", target, got.StatusCode)
		}
	}
	if page := ask(t, addr, "GET", "/"); strings.Contains(page.body, "fifo") || strings.Contains(page.body, "socket") {
		t.Error("they are listed")
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o644); err != nil {
		t.Skip("no FIFO here:", err)
	}
	for _, root := range []string{filepath.Join(dir, "nope"), fifo, ""} {
		if _, err := Open(root); err == nil {
			t.Errorf("%q was opened", root)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("New did not panic")
		}
	}()
	New(filepath.Join(dir, "nope"))
}
