//go:build unix

package e2e

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The pictures of the README, taken anew: with FULLBORE_SCREENSHOTS=docs they
// take the place of those in that folder.
func TestPicturesOfTheREADME(t *testing.T) {
	inBrowser(t)
	dir := t.TempDir()
	for i, f := range []struct {
		name string
		size int64
	}{
		{"archive/1.3.iso", 1},
		{"nightly/today.iso", 1},
		{"sources/1.4.tar.gz", 1},
		{"fullbore-1.4-amd64.iso", 3 << 30},
		{"fullbore-1.4-arm64.iso", 2936012800},
		{"fullbore-1.4.img.xz", 734003200},
		{"fullbore_1.4_amd64.deb", 5 << 20},
		{"dataset-2026.csv.zst", 412316860},
		{"dataset-2026.parquet", 1288490188},
		{"manual.pdf", 2202009},
		{"release-notes.md", 5321},
		{"screenshot.png", 183422},
		{"SHA256SUMS", 312},
		{"SHA256SUMS.sig", 566},
		{"walkthrough.webm", 48234496},
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, f.name)), 0o755); err != nil {
			t.Fatal(err)
		}
		sparse(t, dir, f.name, f.size)
		at := time.Date(2026, 11, 1+i, 9, 30, 0, 0, time.UTC)
		for _, name := range []string{f.name, filepath.Dir(f.name)} {
			if err := os.Chtimes(filepath.Join(dir, name), at, at); err != nil {
				t.Fatal(err)
			}
		}
	}
	s := start(t, dir)
	p := newTab(t, s.addr)
	p.open("/")
	p.screenshot("readme-listing")
	p.phone()
	p.colorScheme("dark")
	p.open("/")
	p.screenshot("readme-phone")
}
