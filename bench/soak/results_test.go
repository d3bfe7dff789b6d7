//go:build linux

package soak

// This file judges the runs under results once more, from the readings that are
// stored there, and draws their pages again. It exists because a report is only
// worth something as long as the program would still write it. With
// FULLBORE_UPDATE=1 it writes what it finds.

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"fullbore/bench/process"
	"fullbore/bench/report"
)

func TestResultsAreWhatTheRuleSaysOfTheirReadings(t *testing.T) {
	folders, err := filepath.Glob("../results/soak-*")
	if err != nil || len(folders) == 0 {
		t.Fatalf("no results: %v", err)
	}
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) { judgeAgain(t, folder) })
	}
}

func judgeAgain(t *testing.T, folder string) {
	stored, err := os.ReadFile(filepath.Join(folder, "result.json"))
	if err != nil {
		t.Fatal(err)
	}
	result := &report.Soak{Config: &Config{}}
	if err := json.Unmarshal(stored, result); err != nil {
		t.Fatal(err)
	}
	config := *result.Config.(*Config)
	m := &measurement{config: config, idle: result.Idle, rests: result.Rest, peak: result.Peak, interrupted: result.Interrupted}
	m.last = process.Full{}
	m.last.Anon = result.Idle.Anon + int64(result.Growth) // after the cool-down
	m.last.HighWater = int64(result.PeakRSS)
	m.judge(nil)
	if result.Mismatches != nil {
		m.wrong.add(result.Mismatches...)
	}
	again := m.result()
	result.Verdict, result.ExitCode, result.Reasons, result.Findings = again.Verdict, again.ExitCode, again.Reasons, again.Findings
	result.Slope, result.Growth, result.Rule, result.Series = again.Slope, again.Growth, again.Rule, again.Series

	fresh := t.TempDir()
	if err := result.Write(fresh); err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range kept {
		path := filepath.Join(folder, entry.Name())
		want, err := os.ReadFile(filepath.Join(fresh, entry.Name()))
		if err != nil {
			t.Errorf("%s is written by no run", path)
			continue
		}
		if os.Getenv("FULLBORE_UPDATE") == "1" {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the readings in result.json give (verdict %s %v): FULLBORE_UPDATE=1 go test -run %s ./bench/soak, or a new run",
				path, result.Verdict, result.Reasons, "ResultsAreWhat")
		}
	}
}
