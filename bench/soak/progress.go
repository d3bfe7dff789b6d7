//go:build linux

package soak

// This file tells a waiting person how far the run is. It exists apart from the
// report because progress is for eyes and goes to stderr, and may be thrown away.

import (
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/sys/unix"

	"fullbore/bench/process"
	"fullbore/bench/stats"
)

// meter shows progress: on a terminal a bar, otherwise one line per round. Safe
// for concurrent use. Close it at the end.
type meter struct {
	out      io.Writer
	rounds   int           // 0: not known
	duration time.Duration // 0: rounds are counted
	started  time.Time
	received *atomic.Int64
	bars     *mpb.Progress // nil without a terminal
	bar      *mpb.Bar

	mu     sync.Mutex
	round  int
	begin  time.Time // of the round
	before int64     // received until then
	peak   peak
	latest process.Sample
}

func newMeter(out io.Writer, config Config, received *atomic.Int64) *meter {
	m := &meter{out: out, rounds: config.Rounds, duration: config.Duration, started: time.Now(), received: received}
	if m.duration > 0 {
		m.rounds = 0
	}
	if !isTerminal(out) {
		return m
	}
	m.bars = mpb.New(mpb.WithOutput(out), mpb.WithRefreshRate(200*time.Millisecond))
	total := int64(m.rounds)
	if m.duration > 0 {
		total = int64(m.duration)
	}
	m.bar = m.bars.AddBar(total, mpb.BarRemoveOnComplete(), mpb.AppendDecorators(decor.Any(func(decor.Statistics) string {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.line(m.latest)
	})))
	return m
}

// enter begins a round.
func (m *meter) enter(round int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.round, m.begin, m.before = round, time.Now(), m.received.Load()
}

// sample takes what the bar shows. The bar is told without the lock, since its
// goroutine takes it to draw.
func (m *meter) sample(sample process.Sample, highest peak) {
	m.mu.Lock()
	if sample.Descriptors == 0 {
		sample.Descriptors = m.latest.Descriptors
	}
	m.peak, m.latest = highest, sample
	m.mu.Unlock()
	if m.bar != nil && m.duration > 0 {
		m.bar.SetCurrent(min(int64(time.Since(m.started)), int64(m.duration)-1)) // complete only when closed
	}
}

// finish ends a round with the target at rest.
func (m *meter) finish(rest process.Full) {
	m.mu.Lock()
	line, round := m.line(rest.Sample), m.round
	m.mu.Unlock()
	switch {
	case m.bar == nil:
		_, _ = fmt.Fprintln(m.out, line) // a closed pipe is no reason to stop measuring
	case m.duration == 0 && round < m.rounds:
		m.bar.SetCurrent(int64(round))
	}
}

// close takes the bar away and waits for its goroutine.
func (m *meter) close() {
	if m.bar != nil {
		m.bar.Abort(true)
		m.bars.Wait()
	}
}

func (m *meter) line(sample process.Sample) string {
	bytes := float64(m.received.Load() - m.before)
	of := ""
	if m.rounds > 0 {
		of = fmt.Sprintf("/%d", m.rounds)
	}
	return fmt.Sprintf("round %d%s: %.1f GB in %.1f s, RssAnon %s (peak %s), %d descriptors, %d threads",
		m.round, of, bytes/1e9, time.Since(m.begin).Seconds(),
		stats.Bytes(float64(sample.Anon)), stats.Bytes(float64(m.peak.Anon)), sample.Descriptors, sample.Threads)
}

func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
	return err == nil
}
