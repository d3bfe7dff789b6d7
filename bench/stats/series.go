package stats

// This file is the rule for one series: flat, leak or undecided. It exists apart
// from the rules about levels because the same three questions are asked of
// memory, descriptors and goroutines alike: is there a rise, does it matter, and
// does it go on?

import (
	"fmt"
	"math"
)

// Unit is what a series counts.
type Unit string

// The units.
const (
	InBytes Unit = "bytes"
	Count   Unit = "count"
)

// Series is one figure of the target at rest, round by round, the warm-up
// included. GB is what had been served by then, strictly increasing.
type Series struct {
	Name   string    `json:"name"`
	Unit   Unit      `json:"unit"`
	GB     []float64 `json:"gb_served"`
	Values []float64 `json:"values"`

	Floor     float64 `json:"floor_per_gb"` // slopes up to this are no leak
	Allowance float64 `json:"allowance"`    // growth over the run up to this may be chance
	Exclude   float64 `json:"exclude"`      // flat only if growth over the run of more than this is excluded; 0 asks for no such proof

	// Informative series are shown and never judged: page cache, for one.
	Informative bool `json:"informative"`
}

// Memory is an empty series of bytes under these limits.
func (l Limits) Memory(name string) Series {
	return Series{Name: name, Unit: InBytes, Floor: l.SlopePerGB, Allowance: l.Noise, Exclude: l.MaxGrowth}
}

// CountOf is an empty series of things of which a few more may be chance.
func CountOf(name string, allowance float64) Series {
	return Series{Name: name, Unit: Count, Allowance: allowance}
}

// Finding is what the rule says about one series. Per GB figures are in the
// series' unit.
type Finding struct {
	Name      string      `json:"name"`
	Verdict   Verdict     `json:"verdict"`
	Reason    string      `json:"reason"`
	Slope     Slope       `json:"-"` // after warm-up, interval corrected for autocorrelation
	Trend     MannKendall `json:"-"` // likewise
	Inflation float64     `json:"variance_inflation"`
	GB        float64     `json:"gb_after_warmup"`
	Growth    float64     `json:"growth"`    // slope times GB
	Allowance float64     `json:"allowance"` // what Growth has to exceed: the series' own, or the noise
	Start     float64     `json:"start"`     // median of the first third after warm-up
	Rest      float64     `json:"rest"`      // median of the last third
	StepAt    float64     `json:"step_at_gb,omitempty"`
	Step      float64     `json:"step,omitempty"` // height, if the series is one step rather than a line
}

const (
	// significance is one-sided: one flat run in forty shows a rise so strong by
	// chance, before it is asked whether it matters and goes on.
	significance = 0.025

	// fewestCorrected readings are needed to correct for autocorrelation. With
	// fewer no series of memory is called a leak for its slope.
	fewestCorrected = 10

	// betterStep is how much nearer to the readings a step must be than a line. It
	// has one parameter more and fits any short noisy line better by chance.
	betterStep = 0.6

	// afterStep times as much must be served after a step as before it to say that
	// it ended there. Stairs show one step only for as long as one tread; that it
	// lies in the first twentieth of the run then is one chance in twenty.
	afterStep = 19

	// mostPoints keeps the number of pairs below 100,000. Longer runs are judged
	// by the medians of blocks of rounds, which also takes out what
	// autocorrelation there is within a block.
	mostPoints = 400
)

// judgeSeries applies the rule to the rounds after warm-up.
func judgeSeries(s Series, warmup, minRounds int) Finding {
	warmup = min(warmup, len(s.Values))
	rounds := len(s.Values) - warmup
	x, y := blocks(s.GB[warmup:], s.Values[warmup:], mostPoints)
	f := Finding{Name: s.Name, Verdict: Undecided, Slope: theilSen(nil, nil, 0), Allowance: s.Allowance}
	if rounds < 2 {
		f.Reason = fmt.Sprintf("%d rounds after warm-up", rounds)
		return f
	}
	f.measure(s, x, y)
	if rounds < minRounds {
		f.Reason = fmt.Sprintf("%d rounds after warm-up, need %d", rounds, minRounds)
		return f
	}
	f.decide(s, x, y)
	// A short run may have its only stair between warm-up and the rest.
	if f.Verdict == Flat && s.Unit == InBytes && len(y) < fewestCorrected && warmup > 0 {
		if jump := Median(y) - s.Values[warmup-1]; jump >= f.Allowance {
			f.set(Undecided, "stepped up by %s as the warm-up ended, and %d readings since are too few to call that the end of it", s.text(jump), len(y))
		}
	}
	return f
}

func (f *Finding) measure(s Series, x, y []float64) {
	f.Slope, f.Trend, f.Inflation = fit(x, y)
	f.GB = x[len(x)-1] - x[0]
	f.Growth = f.Slope.PerUnit * f.GB
	// Three median deviations are about two standard deviations of a normal
	// noise, and one wild reading does not move them.
	f.Allowance = max(s.Allowance, 3*Deviation(detrended(x, y, f.Slope.PerUnit)))
	third := max(1, len(y)/3)
	f.Start, f.Rest = Median(y[:third]), Median(y[len(y)-third:])
}

