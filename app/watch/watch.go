// Package watch looks at the process from within: it samples memory,
// goroutines, descriptors and the collector's share of CPU, says when something
// is wrong, and keeps what is needed to find out why. It also gives memory back
// after bursts.
//
// # Rules on the level
//
//   - memory: resident memory is over a limit.
//   - descriptors: more than 90 % of the process's limit are open.
//   - gc: the collector took over 25 % of the CPU there is, for a minute.
//   - goroutines: there are many times as many as connections explain, those of
//     the last half minute included, whose workers may still be there.
//
// # Rules on growth
//
// A limit is near only when it is late. A leak is seen earlier as something that
// grows with the bytes served and that connections do not explain:
// memory-growth (resident anonymous memory, or Go's live heap), goroutine-growth,
// descriptor-growth.
//
// What was served is divided into stretches of at least 256 KiB, six samples and
// one garbage collection each; Go forces one every two minutes. Of each stretch
// only the lowest reading counts, so that bursts and the sawtooth between two
// collections do not. Sixteen stretches in a row are a window. Four stretches
// also make one of the next, coarser scale, with windows of its own, and so on
// over eight scales: from minutes to months, in a few KB of memory.
//
// A window rises if all of this is true, of the readings and also of what is
// left of them after 40 KiB (2 goroutines, 2 descriptors) for each connection
// (goroutines: of the last half minute, as above):
//
//   - Kendall's tau is at least 0.9: of the 120 pairs of stretches, the later is
//     the higher in all but six (Mann, "Nonparametric tests against trend",
//     Econometrica 13, 1945). By chance alone: less than 1 in 100,000.
//   - The median of the slopes of all pairs (Sen, "Estimates of the regression
//     coefficient based on Kendall's tau", JASA 63, 1968) is above the growth
//     per GB (10^9 bytes) that is allowed. Goroutines and descriptors have an
//     exact right number, so none is allowed of them.
//   - Over the window that makes more than 16 MiB and a tenth of where it began,
//     or 64 goroutines, or 64 descriptors.
//   - No single step is half of it, which is what a pool that fills, or a cache,
//     looks like.
//   - It goes on: the last third has at least a quarter of it.
//
// The alarm is over when no window rises any more, or when half of what rose is
// gone again.
//
// Bytes are the measure also for goroutines and descriptors, rather than
// requests: they are known to the byte, also of what was aborted, and headers
// count, so that requests without a body move it as well.
//
// How often that errs is measured in TestRulesOnSyntheticSeries with 1,000
// seeds for each shape, four hours at a sample every 5 s, and printed by
// go test -v. Flat noise, red noise, the collector's sawtooth, a pool that fills,
// bursts of connections whose memory or workers stay, connections that come and go: no
// false alarm in 1,000. Warm-ups of up to ten minutes that add 10 to 20 MiB, which
// only their end tells from a leak: 37 in 1,000. Leaks of 1 KB per request (50 a
// second, of 100 KB): all found, in 40 minutes, which is a window of the finest
// scale when the collector runs every two minutes; of one goroutine per abort
// (one in 2 s, under up to 500 connections): all found, in under two hours.
//
// What does not depend on traffic, such as a leak in a timer of an idle server,
// is left to the rules on the level.
package watch

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Rule is what can be wrong. Its text is a metric's label and part of file
// names, and stable.
type Rule string

// The rules.
const (
	ruleMemory           Rule = "memory"
	ruleDescriptors      Rule = "descriptors"
	ruleGC               Rule = "gc"
	ruleGoroutines       Rule = "goroutines"
	ruleMemoryGrowth     Rule = "memory-growth"
	ruleGoroutineGrowth  Rule = "goroutine-growth"
	ruleDescriptorGrowth Rule = "descriptor-growth"
)

// Rules are all of them, the gravest first.
var Rules = []Rule{ruleMemory, ruleDescriptors, ruleGC, ruleGoroutines, ruleMemoryGrowth, ruleGoroutineGrowth, ruleDescriptorGrowth}

// Watch is a watchdog. All methods are safe for concurrent use.
type Watch struct {
	cfg      Config
	settings atomic.Pointer[Settings]
	changed  chan struct{} // holds one: the settings are new

	sampler  *sampler
	captures chan *alarm // for the goroutine that captures
	posts    chan *alarm // for the goroutine that posts
	captured atomic.Int64

	// For tests to shorten.
	gcWindow time.Duration // over which the collector's share is taken
	giveBack time.Duration // between two looks for the end of a burst
	backoff  time.Duration // after the first failed post

	// Run's own:
	peak   int     // the most connections since the last look for the end of a burst
	recent highest // the most connections lately

	mu     sync.Mutex
	ring   ring
	states map[Rule]*state
	growth map[Rule][]*growth // what each rule on growth looks at
	gc     gcShare

	container container
}

