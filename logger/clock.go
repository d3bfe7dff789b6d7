package logger

import (
	"sync/atomic"
	"time"
)

// clock is the text of ${time}. It is made when it is asked for and has gone
// stale, which a timer says once an interval after it was made: no request
// needs to look at the time, no goroutine has to keep it, and nothing is left
// behind by a logger that nobody closes. It is safe for concurrent use.
type clock struct {
	layout string
	zone   *time.Location
	every  time.Duration
	fresh  atomic.Pointer[stamp] // nil: stale
}

// stamp is a time as text, kept as an interface too: as such it can be stored
// in Data without an allocation.
type stamp struct {
	text  string
	boxed any
}

func newClock(layout, zone string, every time.Duration) *clock {
	location, err := time.LoadLocation(zone)
	if err != nil {
		location = time.Local
	}
	return &clock{layout: layout, zone: location, every: every}
}

func (k *clock) now() *stamp {
	if s := k.fresh.Load(); s != nil {
		return s
	}
	s := k.at(time.Now())
	if k.fresh.CompareAndSwap(nil, s) {
		time.AfterFunc(k.every, func() { k.fresh.Store(nil) })
	}
	return s
}

func (k *clock) at(t time.Time) *stamp {
	text := t.In(k.zone).Format(k.layout)
	return &stamp{text: text, boxed: text}
}
