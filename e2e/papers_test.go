//go:build unix

package e2e

// What the papers link exists, and the first of them is short.

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Papers are what people read, and what links are followed from.
func papers(t *testing.T) []string {
	t.Helper()
	var papers []string
	for _, pattern := range []string{"*.md", "docs/*.md", "bench/*.md", "bench/results/*.md", "logger/*.md", "static/*.md", "deploy/*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: nothing found, %v", pattern, err)
		}
		papers = append(papers, found...)
	}
	return papers
}

func TestREADMELinksReportsThatExist(t *testing.T) {
	for _, path := range []string{"README.md", resultsPage} {
		reports := 0
		for _, target := range linksOf(t, path) {
			if strings.HasPrefix(target, results+"/") {
				reports++
				if info, err := os.Stat(target); err != nil || !info.Mode().IsRegular() {
					t.Errorf("%s links %s: %v", path, target, err)
				}
			}
		}
		if reports == 0 {
			t.Errorf("%s links nothing below %s", path, results)
		}
	}
}

func TestPapersLinkWhatExists(t *testing.T) {
	for _, path := range papers(t) {
		hasHeadings(t, path)
		for _, target := range linksOf(t, path) {
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links %s: %v", path, target, err)
			}
		}
	}
}

// hasHeadings looks for the headings that a paper links.
func hasHeadings(t *testing.T, path string) {
	t.Helper()
	for _, link := range regexp.MustCompile(`\]\(([^):#\s]*)#([^)\s]+)\)`).FindAllStringSubmatch(read(t, path), -1) {
		target := path
		if link[1] != "" {
			target = filepath.Join(filepath.Dir(path), link[1])
		}
		found := false
		for line := range strings.Lines(read(t, target)) {
			heading := strings.ToLower(strings.TrimSpace(strings.TrimLeft(line, "#")))
			found = found || strings.HasPrefix(line, "#") && strings.ReplaceAll(heading, " ", "-") == link[2]
		}
		if !found {
			t.Errorf("%s links %s, which has no heading #%s", path, target, link[2])
		}
	}
}

// linksOf are the files and folders that a paper links, as seen from here.
func linksOf(t *testing.T, path string) (targets []string) {
	t.Helper()
	for _, link := range regexp.MustCompile(`\]\(([^)#\s]+)`).FindAllStringSubmatch(read(t, path), -1) {
		if !strings.Contains(link[1], "://") {
			targets = append(targets, filepath.Join(filepath.Dir(path), link[1]))
		}
	}
	return targets
}

// What is shown first is short.
func TestREADMEIsShort(t *testing.T) {
	const most = 150
	if n := strings.Count(read(t, "README.md"), "\n"); n > most {
		t.Errorf("README.md has %d lines, want at most %d", n, most)
	}
}
