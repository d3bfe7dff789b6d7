package deadline

import (
	"strconv"
	"time"
)

// Body is how a request's body comes. Only the time in which it was waited for counts,
// so a slow disk, or a rate that we hold the client to, is not the client's fault. The
// zero value is a body of which nothing has come. It is for one goroutine.
type Body struct {
	waited time.Duration // for all of it
	silent time.Duration // since something came
}

// Left is how long the body may still be waited for before a rule is broken, and what is
// wrong then. received is how many bytes have come.
//
// As in Apache's mod_reqtimeout, a client has a time of grace for the whole body, to which
// what it sends adds as much as it would take at the minimum rate: one that was faster may
// pause.
func (b *Body) Left(l *Limits, received int64) (time.Duration, Error) {
	left, broken := l.Idle-b.silent, Error{Broken: RuleIdle, Limit: l.Idle, Sends: true}
	if l.Upload <= 0 {
		return left, broken
	}
	const most = time.Duration(1<<63 - 1)
	earned := most
	if seconds := float64(received) / float64(l.Upload); seconds < float64(most/time.Second)/2 {
		earned = l.Grace + time.Duration(seconds*float64(time.Second))
	}
	if byRate := earned - b.waited; byRate < left {
		return byRate, Error{Broken: RuleUpload, Least: l.Upload, Sends: true}
	}
	return left, broken
}

// Waited says that the body was waited for, and whether any of it came.
func (b *Body) Waited(d time.Duration, came bool) {
	b.waited += d
	b.silent += d
	if came {
		b.silent = 0
	}
}

// Track is how fast a client takes a response, over a sliding time: the last grace to one
// and a half of it. Only time in which the client was waited for counts. The zero value
// has seen nothing. It is for one goroutine at a time.
type Track struct {
	older, newer mark
	until        int64 // when the wait was looked at last; 0: never
}

// mark is what had been taken when. Times are in nanoseconds since whenever, of one clock.
type mark struct{ at, taken int64 }

// Resume says that the client is waited for from now on, again or for the first time. The
// time since the last look was ours.
func (t *Track) Resume(now, taken int64) {
	if t.until == 0 {
		t.older = mark{now, taken}
		t.newer = t.older
	}
	ours := now - max(t.until, t.older.at)
	t.older.at += ours
	t.newer.at += ours
	t.until = now
}

// Pause says that the client is not waited for any more.
func (t *Track) Pause(now int64) { t.until = now }

// Slow reports whether the client, which was waited for since the last call of anything
// here, has taken less than the limits ask for. taken counts what it acknowledged.
func (t *Track) Slow(l *Limits, now, taken int64) bool {
	if t.until == 0 {
		t.Resume(now, taken)
		return false
	}
	t.until = now
	grace := int64(l.Grace)
	if passed := now - t.older.at; passed >= grace {
		if float64(taken-t.older.taken) < float64(l.Download)*time.Duration(passed).Seconds() {
			return true
		}
		if t.newer == t.older { // nobody looked in between
			t.newer = mark{now, taken}
		}
		t.older, t.newer = t.newer, mark{now, taken}
		return false
	}
	if t.newer == t.older && now-t.newer.at >= grace/2 {
		t.newer = mark{now, taken}
	}
	return false
}

// bytesPerSecond is a rate as people write it.
func bytesPerSecond(n int64) string { return strconv.FormatInt(n, 10) + " B/s" }
