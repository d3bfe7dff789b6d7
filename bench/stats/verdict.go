package stats

// This file is the rule that says "flat" or "leak". It exists as one function
// over plain numbers because the rule is the whole point of a soak: it must be
// possible to read it, to print it, and to test it on series of known answer.

import (
	"fmt"
	"math"
	"strings"

	"github.com/dustin/go-humanize"
)

// Verdict is the answer to "does this server's memory grow?".
type Verdict string

// The possible verdicts.
const (
	Flat      Verdict = "flat"
	Leak      Verdict = "leak"
	TooLittle Verdict = "too little data"
)

// Reading is the target at rest, after GB gigabytes (10^9 bytes) were served.
type Reading struct {
	GB          float64 `json:"gb_served"`
	Anon        float64 `json:"rss_anon_bytes"`
	Descriptors float64 `json:"descriptors"`
	Threads     float64 `json:"threads"`
}

// Run is what a soak measured.
type Run struct {
	Idle     Reading   // before the first request
	Rest     []Reading // after each round, warm-up rounds first
	Warmup   int       // how many of Rest only warm up
	PeakAnon float64   // highest RssAnon seen at any time, bytes
	PeakRSS  float64   // highest VmRSS, bytes
}

// Limits are the thresholds of the rule. Sizes are bytes.
type Limits struct {
	SlopePerGB float64 // growth per GB served that counts as a leak
	Noise      float64 // growth over the whole run that may be chance
	MaxGrowth  float64 // at rest, over idle
	MaxPeak    float64 // under load, over idle
	MaxRSS     float64 // cap on VmRSS; 0 is none
	MinRounds  int     // after warm-up
	MinGB      float64 // served after warm-up
}

// The default limits, and why.
//
// 4 KiB per GB is one page: at that slope it takes 250 TB to grow by 1 GiB.
// 4 MiB of noise is Go's smallest heap: until its first collection a server's
// garbage fills that much in a straight line, and it wanders as far between later
// ones. 16 MiB at rest holds that heap
// doubled once plus stacks and pools, and is under 1 % of a 2 GiB file; 64 MiB
// under load leaves room for one 64 KiB copy buffer per connection at a thousand
// connections. Six rounds are the fewest for which an interval is informative.
const (
	DefaultSlopePerGB = 4 << 10
	DefaultNoise      = 4 << 20
	DefaultMaxGrowth  = 16 << 20
	DefaultMaxPeak    = 64 << 20
	DefaultMinRounds  = 6
	DefaultMinGB      = 1
)

// Judgement is a verdict and what led to it.
type Judgement struct {
	Verdict Verdict  `json:"verdict"`
	Reasons []string `json:"reasons"`         // one sentence each; none for a flat run
	Slope   Slope    `json:"-"`               // bytes of RssAnon per GB, after warm-up
	Growth  float64  `json:"growth_bytes"`    // last rest over idle
	Trend   float64  `json:"trend_bytes"`     // slope times GB served after warm-up
	Noise   float64  `json:"noise_bytes"`     // what Trend has to exceed
	GB      float64  `json:"gb_after_warmup"` //
}

// Judge applies the rule. A sign of a leak counts however short the run was;
// only a run long enough can be called flat.
func Judge(run Run, limits Limits) Judgement {
	judgement := Judgement{Slope: TheilSen(nil, nil)} // unknown until there are two rounds
	settled := run.Rest[min(run.Warmup, len(run.Rest)):]
	if len(settled) >= 2 {
		judgement.trend(settled, limits)
	}
	if len(settled) >= limits.MinRounds {
		judgement.slopeRule(limits)
		judgement.countRules(settled)
	}
	judgement.levelRules(run, limits)
	switch {
	case len(judgement.Reasons) > 0:
		judgement.Verdict = Leak
	case len(settled) < limits.MinRounds || judgement.GB < limits.MinGB:
		judgement.Verdict = TooLittle
		judgement.Reasons = []string{fmt.Sprintf("%d rounds and %.1f GB after warm-up, need %d rounds and %.0f GB",
			len(settled), judgement.GB, limits.MinRounds, limits.MinGB)}
	default:
		judgement.Verdict = Flat
	}
	return judgement
}

