//go:build unix

package e2e

// zsync fetches the blocks of a file that an older copy does not have, many ranges in
// each request.

import (
	"os"
	"path/filepath"
	"testing"
)

// scrambled writes a copy of a file in which every n-th block of 2 KiB, which is zsync's,
// is another one.
func scrambled(t *testing.T, name, copied string, n int) (blocks int) {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(content); at += n * 2048 {
		content[at] ^= 0xff
		blocks++
	}
	if err := os.WriteFile(copied, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return blocks
}

func TestZsyncFetchesTheBlocksThatAreMissing(t *testing.T) {
	t.Parallel()
	dir, into := t.TempDir(), t.TempDir()
	file, out := filepath.Join(dir, "image"), filepath.Join(into, "image")
	sum := noise(t, file, 8<<20, 61)
	succeed(t, program(t, dir, "zsyncmake", "-b", "2048", "-u", "image", file))
	s := start(t, dir)
	for _, every := range []int{3, 40, 4096} { // from many ranges in many requests to one
		blocks := scrambled(t, file, out, every)
		said := succeed(t, program(t, into, "zsync", "-q", "-i", out, "-o", out, s.url("/image.zsync")))
		if sha256Of(t, out) != sum {
			t.Fatalf("with every %d. block missing the file is not the original:\n%s", every, said)
		}
		t.Logf("%d blocks were missing", blocks)
	}
	requests, several := 0, 0
	for _, r := range s.wholeLog() {
		if r.Path != "/image" {
			continue
		}
		requests++
		if r.Status != 206 || r.Outcome != "complete" {
			t.Errorf("range %s: status %d, %s", r.Range, r.Status, r.Outcome)
		}
		if r.Range == "" { // which is how several are logged
			several++
		}
	}
	if several == 0 || requests > 500 {
		t.Errorf("%d requests, %d of them for several ranges; without progress zsync asks for ever", requests, several)
	}
}
