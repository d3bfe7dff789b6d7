//go:build linux

package rates

// This file is what came out, as numbers.

import (
	"io"
	"time"

	"fullbore/bench/report"
)

// Result is all that was found out. Rates are bytes/s, shares are the smallest over
// the largest.
type Result struct {
	Date        time.Time          `json:"date"`
	Command     string             `json:"command"`
	Environment report.Environment `json:"environment"`
	Config      Config             `json:"config"`
	Subjects    []*Subject         `json:"subjects"`
	Interrupted bool               `json:"interrupted"`
}

// Subject is a server, or fullbore with other flags. What was not asked is empty.
type Subject struct {
	Name     string     `json:"name"`
	Shapes   []*Shape   `json:"shapes,omitempty"`
	Fairness []Fairness `json:"fairness,omitempty"`
	Unused   []Unused   `json:"unused,omitempty"`
	Changes  []Change   `json:"changes,omitempty"`
	Costs    []Cost     `json:"costs,omitempty"`
	Memory   *Memory    `json:"memory,omitempty"`
}

// Shape is one scope, number of connections and rate of all of them together.
type Shape struct {
	Scope       string  `json:"scope"`
	Connections int     `json:"connections"`
	Rate        int64   `json:"rate"`
	Reach       float64 `json:"reach"`         // what the machine gives to as many without a limit
	Measured    float64 `json:"measured"`      // 0 if the rate is out of reach
	Error       float64 `json:"error_percent"` // of the rate
	Burst       float64 `json:"burst_ms"`      // of all together, or the largest of a connection that is limited itself
	Least       float64 `json:"least_share"`   // of a connection
}

// reachable says whether the machine gives enough for the limit to be what limits.
func (s *Shape) reachable() bool { return s.Reach > 1.1*float64(s.Rate) }

// Fairness is a client with 16 connections beside a client with one.
type Fairness struct {
	Rate        int64   `json:"rate"`
	Measured    float64 `json:"measured"`
	Error       float64 `json:"error_percent"`
	Many        float64 `json:"client_with_16"`
	One         float64 `json:"client_with_1"`
	Least       float64 `json:"least_share"`         // of a client
	LeastOfMany float64 `json:"least_share_of_many"` // of the 16 connections
}

// Unused is a client that wants less than its share beside four that want more.
type Unused struct {
	Rate     int64   `json:"rate"`
	Measured float64 `json:"measured"`
	Error    float64 `json:"error_percent"`
	Wanted   float64 `json:"slow_wanted"`
	Slow     float64 `json:"slow_got"`
	Least    float64 `json:"least_share"` // of the four
}

// Change is another rate for downloads in flight.
type Change struct {
	From  int64   `json:"from"`
	To    int64   `json:"to"`
	Holds float64 `json:"holds_after_seconds"` // negative: not before the end
}

// Cost is the server's CPU time, s/GB.
type Cost struct {
	Connections int     `json:"connections"`
	Rate        int64   `json:"rate"`
	Paced       float64 `json:"paced"`
	Unpaced     float64 `json:"unpaced"`
	Ratio       float64 `json:"ratio"` // median of the rounds' ratios
	Low         float64 `json:"ratio_low"`
	High        float64 `json:"ratio_high"`
	Idle        float64 `json:"idle_ms_per_s"` // of the paced server before anybody asked
}

// Memory is anonymous memory, bytes per download.
type Memory struct {
	Downloads int     `json:"downloads"`
	Rate      int64   `json:"rate"` // of each
	Paced     float64 `json:"paced"`
	Still     float64 `json:"standing_still"`
}

// publish writes the report where it is wanted.
func publish(config Config, result *Result, out io.Writer) error {
	return report.Publish(out, config.Markdown, config.JSON, result, func(w io.Writer) error { return writeMarkdown(w, result) })
}
