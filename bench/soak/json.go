//go:build linux

package soak

// This file writes the result for programs. It exists so that a run can be
// compared with another one later: everything the verdict rests on is in it.

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"time"

	"fullbore/bench/load"
	"fullbore/bench/stats"
	"fullbore/bench/target"
)

// document is the result as JSON. Sizes are bytes, GB are 10^9 bytes.
type document struct {
	Verdict     string            `json:"verdict"` // memory: flat, leak, too little data, could not run
	ExitCode    int               `json:"exit_code"`
	Error       string            `json:"error,omitempty"`
	Reasons     []string          `json:"reasons"`
	ByteCounts  string            `json:"byte_counts"`
	Mismatches  []string          `json:"mismatches"`
	Interrupted bool              `json:"interrupted"`
	Target      string            `json:"target"`
	Started     time.Time         `json:"started"`
	Seconds     float64           `json:"seconds"` // of the whole run
	Loaded      float64           `json:"seconds_under_load"`
	FileSize    int64             `json:"file_size"`
	Served      int64             `json:"bytes_served"`
	Downloads   map[load.Kind]int `json:"downloads"`
	CPUPerGB    *float64          `json:"cpu_seconds_per_gb"`
	Slope       slope             `json:"slope_bytes_per_gb"`
	Growth      float64           `json:"growth_bytes"`
	Rule        string            `json:"rule"`
	Config      Config            `json:"config"`
	Idle        target.Sample     `json:"idle"`
	Peak        peak              `json:"peak"`
	PeakRSS     float64           `json:"peak_rss_bytes"`
	Rest        []stats.Reading   `json:"rest"`
	Samples     []kept            `json:"samples"`
}

// slope has null for what is not known or not bounded, as JSON has no infinity.
type slope struct {
	Estimate *float64 `json:"estimate"`
	Lower    *float64 `json:"lower"`
	Upper    *float64 `json:"upper"`
}

func (m *measurement) writeJSON(path string) error {
	text, err := json.MarshalIndent(m.document(), "", "  ")
	if err != nil {
		return fmt.Errorf("result: %w", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("result: %w", err)
	}
	return nil
}

func (m *measurement) document() document {
	line := m.judgement.Slope
	d := document{
		Verdict:     string(m.judgement.Verdict),
		ExitCode:    m.exitCode(),
		Reasons:     m.judgement.Reasons,
		ByteCounts:  m.byteCounts(),
		Mismatches:  m.wrong,
		Interrupted: m.interrupted,
		Target:      m.name,
		Started:     m.begin,
		Seconds:     time.Since(m.begin).Seconds(),
		Loaded:      m.loaded.Seconds(),
		FileSize:    m.size,
		Served:      m.served,
		Downloads:   m.done,
		CPUPerGB:    finite((m.last.CPU - m.idle.CPU).Seconds() / (float64(m.served) / 1e9)),
		Slope:       slope{finite(line.PerUnit), finite(line.Lower), finite(line.Upper)},
		Growth:      m.judgement.Growth,
		Rule:        m.config.limits().Rule(),
		Config:      m.config,
		Idle:        m.idle,
		Peak:        m.peak,
		PeakRSS:     m.peakRSS(),
		Rest:        m.rest,
		Samples:     m.samples,
	}
	if m.err != nil {
		d.Verdict, d.Error = "could not run", m.err.Error()
	}
	return d
}

func finite(value float64) *float64 {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return nil
	}
	return &value
}
