//go:build linux

package peers

// This file is what can be chosen. It exists so that the defaults, which take
// less than ten minutes, and the quick ones, which tests use, stand side by side.

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Config says what to measure and how often. Sizes are bytes.
type Config struct {
	Peers     []string `json:"peers"`     // --subjects: names or builds; empty is all
	Workloads []string `json:"workloads"` // names; empty is all
	Rounds    int      `json:"rounds"`    // measured, after one that warms up

	Size     int64         `json:"size"`            // of the large file
	Parallel int           `json:"parallel"`        // connections that download, or ask for ranges, at once
	Range    int64         `json:"range"`           // of a random range
	For      time.Duration `json:"for_nanoseconds"` // how long a round of ranges or small files takes

	Small       []int64 `json:"small"`         // sizes of small files
	SmallAtOnce int     `json:"small_at_once"` // connections that ask for them

	Slow       int           `json:"slow"`             // slow downloads at once
	SlowRounds int           `json:"slow_rounds"`      // without one that warms up
	Rest       time.Duration `json:"rest_nanoseconds"` // after them, before memory is read again
	Idle       int           `json:"idle"`             // kept-alive connections that wait; as many rounds

	Entries       int `json:"entries"`        // of the folder that is listed
	ListingRounds int `json:"listing_rounds"` // after one that warms up

	TLSSize  int64 `json:"tls_size"`  // downloaded over TLS
	ColdSize int64 `json:"cold_size"` // read from disk

	// Patience is how long to wait, in all, for others to leave the two
	// processors alone, and to measure again what they disturbed.
	Patience time.Duration `json:"patience_nanoseconds"`

	Fullbore string   `json:"fullbore,omitempty"` // binary; empty builds one
	Scratch  string   `json:"scratch,omitempty"`  // folder to work in; empty is the system's
	JSON     string   `json:"-"`                  // file for every figure; empty is nowhere
	Markdown string   `json:"-"`                  // file for the report; empty is nowhere
	Plots    []string `json:"-"`                  // files for the chart
}

// ConfigDefault takes less than ten minutes.
var ConfigDefault = Config{
	Rounds: 5,
	Size:   2 << 30, Parallel: 16, Range: 1 << 20, For: time.Second,
	Small: []int64{4 << 10, 64 << 10, 1 << 20}, SmallAtOnce: 64,
	Slow: 4000, SlowRounds: 1, Rest: time.Minute, Idle: 4000,
	Entries: 100_000, ListingRounds: 3,
	TLSSize: 1 << 30, ColdSize: 256 << 20,
	Patience: time.Minute,
}

// quick are the flags that --quick sets: seconds per peer, figures that mean little.
var quick = [][2]string{
	{"rounds", "2"},
	{"size", "16MiB"},
	{"parallel", "4"},
	{"for", "50ms"},
	{"small-at-once", "8"},
	{"slow", "50"},
	{"idle", "50"},
	{"rest", "100ms"},
	{"entries", "2000"},
	{"listing-rounds", "1"},
	{"tls-size", "4MiB"},
	{"cold-size", "4MiB"},
	{"patience", "0s"},
}

func (c Config) validate() error {
	least := []int64{
		int64(c.Rounds), int64(c.SlowRounds), int64(c.ListingRounds), int64(c.Parallel), int64(c.SmallAtOnce), int64(c.Slow), int64(c.Idle),
		int64(c.Entries), c.Range, c.TLSSize, c.ColdSize, int64(c.For),
	}
	switch {
	case slices.Min(least) < 1:
		return errors.New("rounds, numbers, sizes and --for must be more than 0")
	case len(c.Small) == 0 || slices.Min(c.Small) < 1:
		return errors.New("--small must be sizes of at least 1 byte")
	case c.Size < c.Range || c.Size < int64(c.Parallel):
		return errors.New("--size must be at least --range, and a byte for each of --parallel")
	}
	for _, name := range c.Workloads {
		if !slices.Contains(workloadNames(), name) {
			return fmt.Errorf("--workloads: no %q, there are %s", name, strings.Join(workloadNames(), ", "))
		}
	}
	_, err := choose(c.Peers)
	return err
}

// connections is how many of them a server must have room for, beyond a few.
func (c Config) connections() int { return max(c.Slow, c.Idle) }
