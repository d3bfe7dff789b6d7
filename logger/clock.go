package logger

import (
	"sync/atomic"
	"time"
)

// clock caches the text of ${time}. It is rendered on demand, and a timer marks
// it stale an interval later: requests need not read the time, no goroutine keeps
// it up to date, and a logger that is never closed leaks nothing. It is safe for
// concurrent use.
type clock struct {
	layout string
	zone   *time.Location
	every  time.Duration
	fresh  atomic.Pointer[stamp] // nil: stale
}

// stamp is a time as text, also boxed in an interface so that it can be stored in
// Data without an allocation.
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
