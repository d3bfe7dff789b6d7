package pace

import (
	"sync/atomic"

	"fullbore/app/client"
)

// Flow is what one connection may send, and receive. Take, Return and Wait are for one
// goroutine at a time; all else may be called from any.
type Flow struct {
	pacer  *Pacer
	limits *Rates // of the pacer, when it was made
	client client.Key
	rule   *Rates
	waker  Waker

	left    atomic.Int64 // bytes that may go now
	asked   atomic.Int64 // by the last Take that found too few
	waits   atomic.Bool  // it has none, and wants some
	listed  atomic.Bool  // the sharing goroutine knows it, or will
	retired atomic.Bool
	rate    atomic.Int64
	signal  atomic.Pointer[chan struct{}] // for Wait; nil: it was never called
	next    *Flow                         // in Pacer.news

	share
}

// Is reports whether the flow is for this client and rule, and made by the limits that
// are in force. If not, it needs another one.
func (f *Flow) Is(of client.Key, rule *Rates) bool {
	return f.client == of && f.rule == rule && f.limits == f.pacer.limits.Load()
}

// Take takes bytes that may go now, at most so many. What is not sent has to be returned.
// If there are none, 0, the flow waits, and its Waker is told when there are.
func (f *Flow) Take(most int64) int64 {
	if n := f.take(most); n > 0 {
		return n
	}
	switch {
	case f.pacer.limits.Load() == nil:
		return most
	case f.retired.Load():
		return 0
	}
	f.asked.Store(most)
	f.waits.Store(true)
	if n := f.take(most); n > 0 { // it came just before
		f.waits.Store(false)
		return n
	}
	if !f.listed.Load() && f.listed.CompareAndSwap(false, true) {
		f.enter()
	}
	return 0
}

func (f *Flow) take(most int64) int64 {
	for {
		left := f.left.Load()
		n := min(left, most)
		if n <= 0 {
			return 0
		}
		if f.left.CompareAndSwap(left, left-n) {
			return n
		}
	}
}

// Return gives back what was taken and not sent.
func (f *Flow) Return(n int64) {
	if n > 0 {
		f.left.Add(n)
	}
}

// Wait waits after a Take that gave nothing until the next one may give something; it may
// also return early.
func (f *Flow) Wait() {
	signal := f.signal.Load()
	if signal == nil {
		fresh := make(chan struct{}, 1)
		f.signal.Store(&fresh)
		return // what came before the signal was there is not missed
	}
	if f.waits.Load() && !f.retired.Load() && f.pacer.limits.Load() != nil {
		<-*signal
	}
}

// Wake has whoever waits look again.
func (f *Flow) Wake() {
	if f.waker != nil {
		f.waker.Wake()
	}
	if signal := f.signal.Load(); signal != nil {
		select {
		case *signal <- struct{}{}:
		default:
		}
	}
}

// Retire ends the flow, for another one in its place. It gives no more.
func (f *Flow) Retire() {
	f.retired.Store(true)
	f.Wake()
}

// End says that the connection has ended: what is left goes to others.
func (f *Flow) End() { f.retired.Store(true) }

// Rate is its share in bytes per second, about, over the last second.
func (f *Flow) Rate() int64 { return f.rate.Load() }

// enter makes the flow known to the sharing goroutine.
func (f *Flow) enter() {
	for {
		head := f.pacer.news.Load()
		f.next = head
		if f.pacer.news.CompareAndSwap(head, f) {
			if head == nil {
				f.pacer.rouse()
			}
			return
		}
	}
}

// leave is the opposite. It is false if the flow has begun to wait meanwhile, and stays.
func (f *Flow) leave() bool {
	f.listed.Store(false)
	return !f.waits.Load() || f.retired.Load() || !f.listed.CompareAndSwap(false, true)
}

// give lets bytes go, and says so if they were waited for.
func (f *Flow) give(n int64) {
	f.left.Add(n)
	if f.waits.Load() && f.waits.Swap(false) {
		f.Wake()
	}
}