// fit is slope and trend, both corrected for autocorrelation.
func fit(x, y []float64) (Slope, MannKendall, float64) {
	inflation := Inflation(y)
	variance := mannKendallVariance(y) * inflation
	return theilSen(x, y, variance), newMannKendall(concordance(y), variance, len(y)), inflation
}

// decide asks the three questions.
func (f *Finding) decide(s Series, x, y []float64) {
	trend := f.Slope.Lower > s.Floor && f.Trend.PRising() < significance
	rises := trend && f.Growth >= f.Allowance
	higher := f.Rest-f.Start >= f.Allowance
	unseen := f.Slope.Upper * f.GB // growth that the interval allows
	switch {
	case f.stepped(s, x, y): // and has said so
	case rises:
		f.risen(s, x, y)
	case higher:
		f.set(Undecided, "rose by %s, but not all along: more rounds will tell whether it goes on", s.text(f.Rest-f.Start))
	case trend && !(unseen < 2*f.Allowance):
		f.set(Undecided, "rises, by %s and perhaps by %s over the run: more rounds will tell", s.text(f.Growth), s.text(unseen))
	case s.Exclude > 0 && !(unseen <= s.Exclude):
		f.set(Undecided, "too noisy for so short a run: growth of %s over it is not excluded", s.text(unseen))
	default:
		f.set(Flat, "no growth beyond %s over the run; more than %s per GB is excluded", s.text(f.Allowance), s.text(f.excluded(s)))
	}
}

// risen judges a series that rises by more than may be chance: a leak, if it can be
// known that this is no slow wave, and if it goes on.
func (f *Finding) risen(s Series, x, y []float64) {
	rose := s.text(max(f.Growth, f.Rest-f.Start))
	switch {
	case s.Unit == InBytes && len(y) < fewestCorrected:
		f.set(Undecided, "rose by %s, but %d readings are too few to tell a leak from memory's own slow waves: need %d",
			rose, len(y), fewestCorrected)
	case goesOn(x, y, f.Slope.PerUnit):
		f.set(Leak, "grows by %s per GB served (at least %s), %s over the run (Mann-Kendall z %.1f, p %.2g)",
			s.text(f.Slope.PerUnit), s.text(f.Slope.Lower), s.text(f.Growth), f.Trend.Z, f.Trend.PRising())
	default:
		f.set(Undecided, "rose by %s, but not all along: more rounds will tell whether it goes on", rose)
	}
}

// stepped judges a series that one step up describes clearly better than a line
// does. A pool that fills once and the first stair of a leak look the same until
// much more has been served after the step than before it.
func (f *Finding) stepped(s Series, x, y []float64) bool {
	jump := largestStep(y)
	if jump.height < f.Allowance || jump.height <= 0 || jump.misfit > betterStep*lineMisfit(x, y, f.Slope.PerUnit) {
		return false
	}
	f.Step, f.StepAt = jump.height, x[jump.at]
	after := x[len(x)-1] - f.StepAt
	if since := s.judgeAfter(x[jump.at:], y[jump.at:]); since.Verdict == Flat && after >= afterStep*f.StepAt {
		f.set(Flat, "one step of %s after %.1f GB; in the %.1f GB since, %s", s.text(f.Step), f.StepAt, after, since.Reason)
		return true
	}
	f.set(Undecided, "stepped up by %s after %.1f GB: a pool that has filled, or the first stair of a leak; "+
		"run longer, or with a --warmup beyond it", s.text(f.Step), f.StepAt)
	return true
}

// judgeAfter is the finding about the readings since a step, as if they were all.
func (s Series) judgeAfter(x, y []float64) Finding {
	f := Finding{Name: s.Name, Verdict: Undecided}
	if len(y) >= fewestCorrected {
		f.measure(s, x, y)
		f.decide(s, x, y)
	}
	return f
}

// excluded is the slope above which growth would have been found: the end of the
// interval, or what the allowance hides, whichever is more.
func (f *Finding) excluded(s Series) float64 {
	return max(f.Slope.Upper, f.Allowance/f.GB, s.Floor)
}

func (f *Finding) set(verdict Verdict, format string, args ...any) {
	f.Verdict, f.Reason = verdict, fmt.Sprintf(format, args...)
}

// goesOn says whether each half rises by itself, at half of the whole's pace or
// more: a slow wave that happens to end high seldom does.
func goesOn(x, y []float64, slope float64) bool {
	half := len(y) / 2
	return min(TheilSen(x[:half+1], y[:half+1]).PerUnit, TheilSen(x[half:], y[half:]).PerUnit) >= slope/2
}

func (s Series) text(value float64) string {
	if s.Unit == InBytes {
		return Bytes(value)
	}
	if math.IsInf(value, 0) || math.IsNaN(value) {
		return Bytes(value)
	}
	return fmt.Sprintf("%.3g", value)
}

// blocks takes medians of neighbors until no more than the given number is left.
func blocks(x, y []float64, most int) ([]float64, []float64) {
	if len(x) <= most {
		return x, y
	}
	size := (len(x) + most - 1) / most
	var bx, by []float64
	for i := 0; i < len(x); i += size {
		end := min(i+size, len(x))
		bx, by = append(bx, Median(x[i:end])), append(by, Median(y[i:end]))
	}
	return bx, by
}
