package stats

// This file is the rule that says "flat" or "leak". It exists as one function
// over plain numbers because the rule is the whole point of a soak: it must be
// possible to read it, to print it, and to test it on series of known answer.

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
)

// Verdict is the answer to "does this server's memory grow?".
type Verdict string

// The possible verdicts.
const (
	Flat      Verdict = "flat"
	Leak      Verdict = "leak"
	Undecided Verdict = "undecided"
)

// Run is what a soak measured.
type Run struct {
	Series []Series // at rest after each round
	Warmup int      // rounds that only warm up

	IdleAnon float64 // RssAnon before the first request, bytes
	RestAnon float64 // at the last rest; IdleAnon if there was none
	PeakAnon float64 // highest seen at any time
	PeakRSS  float64 // highest VmRSS
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

// The allowances of counts. They are whole and nearly noiseless, so a few more
// are enough; a runtime adds threads and goroutines while it settles, hence the
// higher bar for those.
const (
	AllowedDescriptors = 4
	AllowedThreads     = 8
	AllowedGoroutines  = 8
	AllowedProcesses   = 4
)

// Judgement is a verdict and what led to it.
type Judgement struct {
	Verdict  Verdict   `json:"verdict"`
	Reasons  []string  `json:"reasons"` // one sentence each; none for a flat run
	Findings []Finding `json:"findings"`
	Growth   float64   `json:"growth_bytes"`    // RssAnon at the last rest over idle
	GB       float64   `json:"gb_after_warmup"` //
}

// Finding is the named series' finding, or one that says nothing.
func (j *Judgement) Finding(name string) Finding {
	for _, finding := range j.Findings {
		if finding.Name == name {
			return finding
		}
	}
	return Finding{Name: name, Slope: theilSen(nil, nil, 0)}
}

// Judge applies the rule. A sign of a leak counts however short the run was;
// only a run long enough can be called flat.
func Judge(run Run, limits Limits) Judgement {
	var judgement Judgement
	var undecided []string
	for _, series := range run.Series {
		finding := judgeSeries(series, run.Warmup, limits.MinRounds)
		judgement.Findings = append(judgement.Findings, finding)
		judgement.GB = max(judgement.GB, finding.GB)
		switch {
		case series.Informative:
		case finding.Verdict == Leak:
			judgement.because("%s at rest %s", series.Name, finding.Reason)
		case len(series.Values)-run.Warmup < limits.MinRounds:
			if !slices.Contains(undecided, finding.Reason) { // said once for all
				undecided = append(undecided, finding.Reason)
			}
		case finding.Verdict == Undecided:
			undecided = append(undecided, series.Name+": "+finding.Reason)
		}
	}
	judgement.levelRules(run, limits)
	if judgement.GB < limits.MinGB || len(run.Series) == 0 {
		undecided = append(undecided, fmt.Sprintf("%.1f GB served after warm-up, need %.0f GB", judgement.GB, limits.MinGB))
	}
	switch {
	case len(judgement.Reasons) > 0:
		judgement.Verdict = Leak
	case len(undecided) > 0:
		judgement.Verdict, judgement.Reasons = Undecided, undecided
	default:
		judgement.Verdict = Flat
	}
	return judgement
}

func (j *Judgement) levelRules(run Run, limits Limits) {
	j.Growth = run.RestAnon - run.IdleAnon
	if j.Growth > limits.MaxGrowth {
		j.because("RssAnon at rest is %s above idle, allowed are %s", Bytes(j.Growth), Bytes(limits.MaxGrowth))
	}
	if peak := run.PeakAnon - run.IdleAnon; peak > limits.MaxPeak {
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
		"Each series of readings at rest, after warm-up, is a leak if all of this holds:",
		fmt.Sprintf("  its Theil-Sen slope over GB served is above %s per GB (memory) or 0 (counts) with 95 %% confidence,", Bytes(l.SlopePerGB)),
		fmt.Sprintf("  the Mann-Kendall test finds a rise (one-sided p < %g); it and the interval are corrected", significance),
		fmt.Sprintf("    for autocorrelation (Hamed and Rao 1998), which takes %d readings: with fewer, memory that rises is undecided,", fewestCorrected),
		fmt.Sprintf("  the growth over the run is at least %s (memory), %d descriptors, %d threads or goroutines,",
			Bytes(l.Noise), AllowedDescriptors, AllowedThreads),
		"    and at least 3 median deviations of the readings from the line,",
		"  both halves rise at half of that pace or more, and it is not one step.",
		"One step is what lies that much higher from some round on, if the readings are at most",
		fmt.Sprintf("  %g times as far from it as from the line. It is tolerated, and flat, only if %d times as much was served", betterStep, afterStep),
		fmt.Sprintf("  after it as before, in %d rounds or more that are flat by themselves; else it is undecided.", fewestCorrected),
		fmt.Sprintf("  With fewer than %d readings that holds for a step out of the warm-up, too.", fewestCorrected),
		"It is also undecided if the median of the last third is that much above that of the first third without",
		"  being a leak; if a rise is found and twice that much is within its interval; if memory growth of",
		fmt.Sprintf("  %s is not excluded; or with fewer than %d rounds or %.0f GB after warm-up. Else it is flat.",
			Bytes(l.MaxGrowth), l.MinRounds, l.MinGB),
		fmt.Sprintf("It is also a leak if RssAnon ends more than %s above idle at rest, or peaks more than %s above idle",
			Bytes(l.MaxGrowth), Bytes(l.MaxPeak)),
	}
	if l.MaxRSS > 0 {
		lines[len(lines)-1] += ","
		lines = append(lines, fmt.Sprintf("  or if RSS ever exceeds %s (--max-rss)", Bytes(l.MaxRSS)))
	}
	lines[len(lines)-1] += "."
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
