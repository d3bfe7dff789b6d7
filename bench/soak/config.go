//go:build linux

// Package soak downloads a file over and over and judges whether the server that
// sends it stays flat and tells the truth about what it sent.
package soak

// This file is what a soak can be told. It exists so that a wrong combination is
// refused before anything is started.

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"fullbore/bench/stats"
)

// Config says what to soak, how hard and how long. Sizes are bytes.
type Config struct {
	// URL and PID name a running server's file and process.
	//
	// Optional. Default: none, build fullbore and start it on a sparse file.
	URL string
	PID int

	// AccessLog is the JSON access log of the server at URL.
	//
	// Optional. Default: none, its byte counts are not verified.
	AccessLog string

	// Create makes a sparse file of Size there and removes it at the end, for a
	// server at URL that shares the folder.
	//
	// Optional. Default: none.
	Create string

	// Server is the path of a fullbore binary.
	//
	// Optional. Default: none, build it.
	Server string

	Size        int64         // of the sparse file
	Rounds      int           // warm-up rounds included
	Warmup      int           // first rounds, not part of the slope
	Whole       int           // whole downloads per round
	Aborted     int           // aborted downloads per round
	Ranged      int           // ranged downloads per round
	Concurrency int           // connections at once
	Rest        time.Duration // pause after a round before the target is read
	Seed        uint64        // of the aborts, ranges and their order
	MaxGrowth   int64         // RssAnon at rest over idle
	MaxPeak     int64         // RssAnon under load over idle
	MaxRSS      int64         // cap on VmRSS; 0 is none
	JSON        string        // where the result goes; empty is nowhere
}

// ConfigDefault is a soak of fullbore that takes a minute or two: 100 whole, 50
// aborted and 50 ranged downloads of 2 GiB.
var ConfigDefault = Config{
	Size:        2 << 30,
	Rounds:      10,
	Warmup:      2,
	Whole:       10,
	Aborted:     5,
	Ranged:      5,
	Concurrency: 4,
	Rest:        time.Second,
	Seed:        1,
	MaxGrowth:   stats.DefaultMaxGrowth,
	MaxPeak:     stats.DefaultMaxPeak,
}

func (c Config) validate() error {
	if err := c.validateTarget(); err != nil {
		return err
	}
	switch {
	case c.Size < 1:
		return errors.New("--size must be at least one byte")
	case c.Rounds < 1 || c.Concurrency < 1:
		return errors.New("--rounds and --concurrency must be at least 1")
	case min(c.Warmup, c.Whole, c.Aborted, c.Ranged) < 0:
		return errors.New("--warmup, --whole, --aborted and --ranged must not be negative")
	case c.Whole+c.Aborted+c.Ranged == 0:
		return errors.New("nothing to download: --whole, --aborted and --ranged are all 0")
	}
	return nil
}

// validateTarget refuses to measure half a server, or two.
func (c Config) validateTarget() error {
	switch {
	case (c.URL == "") != (c.PID == 0):
		return errors.New("--url and --pid go together: the file to fetch and the process to watch")
	case c.PID < 0:
		return fmt.Errorf("--pid %d: not a process", c.PID)
	case c.URL == "" && (c.AccessLog != "" || c.Create != ""):
		return errors.New("--access-log and --create need --url and --pid")
	case c.URL != "" && c.Server != "":
		return errors.New("--server starts a server, --url and --pid measure a running one: choose one")
	case c.URL == "":
		return nil
	}
	if u, err := url.Parse(c.URL); err != nil || u.Scheme != "http" || u.Host == "" {
		return fmt.Errorf("--url %q: want http://HOST[:PORT]/FILE", c.URL)
	}
	return nil
}

// limits are the thresholds of the verdict.
func (c Config) limits() stats.Limits {
	return stats.Limits{
		SlopePerGB: stats.DefaultSlopePerGB,
		Noise:      stats.DefaultNoise,
		MaxGrowth:  float64(c.MaxGrowth),
		MaxPeak:    float64(c.MaxPeak),
		MaxRSS:     float64(c.MaxRSS),
		MinRounds:  stats.DefaultMinRounds,
		MinGB:      stats.DefaultMinGB,
	}
}
