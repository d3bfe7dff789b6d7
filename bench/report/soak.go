//go:build linux

// Package report writes down what a soak found, for people and for programs: one
// HTML page that needs nothing else, and the same figures as JSON, CSV and plots.
package report

// This file is the result as data. It exists so that a run can be compared with
// another one later: everything the verdict rests on is in it.

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"fullbore/bench/load"
	"fullbore/bench/process"
	"fullbore/bench/stats"
)

// Soak is the result of a soak. Sizes are bytes, GB are 10^9 bytes. Not safe for
// concurrent use.
type Soak struct {
	Verdict     string            `json:"verdict"` // memory: flat, leak, undecided, could not run
	ExitCode    int               `json:"exit_code"`
	Error       string            `json:"error,omitempty"`
	Reasons     []string          `json:"reasons"`
	ByteCounts  string            `json:"byte_counts"`
	Mismatches  []string          `json:"mismatches"`
	Failures    []string          `json:"failures"` // downloads that did not go as they should
	Interrupted bool              `json:"interrupted"`
	Notes       []string          `json:"notes"` // what was left out, and why
	Target      string            `json:"target"`
	Command     string            `json:"command"`
	Environment Environment       `json:"environment"`
	Started     time.Time         `json:"started"`
	Seconds     float64           `json:"seconds"` // of the whole run
	Loaded      float64           `json:"seconds_under_load"`
	FileSize    int64             `json:"file_size"`
	Served      int64             `json:"bytes_served"`
	Requests    int               `json:"requests"`
	Downloads   map[load.Kind]int `json:"downloads"`
	CPUPerGB    *float64          `json:"cpu_seconds_per_gb"`
	FirstByte   *Percentiles      `json:"first_byte,omitempty"`
	Slope       Slope             `json:"slope_bytes_per_gb"` // of RssAnon
	Growth      float64           `json:"growth_bytes"`
	Findings    []Finding         `json:"findings"`
	Rule        string            `json:"rule"`
	Config      any               `json:"config"`
	Idle        process.Full      `json:"idle"`
	Peak        Peak              `json:"peak"`
	PeakRSS     float64           `json:"peak_rss_bytes"`
	Rest        []Rest            `json:"rest"`
	Samples     []Sample          `json:"samples"`

	Series []stats.Series `json:"-"` // what Findings are about, in their order
	Warmup int            `json:"warmup_rounds"`
}

// Slope has null for what is not known or not bounded, as JSON has no infinity.
type Slope struct {
	Estimate *float64 `json:"estimate"`
	Lower    *float64 `json:"lower"`
	Upper    *float64 `json:"upper"`
}

// Finding is what the rule says about one series.
type Finding struct {
	stats.Finding
	Slope Slope   `json:"slope_per_gb"`
	Z     float64 `json:"mann_kendall_z"`
	P     float64 `json:"mann_kendall_p_rising"`
}

// Percentiles of a time, in seconds.
type Percentiles struct {
	P50 float64 `json:"p50_seconds"`
	P99 float64 `json:"p99_seconds"`
}

// Peak is the highest of each figure.
type Peak struct{ Anon, RSS, Descriptors, Threads int64 }

// Sample is a raw sample under load.
type Sample struct {
	At    float64 `json:"at_seconds"` // since the first round began
	Round int     `json:"round"`      // 0 before the first
	process.Sample
}

// Rest is the target at rest after a round.
type Rest struct {
	Round    int     `json:"round"`
	At       float64 `json:"at_seconds"` // since the run began
	GB       float64 `json:"gb_served"`  // since the first round
	Loaded   float64 `json:"seconds_under_load"`
	Sent     int64   `json:"bytes_sent"` // in this round
	Requests int     `json:"requests"`
	process.Full
}

// NewSlope keeps what JSON can say.
func NewSlope(slope stats.Slope) Slope {
	return Slope{Finite(slope.PerUnit), Finite(slope.Lower), Finite(slope.Upper)}
}

// Finite is nil for what is no number or has no bound.
func Finite(value float64) *float64 {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return nil
	}
	return &value
}

// WriteJSON writes the result to a file.
func (s *Soak) WriteJSON(path string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("result: %w", err)
	}
	return writeFile(path, append(text, '\n'))
}

// Write writes everything into a folder, which is made if need be: the page and
// the result first, in case the disk fills. What can be written is, also when
// something else could not be; the error names the first that could not.
func (s *Soak) Write(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	plots, undrawn := s.plots()
	page, unwritten := s.html(plots)
	failed := []error{undrawn, unwritten}
	write := func(name string, text []byte) { failed = append(failed, writeFile(filepath.Join(folder, name), text)) }
	write("report.html", page)
	failed = append(failed, s.WriteJSON(filepath.Join(folder, "result.json")))
	write("rests.csv", s.restsCSV())
	write("samples.csv", s.samplesCSV())
	for _, plot := range plots {
		write(plot.file+".svg", plot.svg)
		write(plot.file+".png", plot.png)
	}
	failed = slices.DeleteFunc(failed, func(err error) bool { return err == nil })
	if len(failed) > 1 {
		return fmt.Errorf("%w (and %d more files)", failed[0], len(failed)-1)
	}
	return errors.Join(failed...)
}

// writeFile leaves no half of a file behind: a disk that is full keeps what was
// there before. What is no regular file, such as /dev/stdout, is written to as it
// is and never replaced.
func writeFile(path string, text []byte) error {
	if text == nil {
		return nil
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return writeTo(path, text)
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	_, err = file.Write(text)
	err = errors.Join(err, file.Chmod(0o644), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name()) // what matters is why it is not whole
		return fmt.Errorf("report %s: %w", path, err)
	}
	return nil
}

// writeTo writes to a device, a pipe or a terminal.
func writeTo(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}
