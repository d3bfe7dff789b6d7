//go:build linux

package report

// This file writes a report and reads it back as a browser, a spreadsheet and a
// program would.

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"fullbore/bench/process"
	"fullbore/bench/stats"
)

func example() *Soak {
	series := stats.Series{Name: "RssAnon", Unit: stats.InBytes, Allowance: 1 << 20}
	s := &Soak{
		Verdict: "leak", Target: "<b>server</b>", Command: "go run ./bench soak", Environment: Here(),
		Reasons: []string{"RssAnon at rest grows"}, Warmup: 2, Served: 10e9, Loaded: 5, Requests: 1234567,
	}
	for round := range 10 {
		rest := Rest{Round: round + 1, GB: float64(round + 1), Loaded: 1, Sent: 1e9, Requests: 5}
		rest.Anon = int64(round+5) << 20
		rest.Go = &process.GoMetrics{Goroutines: 7}
		s.Rest = append(s.Rest, rest)
		series.GB, series.Values = append(series.GB, rest.GB), append(series.Values, float64(rest.Anon))
	}
	judgement := stats.Judge(stats.Run{Series: []stats.Series{series}, Warmup: 2}, stats.Limits{MinRounds: 6, Noise: 1 << 20})
	s.Series, s.CPUPerGB = []stats.Series{series}, Finite(0.125)
	for _, finding := range judgement.Findings {
		s.Findings = append(s.Findings, Finding{Finding: finding, Slope: NewSlope(finding.Slope), Z: finding.Trend.Z, P: finding.Trend.PRising()})
	}
	s.Samples = []Sample{{At: 0.5, Round: 1}}
	return s
}

func TestReportIsOnePageThatNeedsNothingElse(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "new", "report")
	if err := example().Write(folder); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(folder, "report.html"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	for _, outside := range []string{`src=`, `href=`, `url(`, `@import`, `<script`, `<link`, `<!DOCTYPE svg`, `<?xml`} {
		if strings.Contains(strings.ReplaceAll(page, `xlink:href="#`, ""), outside) {
			t.Errorf("the page has %q in it", outside)
		}
	}
	for _, address := range regexp.MustCompile(`https?://[^"'<> ]+`).FindAllString(page, -1) {
		if !strings.HasPrefix(address, "http://www.w3.org/") { // names of XML, which nothing fetches
			t.Errorf("the page names %s", address)
		}
	}
	verdict, findings := strings.Index(page, "<b>leak</b>"), strings.Index(page, "Findings")
	if verdict < 0 || verdict > findings {
		t.Error("the verdict does not come first")
	}
	if strings.Contains(page, "<b>server</b>") {
		t.Error("the target's name is not escaped")
	}
	if strings.Contains(page, "%!") {
		t.Error("something on the page was printed with the wrong verb")
	}
	if n := strings.Count(page, "<svg"); n != 2 {
		t.Errorf("%d plots on the page, want memory and throughput", n)
	}
	for _, want := range []string{"1,234,567 requests", "1.0 MiB", "go run ./bench soak", "2.00 GB/s", "0.125 CPU seconds"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

func TestTheOtherFilesCanBeRead(t *testing.T) {
	folder := t.TempDir()
	if err := example().Write(folder); err != nil {
		t.Fatal(err)
	}
	read := func(name string) []byte {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	rows, err := csv.NewReader(bytes.NewReader(read("rests.csv"))).ReadAll()
	if err != nil || len(rows) != 11 || rows[1][0] != "1" || rows[1][2] != "1" || rows[10][7] != "14680064" {
		t.Errorf("rests.csv: %v, %v", rows, err)
	}
	if rows, err := csv.NewReader(bytes.NewReader(read("samples.csv"))).ReadAll(); err != nil || len(rows) != 2 {
		t.Errorf("samples.csv: %v, %v", rows, err)
	}
	var result Soak
	if err := json.Unmarshal(read("result.json"), &result); err != nil || result.Verdict != "leak" || len(result.Rest) != 10 || len(result.Findings) != 1 {
		t.Errorf("result.json: %+v, %v", result, err)
	}
	if result.Findings[0].Slope.Estimate == nil || *result.Findings[0].Slope.Estimate != 1<<20 {
		t.Errorf("slope %+v, want 1 MiB per GB", result.Findings[0].Slope)
	}
	for _, name := range []string{"rssanon", "throughput"} {
		if _, err := png.Decode(bytes.NewReader(read(name + ".png"))); err != nil {
			t.Errorf("%s.png: %v", name, err)
		}
		if !bytes.Contains(read(name+".svg"), []byte("<svg")) {
			t.Errorf("%s.svg is none", name)
		}
	}
}

func TestReportOfARunThatNeverBegan(t *testing.T) {
	s := &Soak{Verdict: "could not run", Error: "the target died in round 1 of 10"}
	page, err := s.html(nil)
	if err != nil || !strings.Contains(string(page), "the target died") {
		t.Errorf("error %v, page %s", err, page)
	}
}

func TestFailedWriteLeavesWhatWasThere(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "result.json")
	if err := os.Mkdir(path, 0o755); err != nil { // no file can take its place
		t.Fatal(err)
	}
	if err := example().Write(folder); err == nil || !strings.Contains(err.Error(), "result.json") {
		t.Errorf("error %v, want one that names the file", err)
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if strings.Count(entry.Name(), ".") > 1 {
			t.Errorf("%s was left behind", entry.Name())
		}
	}
	if _, err := os.Stat(filepath.Join(folder, "report.html")); err != nil {
		t.Errorf("the page was not written either: %v", err)
	}
}

func TestADeviceIsWrittenToAndNotReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "full")
	if err := os.Symlink("/dev/full", path); err != nil {
		t.Fatal(err)
	}
	if err := example().WriteJSON(path); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("error %v, want that of a full disk", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().IsRegular() {
		t.Errorf("the device is now %v, %v", info, err)
	}
}
