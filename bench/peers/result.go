//go:build linux

package peers

// This file is what came out, as numbers. It exists so that table, chart and JSON
// say the same.

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"fullbore/bench/stats"
)

// Directions of a metric.
const (
	lower  = "lower"
	higher = "higher"
)

// Metric is something that is measured.
type Metric struct {
	Name     string `json:"name"` // in the figures
	Title    string `json:"title"`
	Unit     string `json:"unit"`
	Better   string `json:"better,omitempty"` // "lower" or "higher"; empty if neither is
	Headline bool   `json:"headline"`         // one of the few for the overview
}

// Result is all that was found out.
type Result struct {
	Environment Environment   `json:"environment"`
	Config      Config        `json:"config"`
	Peers       []PeerNote    `json:"peers"`
	LeftOut     []string      `json:"left_out"` // peers that did not run, and why
	Comparisons []*Comparison `json:"comparisons"`
	Interrupted bool          `json:"interrupted"`
}

// PeerNote says what a peer is and how it was set up.
type PeerNote struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	SetUp   string `json:"set_up"`
}

// Comparison is one workload.
type Comparison struct {
	Workload string    `json:"workload"`
	Title    string    `json:"title"`
	Note     string    `json:"note"`
	Metrics  []Metric  `json:"metrics"`
	Problem  string    `json:"problem,omitempty"` // why nothing was measured
	Peers    []*Series `json:"peers"`

	// References are the titles that each peer is compared with, round by round.
	// The first is the base of Summary.Ratio; without references that is fullbore.
	References []string `json:"references,omitempty"`
}

// Series is one peer in one workload.
type Series struct {
	Peer    string             `json:"peer"`
	LeftOut string             `json:"left_out,omitempty"` // why it did not run
	Problem string             `json:"problem,omitempty"`  // why it stopped
	Detail  string             `json:"detail,omitempty"`
	Rounds  []figures          `json:"rounds"`
	Summary map[string]Summary `json:"summary"` // by metric

	Ratios map[string]map[string]Ratio `json:"ratios,omitempty"` // by reference and metric
}

// Ratio is a peer's value over that of a reference in the same round.
type Ratio struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// Summary is a metric over the rounds.
type Summary struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	Spread float64 `json:"spread_percent"` // (high - low) / median

	// Ratio is the median of the peer's value over that of the comparison's base,
	// round by round; 0 where there is none.
	Ratio float64 `json:"ratio,omitempty"`
}

// fail notes what ended a series, on one line.
func (s *Series) fail(b *bench, err error) {
	s.Problem = strings.Join(strings.Fields(err.Error()), " ")
	b.say("  %s: %s", s.Peer, s.Problem)
}

// base is the title that the others are compared with.
func (c *Comparison) base() string {
	if len(c.References) > 0 {
		return c.References[0]
	}
	return ours
}

// peer finds a series by its title; nil if there is none.
func (c *Comparison) peer(title string) *Series {
	i := slices.IndexFunc(c.Peers, func(s *Series) bool { return s.Peer == title })
	if i < 0 {
		return nil
	}
	return c.Peers[i]
}

// summarize fills in the summaries.
func (c *Comparison) summarize() {
	base := c.peer(c.base())
	for _, series := range c.Peers {
		series.Summary = map[string]Summary{}
		for _, metric := range c.Metrics {
			values := series.values(metric.Name)
			if len(values) == 0 {
				continue
			}
			summary := Summary{Median: stats.Median(values), Low: slices.Min(values), High: slices.Max(values)}
			if summary.Median != 0 {
				summary.Spread = 100 * (summary.High - summary.Low) / math.Abs(summary.Median)
			}
			if base != nil {
				summary.Ratio = ratio(values, base.values(metric.Name)).Median
			}
			series.Summary[metric.Name] = summary
		}
		for _, reference := range c.References {
			series.compareWith(c.peer(reference), c.Metrics)
		}
	}
}

// compareWith fills in the ratios to a reference, of all that is better or worse.
func (s *Series) compareWith(reference *Series, metrics []Metric) {
	if reference == nil || reference == s {
		return
	}
	found := map[string]Ratio{}
	for _, metric := range metrics {
		if r := ratio(s.values(metric.Name), reference.values(metric.Name)); metric.Better != "" && r != (Ratio{}) {
			found[metric.Name] = r
		}
	}
	if len(found) == 0 {
		return
	}
	if s.Ratios == nil {
		s.Ratios = map[string]map[string]Ratio{}
	}
	s.Ratios[reference.Peer] = found
}

// values of a metric, from the rounds that have it.
func (s *Series) values(name string) []float64 {
	var values []float64
	for _, round := range s.Rounds {
		if value, ok := round[name]; ok {
			values = append(values, value)
		}
	}
	return values
}

// ratio pairs the rounds that both have and divides them. It is zero without pairs,
// or if any divisor is not positive.
func ratio(a, b []float64) Ratio {
	ratios := make([]float64, 0, len(a))
	for i := range min(len(a), len(b)) {
		if b[i] <= 0 || a[i] < 0 {
			return Ratio{}
		}
		ratios = append(ratios, a[i]/b[i])
	}
	if len(ratios) == 0 {
		return Ratio{}
	}
	return Ratio{stats.Median(ratios), slices.Min(ratios), slices.Max(ratios)}
}

// others is the median share of the two processors that neither the server nor
// the client used.
func (c *Comparison) others() float64 {
	var values []float64
	for _, series := range c.Peers {
		values = append(values, series.values("others")...)
	}
	if len(values) == 0 {
		return 0
	}
	return stats.Median(values)
}

// line is one round for people: the metrics in their order.
func (f figures) line(metrics []Metric) string {
	var words []string
	for _, metric := range metrics {
		if value, ok := f[metric.Name]; ok {
			words = append(words, fmt.Sprintf("%s %s %s", metric.Title, number(value), metric.Unit))
		}
	}
	return strings.Join(words, ", ")
}

// number prints three significant digits, and whole numbers from 1,000 on.
func number(value float64) string {
	switch magnitude := math.Abs(value); {
	case magnitude >= 1000:
		return humanize.Comma(int64(math.Round(value)))
	case magnitude == 0:
		return "0"
	default:
		digits := 2 - int(math.Floor(math.Log10(magnitude)))
		return fmt.Sprintf("%.*f", min(max(0, digits), 6), value)
	}
}
