package static

// What is served, and where: a single file, a folder that goes away, and a
// mount below a prefix.

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOneFile(t *testing.T) {
	dir := t.TempDir()
	full := write(t, dir, "an iso", "content")
	write(t, dir, "other", "other")
	addr := serve(t, "/", full, Config{Browse: true})
	if got := ask(t, addr, "GET", "/"); got.StatusCode != 302 || got.Header.Get("Location") != "./an%20iso" {
		t.Errorf("/: %d %q", got.StatusCode, got.Header.Get("Location"))
	}
	if got := ask(t, addr, "GET", "/an%20iso", "Range: bytes=0-3"); got.StatusCode != 206 || got.body != "cont" {
		t.Errorf("the file: %d %q", got.StatusCode, got.body)
	}
	for _, target := range []string{"/other", "/.", "/an%20iso/", "/x/", "/an%20iso/../other", "/..%2fother", "/an%20iso%00"} {
		if got := ask(t, addr, "GET", target); got.StatusCode != 404 && got.StatusCode != 302 || strings.Contains(got.body, "other") {
			t.Errorf("%s: %d %q", target, got.StatusCode, got.body)
		}
	}
	// Replaced while it is served: the new one is served.
	write(t, dir, "new", "newer content")
	if err := os.Rename(filepath.Join(dir, "new"), full); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, addr, "GET", "/an%20iso"); got.body != "newer content" {
		t.Errorf("after it was replaced: %q", got.body)
	}
	if err := os.Remove(full); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, addr, "GET", "/an%20iso"); got.StatusCode != 404 {
		t.Errorf("after it was deleted: %d %q", got.StatusCode, got.body)
	}
	// A folder in its place is nothing to download.
	write(t, full, "f", "other")
	for _, target := range []string{"/an%20iso", "/an%20iso/", "/an%20iso/f"} {
		if got := ask(t, addr, "GET", target); got.StatusCode != 404 && got.StatusCode != 302 || strings.Contains(got.body, "other") {
			t.Errorf("%s, now a folder: %d %q", target, got.StatusCode, got.body)
		}
	}
}

func TestOneFileThroughALink(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "elsewhere/real.iso", "content")
	link(t, dir, "link.iso", "elsewhere/real.iso")
	if got := ask(t, serve(t, "/", filepath.Join(dir, "link.iso")), "GET", "/link.iso"); got.body != "content" {
		t.Errorf("%d %q", got.StatusCode, got.body)
	}
}

// A hidden file that was named is meant.
func TestOneHiddenFile(t *testing.T) {
	if got := ask(t, serve(t, "/", write(t, t.TempDir(), ".hidden", "content")), "GET", "/.hidden"); got.body != "content" {
		t.Errorf("%d %q", got.StatusCode, got.body)
	}
}

func TestMountedBelowAPrefix(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "sub/f", "x")
	write(t, dir, "Files/f", "x")
	for _, mount := range []string{"/files", "/files/", "/files/*", "/FILES"} {
		addr := serve(t, mount, dir, Config{Browse: true})
		for _, target := range []string{"/files/sub/f", "/files//sub/f", "/files/sub/../sub/f", "/Files/sub/f", "/files/Files/f"} { // Fiber's routes know no case
			if got := ask(t, addr, "GET", target); got.body != "x" {
				t.Errorf("%s: %s: %d %q", mount, target, got.StatusCode, got.body)
			}
		}
		if got := ask(t, addr, "GET", "/files/sub"); got.Header.Get("Location") != "./sub/" {
			t.Errorf("%s: redirects to %q", mount, got.Header.Get("Location"))
		}
		if got := ask(t, addr, "GET", "/files/"); got.StatusCode != 200 || !strings.Contains(got.body, "sub") {
			t.Errorf("%s: its root is %d %q", mount, got.StatusCode, got.body)
		}
		// What only begins like the prefix, or leaves it, is somebody else's:
		// whoever guards "/files/sub" did not see it.
		for _, target := range []string{"/sub/f", "/filessub/f", "/files../sub/f", "/files%2e%2e/sub/f", "/files/../sub/f", "/files/%2e%2e/sub/f", "/files%2f..%2fsub/f", "/files.sub/f", "/file"} {
			if got := ask(t, addr, "GET", target); got.StatusCode != 404 {
				t.Errorf("%s: %s: %d %q", mount, target, got.StatusCode, got.body)
			}
		}
	}
}

// A folder that stands before one that is deleted and made anew goes on with
// the one that was opened, and is empty.
func TestRootThatIsGone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "root")
	write(t, dir, "f", "x")
	addr := serve(t, "/", dir)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, addr, "GET", "/f"); got.StatusCode != 404 {
		t.Errorf("%d %q", got.StatusCode, got.body)
	}
}
