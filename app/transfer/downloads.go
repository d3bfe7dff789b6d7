package transfer

// Requests become downloads. A download manager asks for a file in sixteen
// ranges, a browser that was interrupted in two; to the person it is one
// download, and here, too. The table of those that are unfinished is bounded, and
// so is what is kept of each.

import (
	"bytes"
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
	maxAllSpans  = 1 << 16 // ranges that all of them consist of
	keepEnded    = 256     // finished ones that can still be looked at
)

// Totals is what became of all downloads so far. Started is the sum of the
// outcomes and of those that are active.
type Totals struct {
	Started, Complete, Abandoned, Evicted int64

	Active    int64 // that go on or may be resumed
	Delivered int64 // bytes
	Duplicate int64 // bytes of Delivered that were delivered before
}

// part is the part that a request has in a download.
type part uint8

const (
	partNone   part = iota
	partSmall       // the whole of a small file: counted at its end
	partJoined      // of entry.download
)

// table is the downloads.
type table struct {
	seed       maphash.Seed
	expiry     atomic.Int64 // a time.Duration
	eventsFrom atomic.Int64

	live                         atomic.Int64 // len(byKey), readable without mu
	small                        atomic.Int64 // complete ones that were never here
	started, complete, abandoned atomic.Int64 // all others
	evicted                      atomic.Int64
	delivered, duplicate         atomic.Int64

	straggle time.Duration // see straggle; 0: late requests begin downloads of their own

	mu      sync.Mutex
	byKey   map[uint64]*download
	busy    download // a ring of those with a request in flight, oldest first
	idle    download // a ring of the others, in the order in which they expire
	covered download // a ring of those that are complete but for late requests, likewise
	spans   int
	ended   []Download // a ring, once it is full
	next    int        // where in ended the next one goes

	log    *zerolog.Logger
	events chan Download
	lost   atomic.Int64  // events that nobody had time to write
	look   chan struct{} // there is something new to expire
	stop   chan struct{}
	once   sync.Once // closes stop
	done   chan struct{}
}