// trend fits the line and measures the noise around it.
func (j *Judgement) trend(settled []Reading, limits Limits) {
	gb := column(settled, func(r Reading) float64 { return r.GB })
	anon := column(settled, func(r Reading) float64 { return r.Anon })
	j.Slope = TheilSen(gb, anon)
	j.GB = gb[len(gb)-1] - gb[0]
	j.Trend = j.Slope.PerUnit * j.GB

	// Three median deviations are about two standard deviations of a normal
	// noise, and one wild reading does not move them.
	detrended := make([]float64, len(anon))
	for i := range anon {
		detrended[i] = anon[i] - j.Slope.PerUnit*gb[i]
	}
	level := Median(detrended)
	for i := range detrended {
		detrended[i] = math.Abs(detrended[i] - level)
	}
	j.Noise = max(limits.Noise, 3*Median(detrended))
}

func (j *Judgement) slopeRule(limits Limits) {
	if j.Slope.Lower > limits.SlopePerGB && j.Trend > j.Noise {
		j.because("RssAnon at rest grows by %s per GB served (at least %s), %s over the run",
			Bytes(j.Slope.PerUnit), Bytes(j.Slope.Lower), Bytes(j.Trend))
	}
}

// countRules look for descriptors and threads that pile up. Their counts are
// whole and nearly noiseless, so a rising trend and a few of them are enough;
// the Go runtime may add threads while it settles, hence the higher bar.
func (j *Judgement) countRules(settled []Reading) {
	gb := column(settled, func(r Reading) float64 { return r.GB })
	for _, rule := range []struct {
		name  string
		atMin float64
		of    func(Reading) float64
	}{
		{"open descriptors", minDescriptors, func(r Reading) float64 { return r.Descriptors }},
		{"threads", minThreads, func(r Reading) float64 { return r.Threads }},
	} {
		counts := column(settled, rule.of)
		first, last := counts[0], counts[len(counts)-1]
		if TheilSen(gb, counts).Lower > 0 && last-first >= rule.atMin {
			j.because("%s at rest grow round after round: %.0f to %.0f", rule.name, first, last)
		}
	}
}

const (
	minDescriptors = 4
	minThreads     = 8
)

func (j *Judgement) levelRules(run Run, limits Limits) {
	if len(run.Rest) > 0 {
		j.Growth = run.Rest[len(run.Rest)-1].Anon - run.Idle.Anon
	}
	if j.Growth > limits.MaxGrowth {
		j.because("RssAnon at rest is %s above idle, allowed are %s", Bytes(j.Growth), Bytes(limits.MaxGrowth))
	}
	if peak := run.PeakAnon - run.Idle.Anon; peak > limits.MaxPeak {
		j.because("RssAnon peaked %s above idle, allowed are %s", Bytes(peak), Bytes(limits.MaxPeak))
	}
	if limits.MaxRSS > 0 && run.PeakRSS > limits.MaxRSS {
		j.because("RSS peaked at %s, --max-rss is %s", Bytes(run.PeakRSS), Bytes(limits.MaxRSS))
	}
}

func (j *Judgement) because(format string, args ...any) {
	j.Reasons = append(j.Reasons, fmt.Sprintf(format, args...))
}

// Rule states the rule in words, one line per condition.
func (l Limits) Rule() string {
	lines := []string{
		fmt.Sprintf("leak if the 95 %% interval of the slope of RssAnon at rest lies above %s per GB served", Bytes(l.SlopePerGB)),
		fmt.Sprintf("     and the growth it means over the run exceeds %s and the noise of the readings,", Bytes(l.Noise)),
		fmt.Sprintf("  or if RssAnon at rest ends more than %s above idle, or peaks more than %s above idle,", Bytes(l.MaxGrowth), Bytes(l.MaxPeak)),
		fmt.Sprintf("  or if descriptors (%d or more) or threads (%d or more) at rest grow round after round", minDescriptors, minThreads),
	}
	if l.MaxRSS > 0 {
		lines[len(lines)-1] += ","
		lines = append(lines, fmt.Sprintf("  or if RSS ever exceeds %s (--max-rss)", Bytes(l.MaxRSS)))
	}
	lines = append(lines, fmt.Sprintf("too little data with fewer than %d rounds or %.0f GB after warm-up; flat otherwise", l.MinRounds, l.MinGB))
	return strings.Join(lines, "\n")
}

// Bytes is a size for people, signed: "-1.5 MiB".
func Bytes(size float64) string {
	switch {
	case math.IsNaN(size):
		return "unknown"
	case math.IsInf(size, 0):
		return "unbounded"
	case size < 0:
		return "-" + Bytes(-size)
	}
	return humanize.IBytes(uint64(math.Round(size)))
}

func column(readings []Reading, of func(Reading) float64) []float64 {
	values := make([]float64, len(readings))
	for i, reading := range readings {
		values[i] = of(reading)
	}
	return values
}
