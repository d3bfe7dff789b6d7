package transfer

// The table's goroutine lets downloads expire and writes the events, so that no request
// waits for a terminal. It sleeps while there are none.

import (
	"hash/maphash"
	"math"
	"slices"
	"time"
)

// eventQueue is how many events may wait to be written.
const eventQueue = 256

func (t *table) start(cfg Config) {
	t.seed = maphash.MakeSeed()
	t.byKey = make(map[uint64]*download)
	for _, ring := range []*download{&t.busy, &t.idle, &t.covered} {
		ring.prev, ring.next = ring, ring
	}
	t.straggle = straggle
	t.log = cfg.Events
	t.events = make(chan Download, eventQueue)
	t.look = make(chan struct{}, 1)
	t.stop, t.done = make(chan struct{}), make(chan struct{})
	t.configure(cfg.Expiry, cfg.EventsFrom)
	go t.run()
}

func (t *table) configure(expiry time.Duration, eventsFrom int64) {
	if expiry <= 0 {
		expiry = ExpiryDefault
	}
	t.expiry.Store(int64(expiry))
	t.eventsFrom.Store(eventsFrom)
	t.wake()
}

// wake makes the goroutine recompute when the next download expires.
func (t *table) wake() {
	select {
	case t.look <- struct{}{}:
	default: // it is about to look
	}
}

func (t *table) run() {
	defer close(t.done)
	timer := time.NewTimer(t.expire(time.Now()))
	defer timer.Stop()
	for {
		select {
		case <-t.stop:
			return
		case d := <-t.events:
			t.write(d)
			continue
		case <-t.look:
		case <-timer.C:
		}
		timer.Reset(t.expire(time.Now()))
	}
}

// expire ends the downloads that are due, and returns the time until the next may be.
func (t *table) expire(now time.Time) time.Duration {
	const never = time.Hour
	expiry := time.Duration(t.expiry.Load())
	t.mu.Lock()
	defer t.mu.Unlock()
	return min(
		t.expireRing(&t.covered, now, t.straggle, Complete),
		t.expireRing(&t.idle, now, expiry, Abandoned),
		never,
	)
}

// expireRing ends what has been in a ring for that long, and returns the time until the
// next is due. The table is locked.
func (t *table) expireRing(ring *download, now time.Time, after time.Duration, outcome Outcome) time.Duration {
	for d := ring.first(); d != nil; d = ring.first() {
		if left := after - now.Sub(d.Last); left > 0 {
			return left
		}
		t.end(d, outcome)
	}
	return math.MaxInt64
}

// close ends all that is left: a stopped server resumes nothing.
func (t *table) close() {
	t.once.Do(func() { close(t.stop) })
	<-t.done
	t.mu.Lock()
	for _, left := range []struct {
		ring    *download
		outcome Outcome
	}{{&t.covered, Complete}, {&t.idle, Abandoned}, {&t.busy, Abandoned}} {
		for d := left.ring.first(); d != nil; d = left.ring.first() {
			t.end(d, left.outcome)
			t.drain()
		}
	}
	t.mu.Unlock()
	t.drain()
}

// drain writes the queued events.
func (t *table) drain() {
	for {
		select {
		case d := <-t.events:
			t.write(d)
		default:
			return
		}
	}
}

// tell queues an event; if the queue is full, it is only counted.
func (t *table) tell(d Download) {
	if t.log == nil {
		return
	}
	select {
	case t.events <- d:
	default:
		t.lost.Add(1)
	}
}

func (t *table) write(d Download) {
	if n := t.lost.Swap(0); n > 0 {
		t.log.Warn().Str("event", "download").Int64("lost", n).Msg("events of downloads were lost")
	}
	t.log.Info().Str("event", "download").
		Str("outcome", string(d.Outcome)).
		Str("client", d.Client).
		Str("path", d.Path).
		Str("etag", d.ETag).
		Int64("size", d.Size).
		Int64("covered", d.Covered).
		Int64("delivered", d.Delivered).
		Int64("duplicate", d.Duplicate).
		Int("requests", d.Requests).
		Float64("duration_ms", float64(d.Last.Sub(d.Started).Microseconds())/1e3).
		Msg("download " + string(d.Outcome))
}

// snapshot copies the downloads, newest first. inFlight yields each entry that may be
// part of one.
func (t *table) snapshot(inFlight func(yield func(*entry))) []Download {
	t.mu.Lock()
	defer t.mu.Unlock()
	downloads := make([]Download, 0, len(t.byKey)+len(t.ended))
	sending := map[*download]*download{}
	inFlight(func(e *entry) {
		if d := e.download; d != nil && d.Outcome == Active {
			if sending[d] == nil {
				sending[d] = &download{Download: d.Download, spans: slices.Clone(d.spans)}
			}
			sending[d].sofar(e)
		}
	})
	for _, d := range t.byKey {
		if s := sending[d]; s != nil {
			d = s
		}
		downloads = append(downloads, d.Download)
	}
	downloads = append(downloads, t.ended...)
	slices.SortStableFunc(downloads, func(a, b Download) int { return b.Started.Compare(a.Started) })
	return downloads
}

// sofar adds to a copy of a download what a request in flight has sent so far.
func (d *download) sofar(e *entry) {
	sent := e.result.BytesSent()
	d.Delivered += sent
	offset, _, ok := e.result.Span()
	if !ok {
		return
	}
	fresh, kept := d.spans.add(span{offset, offset + sent}, maxSpans)
	d.Duplicate += sent - fresh
	if kept {
		d.Covered += fresh
	}
}
