package transfer

// Requests become downloads. A download manager fetches a file in sixteen ranges, an
// interrupted browser in two; to the user it is one download, and here, too. The table
// of unfinished ones is bounded, and so is the memory of each.

import (
	"cmp"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"

	"fullbore/logger"
)

// Bounds of the table. Full, it takes some 5 MB.
const (
	maxDownloads = 4096    // unfinished ones
	maxAllSpans  = 1 << 16 // ranges in all of them together
	keepEnded    = 256     // ended ones that are still shown
)

// Totals counts all downloads so far. Started is the sum of Active and the outcomes.
type Totals struct {
	Started, Complete, Abandoned, Evicted int64

	Active    int64 // in progress or resumable
	Delivered int64 // bytes
	Duplicate int64 // those of Delivered that were delivered before
}

// table is the downloads.
type table struct {
	seed       maphash.Seed
	expiry     atomic.Int64 // a time.Duration
	eventsFrom atomic.Int64

	live      atomic.Int64 // len(byKey), readable without mu
	small     atomic.Int64 // complete ones that were never in byKey
	delivered atomic.Int64 // bytes

	straggle time.Duration // see straggle; 0: late requests begin downloads of their own

	mu      sync.Mutex
	counts  Totals // without live, small and delivered
	byKey   map[uint64]*download
	busy    download // a ring of those with a request in flight, oldest first
	idle    download // a ring of the others, in the order in which they expire
	covered download // a ring of complete ones that wait for late requests, likewise
	spans   int
	ended   []Download // a ring, once it is full
	next    int        // where in ended the next one goes

	log    *zerolog.Logger
	events chan Download
	lost   atomic.Int64  // events dropped because the queue was full
	look   chan struct{} // expiry times have changed
	stop   chan struct{}
	once   sync.Once // closes stop
	done   chan struct{}
}

// download is one in the table. Its fields are under table.mu.
type download struct {
	Download
	key        uint64
	spans      spans
	prev, next *download
}

// first is the oldest in the ring, nil if there is none.
func (d *download) first() *download {
	if d.next == d {
		return nil
	}
	return d.next
}

func (d *download) unlink() { d.prev.next, d.next.prev = d.next, d.prev }

// before puts d at the end of the ring.
func (d *download) before(ring *download) {
	d.prev, d.next = ring.prev, ring
	d.prev.next, ring.prev = d, d
}

// kindFile is the logger.Result.Kind of what can be a download.
const kindFile = "file"

const statusPartial = fasthttp.StatusPartialContent

// large is the size in bytes from which a whole file is in the table while it is sent.
// A smaller one is over before anybody looks, or is seen among the transfers; to enter
// it would be a fifth of the user time that a file of 1 MiB takes.
const large = 4 << 20

