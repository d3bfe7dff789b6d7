package pace

import (
	"math"
	"time"
)

// How often is shared: often, for a rate to look steady; but seldom where flows are fast,
// since each time wakes threads and finds cold caches, which costs as much as to send some
// hundred KB. A flow sends what it gets at once. The fastest have a shorter period again,
// as no longer one's worth fits into their sockets.
const (
	period       = 25 * time.Millisecond
	fastPeriod   = 125 * time.Millisecond
	fasterPeriod = 100 * time.Millisecond

	fastFlow   = 4e6 // bytes per second of each, on an average
	fasterFlow = 30e6
)

// restPeriod is for how much time a budget has saved up that nobody uses.
const restPeriod = 50 * time.Millisecond

// A budget never holds more than depth's worth, which bounds how much may go at once.
const depth = 175 * time.Millisecond

// tiniest is the least that is sent, in bytes, at a rate at which that takes more than an
// eighth of a second.
const tiniest = 128

// budget is a bucket of bytes that fills at a rate.
type budget struct {
	rate   float64       // bytes per second; 0: no limit
	bytes  float64       // what may go; less than 0 if more was given than there is
	at     time.Duration // when it was filled last
	behind float64       // what was wanted and came too late to go at once
	spare  bool          // at the last sharing there was something left
	filled bool          // ever
}

// refill adds what has come since the last time. One that is new has what a budget
// has that rests.
func (b *budget) refill(now time.Duration) {
	since := now - b.at
	b.at = now
	switch {
	case b.rate == 0:
		b.filled = false
	case !b.filled:
		b.filled, b.bytes, b.spare = true, b.rests(), true
	default:
		b.fill(b.rate * min(since, time.Second).Seconds())
	}
}

// fill adds what has come, up to depth. What is more was wanted while a busy machine kept
// us from sharing it: it is added little by little, so that a rate is kept without bursts.
func (b *budget) fill(came float64) {
	most := max(b.rate*depth.Seconds(), 2*b.rests())
	b.bytes += came
	if b.spare {
		b.behind = 0
	} else if late := b.bytes - most; late > 0 {
		b.behind = min(b.behind+late, b.rate*behindMost.Seconds())
	}
	again := max(min(b.behind, came/catchUp, most-b.bytes), 0)
	b.behind -= again
	b.bytes = min(b.bytes+again, most)
}

// catchUp is the part of a rate by which it may be exceeded after it could not be kept.
// What is made up for is, with depth, less than a quarter of a second's worth.
const (
	catchUp    = 10
	behindMost = 60 * time.Millisecond
)

// rests is what is kept of what nobody wants.
func (b *budget) rests() float64 { return max(b.rate*restPeriod.Seconds(), b.least()) }

// least is the smallest piece that is worth to be sent: an eighth of a second's worth, or
// what is worth a call by itself.
func (b *budget) least() float64 { return min(max(b.rate/8, tiniest), mostPiece) }

// room is what may go, if that is worth to be sent.
func (b *budget) room() float64 {
	switch {
	case b.rate == 0:
		return math.Inf(1)
	case b.bytes < b.least():
		return 0
	}
	return b.bytes
}

// spend takes bytes out; a negative number puts them back.
func (b *budget) spend(n float64) {
	if b.rate > 0 {
		b.bytes -= n
	}
}

// settle ends a sharing: what nobody wanted is not saved up, or only for as long as it may
// take a busy machine to send what it was given.
func (b *budget) settle() {
	if b.rate > 0 {
		b.bytes = min(b.bytes, 2*b.rests())
		b.spare = b.bytes > b.rests()/2
	}
}

// isFull reports whether nothing is lost if the budget is forgotten.
func (b *budget) isFull() bool { return b.rate == 0 || b.bytes >= b.rests() }