// New makes a Watch. It panics if a required function is missing.
func New(cfg Config) *Watch {
	if cfg.BytesServed == nil || cfg.Connections == nil || cfg.Peak == nil {
		panic("watch: BytesServed, Connections and Peak are required")
	}
	w := &Watch{
		cfg:      cfg,
		changed:  make(chan struct{}, 1),
		sampler:  newSampler(),
		captures: make(chan *alarm, len(Rules)),
		posts:    make(chan *alarm, webhookQueue),
		gcWindow: time.Minute,
		giveBack: giveBackEvery,
		backoff:  time.Second,
		states:   make(map[Rule]*state, len(Rules)),
	}
	for _, rule := range Rules {
		w.states[rule] = &state{}
	}
	w.forget()
	w.settings.Store(&cfg.Settings)
	return w
}

// Set changes the settings. What was seen so far still counts.
func (w *Watch) Set(s Settings) {
	w.settings.Store(&s)
	select {
	case w.changed <- struct{}{}:
	default: // Run will see these, too
	}
}

// Run watches until ctx ends. A capture in progress is then given up, as are
// posts. It is called once.
func (w *Watch) Run(ctx context.Context) {
	var workers sync.WaitGroup
	defer workers.Wait()
	workers.Go(func() { w.capture(ctx) })
	workers.Go(func() { w.post(ctx) })

	// A ticker cannot stand still, so one that is stopped stands in for "off".
	look := time.NewTicker(time.Hour)
	defer look.Stop()
	burst := time.NewTicker(w.giveBack)
	defer burst.Stop()
	every := time.Duration(-1)
	var end burstEnd
	for {
		if now := w.settings.Load().Every; now != every {
			every = now
			w.restart(look, every)
		}
		select {
		case <-ctx.Done():
			return
		case <-w.changed:
		case <-look.C:
			w.look()
		case <-burst.C:
			w.giveBackAfter(&end)
		}
	}
}

func (w *Watch) restart(look *time.Ticker, every time.Duration) {
	if every > 0 {
		look.Reset(every)
		return
	}
	look.Stop()
	// Nobody would find out that what is wrong is so no more.
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.states {
		s.raised, s.reason = false, ""
	}
	w.forget()
	w.gc = gcShare{}
}

// takePeak takes from the listener what it tells only once, for both who need
// it: samples, and the end of bursts.
func (w *Watch) takePeak(now time.Time) {
	peak := w.cfg.Peak()
	w.peak = max(w.peak, peak)
	w.recent.add(now, peak)
}

// look takes a sample and asks all rules about it.
func (w *Watch) look() {
	s := w.sampler.sample()
	s.Served, s.Connections = w.cfg.BytesServed(), w.cfg.Connections()
	w.takePeak(s.Time)
	w.recent.add(s.Time, s.Connections)
	s.Peak = w.recent.since(s.Time)
	settings := w.settings.Load()

	w.mu.Lock()
	if before, there := w.ring.last(); there {
		w.gc.add(&s, before.Time, w.gcWindow)
	}
	w.ring.add(s)
	alarms := w.judge(&s, settings)
	w.mu.Unlock()
	for _, a := range alarms {
		w.raise(a, settings)
	}
}

// Health is how well the process is, 100 for well down to 0, and what is wrong,
// the gravest first. Watching nothing, it is 100.
func (w *Watch) Health() (score int, reasons []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	score = 100
	for _, rule := range Rules {
		if s := w.states[rule]; s.raised {
			score -= weights[rule]
			reasons = append(reasons, s.reason)
		}
	}
	return max(0, score), reasons
}

// weights is what each rule takes from a score of 100.
var weights = map[Rule]int{
	ruleMemory: 60, ruleDescriptors: 60, ruleGC: 40, ruleGoroutines: 30,
	ruleMemoryGrowth: 30, ruleGoroutineGrowth: 30, ruleDescriptorGrowth: 30,
}

// Alarms is how often the rule raised an alarm.
func (w *Watch) Alarms(rule Rule) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s := w.states[rule]; s != nil {
		return s.alarms
	}
	return 0
}

// Captures is how many captures were made.
func (w *Watch) Captures() int64 { return w.captured.Load() }

// Last is the latest sample, false if there was none yet.
func (w *Watch) Last() (Sample, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ring.last()
}