// join makes a response that is about to be sent part of a download, if it can be.
func (t *table) join(e *entry, result *logger.Result) {
	if result.Kind != kindFile || result.Method != fasthttp.MethodGet || result.Stream == nil ||
		result.Status != fasthttp.StatusOK && result.Status != statusPartial {
		return
	}
	e.etag = append(e.etag, etagOf(&result.Ctx.Response)...)
	e.identify(result)
	e.hash = maphash.Bytes(t.seed, e.key) // 64 bits that no client can predict: no two of 4,096 collide
	e.tracked = true
	if result.Status == fasthttp.StatusOK && result.Size < large {
		return // counted at its end
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.enter(e, result)
}

// enter adds the request to its download, which it may begin. The table is locked.
func (t *table) enter(e *entry, result *logger.Result) {
	d := t.byKey[e.hash]
	if d != nil && d.InFlight == 0 && d.Covered >= d.Size && !straggles(result) {
		t.end(d, Complete)
		d = nil
	}
	if d == nil {
		if len(t.byKey) >= maxDownloads {
			t.evict()
		}
		d = &download{key: e.hash, Download: Download{
			Client: string(clientOf(nil, result)), Path: string(result.Path), ETag: string(e.etag),
			Size: result.Size, Outcome: Active, Started: result.Start,
		}}
		t.byKey[e.hash] = d
		t.live.Store(int64(len(t.byKey)))
		t.counts.Started++
	} else {
		d.unlink()
	}
	d.before(&t.busy)
	d.Requests++
	d.InFlight++
	if result.Start.After(d.Last) {
		d.Last = result.Start
	}
	e.download = d
}

// leave records what was delivered of a response that is over.
func (t *table) leave(e *entry, result *logger.Result) {
	t.delivered.Add(fileBytes(result))
	small := e.download == nil
	whole := small && result.Outcome == logger.Complete && result.Size < t.eventsFrom.Load()
	if whole && t.live.Load() == 0 {
		t.small.Add(1)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if small {
		if whole && t.byKey[e.hash] == nil {
			t.small.Add(1)
			return
		}
		t.enter(e, result)
	}
	d := e.download
	e.download = nil // recorded
	if d.Outcome == Active {
		t.take(d, result)
	}
}

// pieces is a body stream that knows which pieces of a file it delivered. Any other is
// compressed on the fly: its bytes are not the file's.
type pieces interface {
	Delivered(yield func(offset, length int64))
}

// fileBytes is how many of the response's bytes are the file's.
func fileBytes(result *logger.Result) int64 {
	if body, ok := result.Stream.(pieces); ok && result.Status == statusPartial {
		return sum(body)
	}
	return result.Sent
}

// sum allocates, so it is kept off the path of every request.
func sum(body pieces) (n int64) {
	body.Delivered(func(_, length int64) { n += length })
	return n
}

// take removes a request from its download, which may end it. The table is locked.
func (t *table) take(d *download, result *logger.Result) {
	if body, ok := result.Stream.(pieces); ok {
		body.Delivered(func(offset, length int64) { t.add(d, span{offset, offset + length}) })
	} else {
		d.Delivered += result.Sent
		if result.Outcome == logger.Complete {
			d.Covered = d.Size
		}
	}
	d.InFlight--
	d.Last = result.End
	if d.InFlight > 0 {
		return
	}
	ring := &t.idle
	if d.Covered >= d.Size {
		if d.Requests == 1 || t.straggle == 0 {
			t.end(d, Complete)
			return
		}
		ring = &t.covered
	}
	first := ring.first() == nil
	d.unlink()
	d.before(ring)
	if first {
		t.wake()
	}
}

// straggle is how long a download of several requests waits for more after its last
// byte: a manager may have requested a piece that another connection has got meanwhile.
const straggle = time.Second

// straggles reports whether a request may be a late one for a covered download rather
// than the beginning of another.
func straggles(result *logger.Result) bool {
	offset, _, ok := result.Span()
	return ok && offset > 0 && result.Status == statusPartial
}

// add records that a range was delivered. The table is locked.
func (t *table) add(d *download, r span) {
	before, room := len(d.spans), maxSpans
	if t.spans >= maxAllSpans {
		room = 0
	}
	fresh, kept := d.spans.add(r, room)
	t.spans += len(d.spans) - before
	d.Delivered += r.end - r.start
	d.Duplicate += r.end - r.start - fresh
	t.counts.Duplicate += r.end - r.start - fresh
	if kept {
		d.Covered += fresh
	}
}

// evict makes room for one more: a covered download ends, else the one idle for longest
// goes, or, if all are busy, the one joined least recently.
func (t *table) evict() {
	if d := t.covered.first(); d != nil {
		t.end(d, Complete)
		return
	}
	t.end(cmp.Or(t.idle.first(), t.busy.first()), Evicted)
}

// end takes a download out of the table. The table is locked.
func (t *table) end(d *download, outcome Outcome) {
	d.unlink()
	delete(t.byKey, d.key)
	t.live.Store(int64(len(t.byKey)))
	t.spans -= len(d.spans)
	d.spans, d.Outcome = nil, outcome
	switch outcome {
	case Complete:
		t.counts.Complete++
	case Abandoned:
		t.counts.Abandoned++
	case Evicted:
		t.counts.Evicted++
	}
	t.keep(d.Download)
	if d.Size >= t.eventsFrom.Load() || d.Requests > 1 {
		t.tell(d.Download)
	}
}

// keep keeps an ended download to be shown. The table is locked.
func (t *table) keep(d Download) {
	if len(t.ended) < keepEnded {
		t.ended = append(t.ended, d)
		return
	}
	t.ended[t.next] = d
	t.next = (t.next + 1) % keepEnded
}

func (t *table) totals() Totals {
	t.mu.Lock()
	defer t.mu.Unlock()
	totals, small := t.counts, t.small.Load()
	totals.Started += small
	totals.Complete += small
	totals.Active, totals.Delivered = int64(len(t.byKey)), t.delivered.Load()
	return totals
}
