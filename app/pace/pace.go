// Package pace shares bandwidth: of the server, of each client and of each connection.
// It is arithmetic and knows nothing of sockets. Whoever sends asks its Flow before
// each piece, which takes no lock, and waits to be woken if there is nothing left.
//
// Shares are max-min fair: first between clients, however many connections each has,
// then between the connections of each. What one cannot use goes to the others, within
// a period. tree.go has what happens in one, divide.go and level.go how what there is is
// divided.
package pace

import (
	"sync"
	"sync/atomic"
	"time"

	"fullbore/app/client"
)

// Rates are limits in bytes per second; 0 is none.
type Rates struct {
	Server     int64 // of all that they apply to together: those of a rule, or the server
	Client     int64 // of each client
	Connection int64 // of each connection
}

// None reports whether nothing is limited.
func (r Rates) None() bool { return r == Rates{} }

// Waker is told when a flow that waits may go on. It is called from any goroutine, and
// must not block.
type Waker interface{ Wake() }

// Pacer shares bandwidth among flows. It is safe for concurrent use.
type Pacer struct {
	limits atomic.Pointer[Rates] // nil: nothing is limited
	news   atomic.Pointer[Flow]  // flows that want to be shared with, a stack
	wake   chan struct{}
	paced  atomic.Int64 // flows that are shared with

	starting sync.Once
	started  time.Time
	stop     chan struct{}
	stopping sync.Once
	running  sync.WaitGroup
}

// New makes a Pacer that limits nothing. It does nothing, and costs nothing, until Set
// is called with limits. Close stops it.
func New() *Pacer {
	return &Pacer{wake: make(chan struct{}, 1), stop: make(chan struct{}), started: time.Now()}
}

// Set changes what is limited, also for those who send or wait right now; nil is that
// nothing is. The rate of a connection, and a rule, is that of the time when its flow was
// made; see Flow.Is.
func (p *Pacer) Set(limits *Rates) {
	if limits != nil {
		p.starting.Do(func() { p.running.Go(p.run) })
	}
	p.limits.Store(limits)
	p.rouse()
}

// On reports whether anything is limited.
func (p *Pacer) On() bool { return p.limits.Load() != nil }

// Paced is how many connections are being held to a rate.
func (p *Pacer) Paced() int { return int(p.paced.Load()) }

// Close lets all go on without limits, and stops. It may be called twice.
func (p *Pacer) Close() {
	p.stopping.Do(func() {
		p.starting.Do(func() {})
		p.limits.Store(nil)
		close(p.stop)
		p.running.Wait()
	})
}

// rouse has the goroutine look what is new.
func (p *Pacer) rouse() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// run shares, once per period as long as there is anybody to share with.
func (p *Pacer) run() {
	t := newTree(p)
	defer t.release()
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	for ticking := false; ; {
		pause := period
		select {
		case <-p.stop:
			return
		case <-timer.C:
			begun := time.Since(p.started)
			ticking = t.tick(begun)
			pause = t.next(time.Since(p.started) - begun)
		case <-p.wake:
			t.admit(time.Since(p.started), p.news.Swap(nil))
			if ticking {
				continue
			}
			ticking = t.shares()
		}
		if ticking {
			timer.Reset(pause)
		}
	}
}

// Flow makes a flow for a connection of a client, whose own rule applies beside the
// limits; nil is none. waker may be nil for one that is only waited for by Wait.
func (p *Pacer) Flow(of client.Key, rule *Rates, waker Waker) *Flow {
	f := &Flow{pacer: p, client: of, rule: rule, waker: waker, limits: p.limits.Load()}
	if f.limits != nil {
		f.own.rate = float64(f.limits.Connection)
	}
	if rule != nil && rule.Connection > 0 && (f.own.rate == 0 || float64(rule.Connection) < f.own.rate) {
		f.own.rate = float64(rule.Connection)
	}
	return f
}
