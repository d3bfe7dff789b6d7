//go:build linux && (amd64 || arm64)

package engine

import (
	"sync/atomic"
	"time"
)

// slowTurn is how long a loop may be busy with one connection.
const slowTurn = 10 * time.Millisecond

// monitorRests is after how many looks at loops that all wait the monitor stops
// looking, so that a server without clients does nothing.
const monitorRests = 20

// monitor finds handlers that take so long that their loop has to go on without
// them.
type monitor struct {
	wake   chan struct{}
	asleep atomic.Bool
}

// run looks at the loops until stop is closed.
func (m *monitor) run(e *Engine, stop <-chan struct{}) {
	tick := time.NewTicker(slowTurn)
	defer tick.Stop()
	seen := make([]uint64, len(e.loops))
	for idle := 0; ; {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		if m.look(e, seen) {
			idle = 0
			continue
		}
		if idle++; idle < monitorRests {
			continue
		}
		tick.Stop()
		if !m.sleep(e, stop) {
			return
		}
		tick.Reset(slowTurn)
		idle = 0
	}
}

// sleep waits until a loop is awake. It is false when stop is closed.
func (m *monitor) sleep(e *Engine, stop <-chan struct{}) bool {
	m.asleep.Store(true)
	defer m.asleep.Store(false)
	for _, l := range e.loops { // one that woke before it could see that we sleep
		if !l.asleep.Load() {
			return true
		}
	}
	select {
	case <-stop:
		return false
	case <-m.wake:
		return true
	}
}

// look leaves handlers that run since the last look to themselves: those seen
// then, by number, 0 for none. It reports whether any loop was busy.
func (m *monitor) look(e *Engine, seen []uint64) (busy bool) {
	for i, l := range e.loops {
		running := l.turns.Load() + 1
		if l.state.Load()&1 == 0 {
			running = 0
		}
		if running != 0 && running == seen[i] && l.goOnElsewhere() {
			e.slow.Add(1)
		}
		seen[i] = running
		busy = busy || !l.asleep.Load()
	}
	return busy
}

// loopAwake is called by a loop that is about to run a handler, for the first time since it
// waited.
func (m *monitor) loopAwake() {
	if m.asleep.Load() {
		select {
		case m.wake <- struct{}{}:
		default:
		}
	}
}
