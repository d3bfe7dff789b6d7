//go:build unix

package e2e

// The figures in the README, and the tables in the page of the results, are those
// of the reports under bench/results: this writes them from there and compares.
// With FULLBORE_UPDATE=1 it puts them into the pages instead.

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

const (
	results     = "bench/results"
	resultsPage = results + "/README.md"
)

func TestREADMEHasTheFiguresOfTheReports(t *testing.T) {
	hasTables(t, "README.md", map[string]string{"figures": figuresTable(t)})
	hasTables(t, resultsPage, map[string]string{"soaks": soaksTable(t), "peers": peersTable(t), "rates": ratesTable(t), "attack": attackTable(t)})
}

// hasTables compares a page's tables, by name, with what they should be.
func hasTables(t *testing.T, path string, tables map[string]string) {
	t.Helper()
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := string(page)
	for name, table := range tables {
		want = between(t, path, want, name, table)
	}
	if os.Getenv("FULLBORE_UPDATE") == "1" {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want == string(page) {
		return
	}
	had := strings.Split(string(page), "\n")
	for i, line := range strings.Split(want, "\n") {
		if i >= len(had) || had[i] != line {
			t.Fatalf("%s, line %d, is not what %s says; to mend it: FULLBORE_UPDATE=1 go test -run %s ./e2e\nwant %s", path, i+1, results, t.Name(), line)
		}
	}
	t.Fatalf("%s has lines that %s does not know", path, results)
}

// between puts text between <!-- name --> and <!-- end -->.
func between(t *testing.T, path, page, name, text string) string {
	t.Helper()
	const end = "<!-- end -->"
	before, rest, begins := strings.Cut(page, "<!-- "+name+" -->\n")
	_, after, ends := strings.Cut(rest, end)
	if !begins || !ends {
		t.Fatalf("%s has no block between <!-- %s --> and %s", path, name, end)
	}
	return before + "<!-- " + name + " -->\n" + text + end + after
}

// figuresTable is the five figures of the README: a promise, what was measured,
// and what came of it.
func figuresTable(t *testing.T) string {
	t.Helper()
	var s soaked
	readResult(t, "soak-fullbore", &s)
	var c compared
	readResult(t, "peers", &c)
	served := fmt.Sprintf("%.0f GB", float64(s.Served)/1e9)
	table := "| promise | measured | fullbore | nginx |\n|---|---|---:|---:|\n" +
		fmt.Sprintf("| flat | memory growth per GB, over %s served; 95 %% interval | %s KiB [%s, %s] | |\n", served,
			figure(s.Slope.Estimate/1024), figure(s.Slope.Lower/1024), figure(s.Slope.Upper/1024)) +
		c.row(t, "flat", "memory of a slow download, 4,000 at once", "slow", "", "anon_per_download") +
		fmt.Sprintf("| true | byte counts in the log, against what clients received | %s | |\n", s.ByteCounts) +
		c.row(t, "full bore", "CPU of one 2 GiB download", "whole", "", "cpu_per_gb") +
		c.row(t, "full bore", "CPU of a request for 4 KiB", "small", "A file of 4.0 KiB", "cpu_per_request")
	return table
}

// row is one of fullbore and nginx in the workload, among several of a kind that
// whose title begins so.
func (c *compared) row(t *testing.T, promise, measured, workload, title, metric string) string {
	t.Helper()
	for _, comparison := range c.Comparisons {
		if comparison.Workload != workload || !strings.HasPrefix(comparison.Title, title) {
			continue
		}
		unit, cells := "", map[string]string{}
		for _, m := range comparison.Metrics {
			if m.Name == metric {
				unit = m.Unit
			}
		}
		for _, peer := range comparison.Peers {
			if median := peer.Summary[metric].Median; median != 0 {
				cells[peer.Peer] = figure(median) + " " + unit
			}
		}
		if unit == "" || cells["fullbore"] == "" || cells["nginx"] == "" {
			t.Fatalf("peers: no %s of fullbore and nginx in %q", metric, comparison.Title)
		}
		return fmt.Sprintf("| %s | %s | %s | %s |\n", promise, measured, cells["fullbore"], cells["nginx"])
	}
	t.Fatalf("peers: no workload %s %q", workload, title)
	return ""
}

// soaked is what the pages tell of a soak.
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
		table += fmt.Sprintf("| %s | **%s** ([report](%s/report.html), [plot](%s/rssanon.svg)) | %d requests for a file of %s, %.0f GB | %s, %s, %s | %s | %s [%s, %s] | %s |\n",
			server.title, s.Verdict, server.folder, server.folder, s.Requests, size(s.FileSize), float64(s.Served)/1e9,
			figure(s.Idle.Anon/mib), figure(s.Peak.Anon/mib), figure(s.Rest[len(s.Rest)-1].Anon/mib), figure(s.PeakRSS/mib),
			figure(s.Slope.Estimate/1024), figure(s.Slope.Lower/1024), figure(s.Slope.Upper/1024), s.ByteCounts)
	}
	return table
}

// compared is what the pages tell of the comparison.
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

// measured is the text about the figures: the README's section, and the page of
// the results.
func measured(t *testing.T) map[string]string {
	t.Helper()
	_, section, begins := strings.Cut(read(t, "README.md"), "\n## What it promises\n")
	section, _, ends := strings.Cut(section, "\n## ")
	if !begins || !ends {
		t.Fatal("README.md has no section about what it promises")
	}
	return map[string]string{"README.md": section, resultsPage: read(t, resultsPage)}
}

// The machine is the one of every result.
func TestREADMENamesTheMachineOfTheResults(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(results, "*", "result.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no results: %v", err)
	}
	for page, text := range measured(t) {
		for _, path := range paths {
			namesMachine(t, page, strings.Join(strings.Fields(text), " "), path)
		}
	}
}

func namesMachine(t *testing.T, page, text, path string) {
	t.Helper()
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
	if !strings.Contains(text, want) || kernel == "" || !strings.Contains(text, kernel) {
		t.Errorf("%s was measured with %s, %s: %s does not say so", path, want, kernel, page)
	}
	version := regexp.MustCompile(`^go(\d+\.\d+)`).FindStringSubmatch(e.Go)
	if version != nil && !strings.Contains(text, "Go "+version[1]) {
		t.Errorf("%s was measured with %s: %s does not say so", path, e.Go, page)
	}
}

// What the text around the tables says in numbers must be in the tables: a number
// that is in the text only is the one that nobody corrects.
func TestREADMEHasNoFiguresBesideTheTables(t *testing.T) {
	for page, first := range map[string]string{"README.md": "<!-- figures -->", resultsPage: "<!-- soaks -->"} {
		_, text, found := strings.Cut(measured(t)[page], first)
		if !found {
			t.Fatalf("%s has no %s", page, first)
		}
		onlyFiguresOfTables(t, page, text)
	}
}

func onlyFiguresOfTables(t *testing.T, page, text string) {
	t.Helper()
	number := regexp.MustCompile(`[0-9][0-9.,]*[0-9]|[0-9]`)
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
				t.Errorf("%s: %s is in no table: %s", page, figure, strings.TrimSpace(line))
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
