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

	"golang.org/x/sys/unix"

	"fullbore/bench/stats"
	"fullbore/bench/target"
)

// meter shows progress: on a terminal a line that overwrites itself, otherwise
// one line per round. Safe for concurrent use.
type meter struct {
	out      io.Writer
	terminal bool
	rounds   int
	received *atomic.Int64

	mu     sync.Mutex
	round  int
	begin  time.Time // of the round
	before int64     // received until then
	drawn  time.Time
	peak   peak
}

func newMeter(out io.Writer, rounds int, received *atomic.Int64) *meter {
	return &meter{out: out, terminal: isTerminal(out), rounds: rounds, received: received}
}

// enter begins a round.
func (m *meter) enter(round int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.round, m.begin, m.before = round, time.Now(), m.received.Load()
}

// sample redraws the line, five times a second at most.
func (m *meter) sample(sample target.Sample, highest peak) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.peak = highest
	if !m.terminal || m.round == 0 || time.Since(m.drawn) < 200*time.Millisecond {
		return
	}
	m.drawn = time.Now()
	m.printf("\r\033[K%s", m.line(sample))
}

// finish ends a round with the target at rest.
func (m *meter) finish(rest target.Sample) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case !m.terminal:
		m.printf("%s\n", m.line(rest))
	case m.round == m.rounds:
		m.printf("\r\033[K")
	}
}

func (m *meter) line(sample target.Sample) string {
	bytes := float64(m.received.Load() - m.before)
	return fmt.Sprintf("round %d/%d: %.1f GB in %.1f s, RssAnon %s (peak %s), %d descriptors, %d threads",
		m.round, m.rounds, bytes/1e9, time.Since(m.begin).Seconds(),
		stats.Bytes(float64(sample.Anon)), stats.Bytes(float64(m.peak.Anon)), sample.Descriptors, sample.Threads)
}

// printf ignores errors: a closed terminal is no reason to stop measuring.
func (m *meter) printf(format string, args ...any) { _, _ = fmt.Fprintf(m.out, format, args...) }

func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
	return err == nil
}
