package logger

import (
	"sync/atomic"
	"time"
)

// clock is the text of ${time}. It is made anew when it is asked for and older
// than the interval, so that no goroutine has to keep it, and none is left
// behind by a logger that nobody closes. It is safe for concurrent use.
type clock struct {
	layout string
	zone   *time.Location
	every  time.Duration
	last   *atomic.Pointer[stamp]
}

// stamp is a time and its text, which is kept as an interface too: as such it
// can be stored in Data without an allocation.
type stamp struct {
	at    time.Time
	text  string
	boxed any
}

func newClock(layout, zone string, every time.Duration) clock {
	location, err := time.LoadLocation(zone)
	if err != nil {
		location = time.Local
	}
	return clock{layout: layout, zone: location, every: every, last: &atomic.Pointer[stamp]{}}
}

func (k clock) now(t time.Time) *stamp {
	if s := k.last.Load(); s != nil {
		if age := t.Sub(s.at); age >= 0 && age < k.every {
			return s
		}
	}
	text := t.In(k.zone).Format(k.layout)
	s := &stamp{at: t, text: text, boxed: text}
	k.last.Store(s)
	return s
}
