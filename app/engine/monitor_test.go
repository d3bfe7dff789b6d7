//go:build linux && (amd64 || arm64)

package engine

import (
	"testing"
	"time"
)

// A handler is not slow because the monitor sees it while it runs.
func TestMonitorLeavesAHandlerThatHasJustBegunAlone(t *testing.T) {
	l := &loop{}
	e := &Engine{loops: []*loop{l}}
	l.engine = e
	seen := make([]uint64, 1)
	for range 3 {
		e.monitor.look(e, seen) // nothing runs
	}
	l.state.Store(1)
	l.asleep.Store(false)
	defer func() {
		if cause := recover(); cause != nil { // there is no request to go on without
			t.Errorf("the loop was to go on without a handler that has just begun: %v", cause)
		}
	}()
	e.monitor.look(e, seen)
	if n := e.SlowTurns(); n != 0 {
		t.Errorf("%d slow turns", n)
	}
}

// A loop that wakes while the monitor lies down does not know that it has to
// wake it.
func TestMonitorStaysUpWhileALoopIsAwake(t *testing.T) {
	l := &loop{}
	m := &monitor{wake: make(chan struct{}, 1)}
	stop := make(chan struct{})
	up := make(chan bool, 1)
	go func() { up <- m.sleep(&Engine{loops: []*loop{l}}, stop) }()
	select {
	case is := <-up:
		if !is {
			t.Error("it has ended")
		}
	case <-time.After(time.Second):
		close(stop)
		t.Error("it sleeps")
	}
}
