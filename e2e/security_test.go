//go:build unix

package e2e

// SECURITY.md names tests that exist.

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every attack says what becomes of it and names a test that shows it; every test that is
// named exists, and no attack is named twice.
func TestSecurityNamesTestsThatExist(t *testing.T) {
	tests := testsOfTheRepository(t)
	attacks := map[string]bool{}
	for line := range strings.Lines(read(t, "SECURITY.md")) {
		row, ok := strings.CutPrefix(strings.TrimSpace(line), "| ")
		if !ok || strings.HasPrefix(row, "attack |") {
			continue
		}
		cells := strings.Split(strings.TrimSuffix(row, " |"), " | ")
		if len(cells) != 3 || cells[0] == "" || cells[1] == "" {
			t.Errorf("want attack, what happens, and tests: %s", line)
			continue
		}
		if attacks[cells[0]] {
			t.Errorf("twice: %s", cells[0])
		}
		attacks[cells[0]] = true
		for name := range strings.SplitSeq(cells[2], ", ") {
			if !tests[strings.Trim(name, "`")] {
				t.Errorf("%s: there is no test %s", cells[0], name)
			}
		}
	}
	if len(attacks) < 50 {
		t.Errorf("%d attacks, which is not the list", len(attacks))
	}
}

// Every fuzz target is of a package that scripts/fuzz knows.
func TestEveryFuzzTargetIsRun(t *testing.T) {
	list := regexp.MustCompile(`(?m)^readonly packages=\((.*)\)$`).FindStringSubmatch(read(t, "scripts/fuzz"))
	if list == nil {
		t.Fatal("scripts/fuzz has no list of packages")
	}
	packages := strings.Fields(list[1])
	eachTest(t, func(path, name string) {
		if folder := "./" + filepath.Dir(path); strings.HasPrefix(name, "Fuzz") && !slices.Contains(packages, folder) {
			t.Errorf("%s: scripts/fuzz does not know %s", name, folder)
		}
	})
}

// testsOfTheRepository are the names of all tests and fuzz targets.
func testsOfTheRepository(t *testing.T) map[string]bool {
	t.Helper()
	tests := map[string]bool{}
	eachTest(t, func(_, name string) { tests[name] = true })
	return tests
}

// eachTest tells the file and the name of each test and fuzz target.
func eachTest(t *testing.T, yield func(path, name string)) {
	t.Helper()
	begin := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(\w+ \*testing\.[TF]\)`)
	for _, root := range []string{"app", "bench", "e2e", "logger", "static"} {
		if err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			content, err := os.ReadFile(path)
			for _, found := range begin.FindAllSubmatch(content, -1) {
				yield(path, string(found[1]))
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
}