// download is one in the table. Its fields are under table.mu.
type download struct {
	Download
	key        uint64
	spans      spans
	gone       bool // it has ended, perhaps with requests in flight
	prev, next *download
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

// large is the size in bytes from which on a whole file is in the table while it
// is sent. A smaller one is over before anybody looks.
const large = 64 << 10

// join makes a response that is about to be sent part of a download, if it is
// the kind of response that can be.
func (t *table) join(e *entry, result *logger.Result) {
	if result.Kind != kindFile || result.Method != fasthttp.MethodGet || result.Stream == nil ||
		result.Status != fasthttp.StatusOK && result.Status != statusPartial {
		return
	}
	e.etag = append(e.etag, etagOf(&result.Ctx.Response)...)
	e.identify(result)
	e.hash = maphash.Bytes(t.seed, e.key) // 64 bits that no client can foresee: no two of 4,096 are the same
	if result.Status == fasthttp.StatusOK && result.Size < large {
		e.part = partSmall
		return
	}
	e.part = partJoined
	t.mu.Lock()
	defer t.mu.Unlock()
	t.enter(e, result)
}

// enter finds the download that the request belongs to, or begins it, and
// counts the request in. The table is locked.
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
		t.started.Add(1)
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

// leave notes what was delivered of a response that is over.
func (t *table) leave(e *entry, result *logger.Result) {
	t.delivered.Add(fileBytes(result))
	whole := e.part == partSmall && result.Outcome == logger.Complete && result.Size < t.eventsFrom.Load()
	if whole && t.live.Load() == 0 {
		t.small.Add(1)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.part == partSmall {
		if whole && t.byKey[e.hash] == nil {
			t.small.Add(1)
			return
		}
		t.enter(e, result)
	}
	e.recorded = true
	if d := e.download; !d.gone {
		t.take(d, result)
	}
}

// pieces is a response's body stream that knows which pieces of a file it has
// delivered. One that does not is compressed on the way: its bytes are not the
// file's.
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

// sum allocates, and so is apart from what every request passes.
func sum(body pieces) (n int64) {
	body.Delivered(func(_, length int64) { n += length })
	return n
}

// take counts a request out of its download, which may be over with that. The
// table is locked.
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
	first := ring.next == ring
	d.unlink()
	d.before(ring)
	if first {
		t.wake()
	}
}

// straggle is how long a download that took several requests waits for more of
// them after the last byte: a manager may have asked for a piece on one
// connection that another one has got meanwhile.
const straggle = time.Second

// straggles reports whether a request may be a late one of a download that is
// covered, and not the beginning of another.
func straggles(result *logger.Result) bool {
	offset, _, ok := result.Span()
	return ok && offset > 0 && result.Status == statusPartial
}

// add notes that a range was delivered. The table is locked.
func (t *table) add(d *download, r span) {
	before, room := len(d.spans), maxSpans
	if t.spans >= maxAllSpans {
		room = 0
	}
	fresh, kept := d.spans.add(r, room)
	t.spans += len(d.spans) - before
	d.Delivered += r.end - r.start
	d.Duplicate += r.end - r.start - fresh
	t.duplicate.Add(r.end - r.start - fresh)
	if kept {
		d.Covered += fresh
	}
}

// evict makes room for one more: the one that nothing was asked of for longest
// goes, or if all are busy the one that was joined least lately.
func (t *table) evict() {
	switch {
	case t.covered.next != &t.covered:
		t.end(t.covered.next, Complete)
	case t.idle.next != &t.idle:
		t.end(t.idle.next, Evicted)
	default:
		t.end(t.busy.next, Evicted)
	}
}

// end takes a download out of the table. The table is locked.
func (t *table) end(d *download, outcome Outcome) {
	d.unlink()
	delete(t.byKey, d.key)
	t.live.Store(int64(len(t.byKey)))
	t.spans -= len(d.spans)
	d.spans, d.gone, d.Outcome = nil, true, outcome
	switch outcome {
	case Complete:
		t.complete.Add(1)
	case Abandoned:
		t.abandoned.Add(1)
	case Evicted:
		t.evicted.Add(1)
	}
	t.keep(d.Download)
	if d.Size >= t.eventsFrom.Load() || d.Requests > 1 {
		t.tell(d.Download)
	}
}

// keep keeps an ended download to be looked at. The table is locked.
func (t *table) keep(d Download) {
	if len(t.ended) < keepEnded {
		t.ended = append(t.ended, d)
		return
	}
	t.ended[t.next] = d
	t.next = (t.next + 1) % keepEnded
}

// totals counts.
func (t *table) totals() Totals {
	small := t.small.Load()
	return Totals{
		Started: t.started.Load() + small, Complete: t.complete.Load() + small,
		Abandoned: t.abandoned.Load(), Evicted: t.evicted.Load(),
		Active: t.live.Load(), Delivered: t.delivered.Load(), Duplicate: t.duplicate.Load(),
	}
}

// etagOf is the validator of the representation that the response is of, whether
// weak or strong: that of a file that was just written becomes strong while it is
// being downloaded.
func etagOf(resp *fasthttp.Response) []byte {
	return bytes.TrimPrefix(resp.Header.PeekBytes(keyETag), weak)
}

var weak = []byte("W/")

// keyETag is as fasthttp keeps it.
var keyETag = []byte("Etag")

// clientOf appends whom a download belongs to: the user, else the address.
func clientOf(dst []byte, result *logger.Result) []byte {
	if len(result.User) > 0 {
		return append(dst, result.User...)
	}
	return result.Remote.AppendTo(dst)
}

// identify makes the text that requests of one download have in common.
func (e *entry) identify(result *logger.Result) {
	e.key = clientOf(e.key, result)
	e.key = append(e.key, 0, byte(min(len(result.User), 1))) // no user is called like an address
	e.key = append(e.key, result.Ctx.Path()...)
	e.key = append(e.key, 0)
	e.key = append(e.key, e.etag...)
}
