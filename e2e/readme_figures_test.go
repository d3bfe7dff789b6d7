//go:build unix

package e2e

// The README's figures are those of the reports under bench/results: this writes
// the tables from there and compares. With FULLBORE_UPDATE=1 it puts them into the
// README instead.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const results = "bench/results"

func TestREADMEHasTheFiguresOfTheReports(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	want := between(t, string(readme), "soaks", soaksTable(t))
	want = between(t, want, "peers", peersTable(t))
	if os.Getenv("FULLBORE_UPDATE") == "1" {
		if err := os.WriteFile("README.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want == string(readme) {
		return
	}
	had := strings.Split(string(readme), "\n")
	for i, line := range strings.Split(want, "\n") {
		if i >= len(had) || had[i] != line {
			t.Fatalf("README.md, line %d, is not what %s says; to mend it: FULLBORE_UPDATE=1 go test -run %s ./e2e\nwant %s", i+1, results, t.Name(), line)
		}
	}
	t.Fatalf("README.md has lines that %s does not know", results)
}

// between puts text between <!-- name --> and <!-- end -->.
func between(t *testing.T, page, name, text string) string {
	t.Helper()
	const end = "<!-- end -->"
	before, rest, begins := strings.Cut(page, "<!-- "+name+" -->\n")
	_, after, ends := strings.Cut(rest, end)
	if !begins || !ends {
		t.Fatalf("README.md has no block between <!-- %s --> and %s", name, end)
	}
	return before + "<!-- " + name + " -->\n" + text + end + after
}

// soaked is what the README tells of a soak.
type soaked struct {
	Verdict    string
	ExitCode   int    `json:"exit_code"`
	ByteCounts string `json:"byte_counts"`
	FileSize   int64  `json:"file_size"`
	Served     int64  `json:"bytes_served"`
	Requests   int
	Command    string
	Slope      struct{ Estimate, Lower, Upper float64 } `json:"slope_bytes_per_gb"`
	Idle       reading
	Peak       struct{ Anon float64 }
	PeakRSS    float64 `json:"peak_rss_bytes"`
	Rest       []reading
}

type reading struct {
	RSS  float64 `json:"rss_bytes"`
	Anon float64 `json:"rss_anon_bytes"`
}

// soaksTable has a row for each soak, of figures from nowhere else.
func soaksTable(t *testing.T) string {
	t.Helper()
	const mib = 1 << 20
	table := "| server | verdict | served | anonymous memory idle, at its peak, at the end, MiB | resident at its peak, MiB | slope per GB, 95 % interval, KiB | byte counts of the log |\n" +
		"|---|---|---:|---:|---:|---:|---|\n"
	for _, server := range []struct{ title, folder string }{
		{"fullbore", "soak-fullbore"},
		{"nginx", "soak-nginx"},
		{"Caddy", "soak-caddy"},
		{"Fiber 2.52.5 with its logger", "soak-fiber2525"},
	} {
		var s soaked
		readResult(t, server.folder, &s)
		if len(s.Rest) == 0 {
			t.Fatalf("%s: no rounds", server.folder)
		}
		table += fmt.Sprintf("| %s | **%s** ([report](%s/%s/report.html), [plot](%s/%s/rssanon.svg)) | %d requests for a file of %s, %.0f GB | %s, %s, %s | %s | %s [%s, %s] | %s |\n",
			server.title, s.Verdict, results, server.folder, results, server.folder, s.Requests, size(s.FileSize), float64(s.Served)/1e9,
			figure(s.Idle.Anon/mib), figure(s.Peak.Anon/mib), figure(s.Rest[len(s.Rest)-1].Anon/mib), figure(s.PeakRSS/mib),
			figure(s.Slope.Estimate/1024), figure(s.Slope.Lower/1024), figure(s.Slope.Upper/1024), s.ByteCounts)
	}
	return table
}

// compared is what the README tells of the comparison.
type compared struct {
	Peers       []struct{ Name string }
	Comparisons []struct {
		Title, Workload string
		Metrics         []struct {
			Name, Title, Unit, Better string
			Headline                  bool
		}
		Peers []struct {
			Peer    string
			Summary map[string]struct{ Median, Ratio float64 }
		}
	}
}

// peersTable has the headlines that do not depend on how fast the client is: cost
// and memory, and the first byte of a listing.
func peersTable(t *testing.T) string {
	t.Helper()
	var c compared
	readResult(t, "peers", &c)
	header, line := "| less is better", "|---"
	for _, peer := range c.Peers {
		header += " | " + peer.Name
		line += "|---:"
	}
	table := header + " |\n" + line + "|\n"
	for _, comparison := range c.Comparisons {
		for _, metric := range comparison.Metrics {
			if !metric.Headline || metric.Better != "lower" {
				continue
			}
			table += fmt.Sprintf("| %s: %s, %s", comparison.Title, metric.Title, metric.Unit)
			for _, peer := range comparison.Peers {
				cell := "-"
				if s, ok := peer.Summary[metric.Name]; ok {
					cell = figure(s.Median)
					if s.Ratio != 0 && peer.Peer != "fullbore" {
						cell += fmt.Sprintf(" (×%s)", figure(s.Ratio))
					}
				}
				table += " | " + cell
			}
			table += " |\n"
		}
	}
	return table
}

func readResult(t *testing.T, folder string, into any) {
	t.Helper()
	path := filepath.Join(results, folder, "result.json")
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// figure has three significant digits, or all before the point.
func figure(value float64) string {
	if value == 0 {
		return "0"
	}
	digits := 2 - int(math.Floor(math.Log10(math.Abs(value))))
	return strconv.FormatFloat(value, 'f', max(0, digits), 64)
}

func size(bytes int64) string {
	if bytes >= 1<<30 {
		return fmt.Sprintf("%d GiB", bytes>>30)
	}
	return fmt.Sprintf("%d MiB", bytes>>20)
}

// measured is the README's section about the figures.
func measured(t *testing.T) string {
	t.Helper()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, begins := strings.Cut(string(readme), "\n## What was measured\n")
	section, _, ends := strings.Cut(section, "\n## ")
	if !begins || !ends {
		t.Fatal("README.md has no section about what was measured")
	}
	return section
}

func TestREADMELinksReportsThatExist(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	links := regexp.MustCompile(`\]\((`+results+`/[^)#]*)`).FindAllStringSubmatch(string(readme), -1)
	if len(links) == 0 {
		t.Errorf("README.md links nothing below %s", results)
	}
	for _, link := range links {
		if info, err := os.Stat(link[1]); err != nil || !info.Mode().IsRegular() {
			t.Errorf("README.md links %s: %v", link[1], err)
		}
	}
}

// The machine is the one of every result.
func TestREADMENamesTheMachineOfTheResults(t *testing.T) {
	line := strings.Join(strings.Fields(measured(t)), " ")
	paths, err := filepath.Glob(filepath.Join(results, "*", "result.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no results: %v", err)
	}
	for _, path := range paths {
		var result struct {
			Environment struct {
				Cores  int
				Memory int64  `json:"memory_bytes"`
				Kernel string `json:"kernel"`
				Go     string `json:"harness_go_version"`
			}
		}
		readResult(t, filepath.Base(filepath.Dir(path)), &result)
		e := result.Environment
		kernel := regexp.MustCompile(`^\S+ \d+\.\d+`).FindString(e.Kernel)
		want := fmt.Sprintf("%d cores and %.0f GiB", e.Cores, float64(e.Memory)/(1<<30))
		if !strings.Contains(line, want) || kernel == "" || !strings.Contains(line, kernel) {
			t.Errorf("%s was measured with %s, %s: README.md does not say so", path, want, kernel)
		}
		version := regexp.MustCompile(`^go(\d+\.\d+)`).FindStringSubmatch(e.Go)
		if version != nil && !strings.Contains(line, "Go "+version[1]) {
			t.Errorf("%s was measured with %s: README.md does not say so", path, e.Go)
		}
	}
}

// What the text around the tables says in numbers must be in the tables: a number
// that is in the text only is the one that nobody corrects.
func TestREADMEHasNoFiguresBesideTheTables(t *testing.T) {
	number := regexp.MustCompile(`[0-9][0-9.,]*[0-9]|[0-9]`)
	_, text, found := strings.Cut(measured(t), "<!-- soaks -->")
	if !found {
		t.Fatal("README.md has no table of soaks")
	}
	known, prose := map[string]bool{}, []string{}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "|") {
			prose = append(prose, line)
			continue
		}
		for _, figure := range number.FindAllString(line, -1) {
			known[figure] = true
		}
	}
	for _, line := range prose {
		for _, figure := range number.FindAllString(line, -1) {
			if !known[figure] {
				t.Errorf("%s is in no table: %s", figure, strings.TrimSpace(line))
			}
		}
	}
}

// Reports that are kept are small, need nothing from outside, and tell nothing of
// where they were made.
func TestReportsOfTheResults(t *testing.T) {
	const largest = 1 << 20
	folders := regexp.MustCompile(`(^|[\s"'=:(])/(tmp|root|home|work|var|usr)/`)
	seen := 0
	err := filepath.WalkDir(results, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		seen++
		if len(text) >= largest {
			t.Errorf("%s has %d bytes, want less than %d", path, len(text), largest)
		}
		if found := folders.Find(text); found != nil {
			t.Errorf("%s names a folder of the machine: %s", path, found)
		}
		if filepath.Ext(path) == ".html" && (bytes.Contains(text, []byte("<script")) || bytes.Contains(text, []byte(" src="))) {
			t.Errorf("%s needs something from outside", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen == 0 {
		t.Errorf("no reports below %s", results)
	}
}
