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
	"strings"
	"time"

	"fullbore/bench/load"
	"fullbore/bench/stats"
)

// Config says what to soak, how hard and how long. Sizes are bytes.
type Config struct {
	// URL names a file on a running server; PIDs, Container or Cgroup say which
	// processes to watch there, with their descendants. Exec is a command to
	// start, which serves the URL until it is stopped.
	//
	// Optional. Default: none, build fullbore and start it on a sparse file.
	URL       string
	PIDs      []int
	Container string
	Cgroup    string
	Exec      string

	// Metrics is the URL of Go's metrics in the Prometheus text format.
	//
	// Optional. Default: none, or fullbore's own.
	Metrics string

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
	Mix         Mix           // weights of the kinds of download
	Downloads   int           // per round
	Whole       int           // whole downloads per round; negative: as the mix says
	Aborted     int           // likewise
	Ranged      int           // likewise
	Slow        time.Duration // how long a slow reader reads
	Rounds      int           // warm-up rounds included
	Duration    time.Duration // instead of Rounds: begin no round after that
	Warmup      int           // first rounds, not part of the slope
	Concurrency int           // connections at once
	Rest        time.Duration // pause after a round before the target is read
	Cooldown    time.Duration // pause at the end before the last reading
	SampleEvery time.Duration // under load
	Seed        uint64        // of the aborts, ranges and their order
	MaxGrowth   int64         // RssAnon at rest over idle
	MaxPeak     int64         // RssAnon under load over idle
	MaxRSS      int64         // cap on VmRSS; 0 is none
	JSON        string        // where the result goes; empty is nowhere
	Report      string        // folder for the report; empty is none
}

// ConfigDefault is a soak of fullbore that takes two or three minutes: 102 whole,
// 51 aborted and 51 ranged downloads of 2 GiB, and 102 others, in enough rounds to
// correct what is left after warm-up for autocorrelation.
var ConfigDefault = Config{
	Size:        2 << 30,
	Mix:         MixDefault,
	Downloads:   18,
	Whole:       -1,
	Aborted:     -1,
	Ranged:      -1,
	Slow:        2 * time.Second,
	Rounds:      17,
	Warmup:      2,
	Concurrency: 4,
	Rest:        time.Second,
	Cooldown:    5 * time.Second,
	SampleEvery: 50 * time.Millisecond,
	Seed:        1,
	MaxGrowth:   stats.DefaultMaxGrowth,
	MaxPeak:     stats.DefaultMaxPeak,
}

// counts are the downloads of one round: the mix, and over it what was asked for
// by number.
func (c Config) counts() map[load.Kind]int {
	counts := c.Mix.share(c.Downloads)
	for kind, n := range map[load.Kind]int{load.Whole: c.Whole, load.Aborted: c.Aborted, load.Ranged: c.Ranged} {
		if n >= 0 {
			counts[kind] = n
		}
	}
	return counts
}

// crowdedOut are the kinds that the mix has and a round does not, because its
// number of downloads is too small to give them one.
func (c Config) crowdedOut() (kinds []string) {
	set := map[load.Kind]bool{load.Whole: c.Whole >= 0, load.Aborted: c.Aborted >= 0, load.Ranged: c.Ranged >= 0}
	counts := c.counts()
	for _, kind := range load.Kinds {
		if c.Downloads > 0 && c.Mix[kind] > 0 && counts[kind] == 0 && !set[kind] {
			kinds = append(kinds, string(kind))
		}
	}
	return kinds
}

func (c Config) validate() error {
	if err := c.validateTarget(); err != nil {
		return err
	}
	sum := 0
	for _, n := range c.counts() {
		sum += n
	}
	switch {
	case c.Size < 1:
		return errors.New("--size must be at least one byte")
	case c.Rounds < 1 || c.Concurrency < 1:
		return errors.New("--rounds and --concurrency must be at least 1")
	case c.Warmup < 0 || c.Downloads < 0:
		return errors.New("--warmup and --downloads must not be negative")
	case c.SampleEvery < time.Millisecond:
		return errors.New("--sample-every must be at least 1ms")
	case min(c.Duration, c.Rest, c.Cooldown, c.Slow) < 0:
		return errors.New("--duration, --rest, --cooldown and --slow must not be negative")
	case sum == 0:
		return errors.New("nothing to download: every kind has none of --downloads")
	}
	return nil
}

// validateTarget refuses to measure half a server, or two.
func (c Config) validateTarget() error {
	targets := 0
	for _, given := range []bool{len(c.PIDs) > 0, c.Container != "", c.Cgroup != "", strings.TrimSpace(c.Exec) != ""} {
		if given {
			targets++
		}
	}
	switch {
	case (c.URL == "") != (targets == 0):
		return errors.New("--url and --pid go together: the file to fetch and the process to watch (or --container, --cgroup, --exec)")
	case targets > 1:
		return errors.New("--pid, --container, --cgroup and --exec each say what to watch: choose one")
	case c.URL == "" && c.AccessLog+c.Create+c.Metrics != "":
		return errors.New("--access-log, --create and --metrics need --url and --pid")
	case c.URL != "" && c.Server != "":
		return errors.New("--server starts a server, --url and --pid measure a running one: choose one")
	case c.URL == "":
		return nil
	}
	return c.validateAddress()
}

func (c Config) validateAddress() error {
	for _, pid := range c.PIDs {
		if pid < 1 {
			return fmt.Errorf("--pid %d: not a process", pid)
		}
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
