package drain

import (
	"bytes"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"fullbore/app/systemd"
	"fullbore/app/transfer"
	"fullbore/logger"
)

// door is a Door whose connections end when they are cut.
type door struct {
	open  atomic.Int64
	ended atomic.Bool
	cut   atomic.Pointer[error]
}

func (d *door) Open() int                     { return int(d.open.Load()) }
func (d *door) Ended() bool                   { return d.ended.Load() }
func (d *door) Retire(bool) error             { return nil }
func (d *door) Cut(reason error) int          { d.cut.Store(&reason); return int(d.open.Swap(0)) }
func (d *door) WaitClosed(time.Duration) bool { return d.open.Load() == 0 }

// start begins to drain d.
func start(t *testing.T, d *door, timeout func() time.Duration, events *bytes.Buffer) (_ *Drain, over chan struct{}) {
	t.Helper()
	t.Setenv("NOTIFY_SOCKET", "")
	transfers := transfer.New(transfer.Config{})
	t.Cleanup(transfers.Close)
	drain := New(Config{
		Door: d, Transfers: transfers, Timeout: timeout, Events: zerolog.New(events),
		Manager: systemd.NewManager(func(err error) { t.Error(err) }),
	})
	if drain.Draining() || drain.Status() != (Status{}) {
		t.Error("it drains before it runs")
	}
	drain.Count(&logger.Result{Outcome: logger.Complete}) // before the end, and none of its
	over = make(chan struct{})
	go func() { defer close(over); drain.Run() }()
	for !drain.Draining() {
		time.Sleep(time.Millisecond)
	}
	return drain, over
}

// A connection that was accepted last is not counted yet: it is waited for.
func TestDrainWaitsUntilNobodyAccepts(t *testing.T) {
	d, events := new(door), new(bytes.Buffer)
	drain, over := start(t, d, func() time.Duration { return time.Hour }, events)
	select {
	case <-over:
		t.Error("over, and connections are accepted")
	case <-time.After(5 * look):
	}
	drain.Count(&logger.Result{Outcome: logger.Complete})
	drain.Count(&logger.Result{Outcome: logger.Aborted, Err: errors.New("gone")})
	d.ended.Store(true)
	<-over
	if d.cut.Load() != nil {
		t.Error("connections were cut")
	}
	if !strings.Contains(events.String(), "1 downloads finished, 0 cut, 1 ended by their clients") {
		t.Errorf("it said\n%s", events)
	}
}

// A reload may bring the deadline forward while the drain lasts.
func TestDrainTimeoutMayChange(t *testing.T) {
	d, events := new(door), new(bytes.Buffer)
	d.open.Store(3)
	d.ended.Store(true)
	var timeout atomic.Int64
	timeout.Store(int64(time.Hour))
	drain, over := start(t, d, func() time.Duration { return time.Duration(timeout.Load()) }, events)
	if s := drain.Status(); !s.Draining || s.AtStart != 3 || s.Connections != 3 || s.Deadline.Sub(s.Started) != time.Hour {
		t.Errorf("%+v", s)
	}
	timeout.Store(0)
	<-over
	if reason := d.cut.Load(); reason == nil || !errors.Is(*reason, ErrTimeout) {
		t.Errorf("connections were not cut: %v", reason)
	}
	if !strings.Contains(events.String(), "drain timeout: 3 connections open") {
		t.Errorf("it said\n%s", events)
	}
}
