package limit

// Downloads that wait for their turn. Whose client has fewest goes first, and among equals
// who came first: so a client with many connections does not keep out those who come
// after it. A waiter is a request that is held, or the page of a browser, which asks
// again and again.

import (
	"time"

	"fullbore/app/client"
)

// queue is what waits for a slot among the downloads, whose mutex guards it.
type queue struct {
	now     func() time.Time
	waiting int
	came    uint64           // how many ever
	pages   map[page]*waiter // also those whose turn it is
	closed  bool             // nobody waits any more
	timer   *time.Timer      // for what waits too long; nil: nothing waits
}

// verdict is what becomes of a waiter.
type verdict int

const (
	waits   verdict = iota
	itsTurn         // it has a slot
	tooLate         // it has waited for as long as it may
	crowded         // another has its place, whose client has fewer
	stopped         // the server is about to stop
)

// waiter is a download that waits.
type waiter struct {
	share      *share
	prev, next *waiter // of the same client
	number     uint64  // in the order in which they came
	until      time.Time
	verdict    verdict
	slot       *slot  // when it is its turn
	place      int    // when it was too late; 0: not known
	wake       func() // called once there is a verdict, with the downloads locked
	page       page
	isPage     bool
}

// page is what tells the pages that wait apart: who asks, and for what.
type page struct {
	key  client.Key
	path uint64 // a hash
}

// await is a place in the queue, or nil if there is none.
func (d *downloads) await(key client.Key) *waiter {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := &waiter{until: d.queue.now().Add(d.settings.Queue.wait())}
	if !d.join(w, key) {
		return nil
	}
	d.admit() // a slot may be free since
	return w
}

// attach says what to call once there is a verdict, which may be at once.
func (d *downloads) attach(w *waiter, wake func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w.wake = wake
	if w.verdict != waits {
		wake()
	}
}

// awaitPage is the slot of a page, if it is its turn, or else its place in the queue, how
// many wait, and when it has to ask again, or a little later; place is 0 if there is none.
func (d *downloads) awaitPage(p page) (s *slot, place, waiting int, again time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := d.queue.pages[p]
	switch {
	case w != nil && w.verdict == itsTurn:
		delete(d.queue.pages, p)
		return w.slot, 0, 0, 0
	case w == nil && d.full(d.shares[p.key]) == "": // then nobody waits who could have it
		return d.newSlot(d.shareOf(p.key)), 0, 0, 0
	case w == nil:
		w = &waiter{page: p, isPage: true, until: d.queue.now()}
		if !d.join(w, p.key) {
			return nil, 0, 0, 0
		}
		if d.queue.pages == nil {
			d.queue.pages = make(map[page]*waiter)
		}
		d.queue.pages[p] = w
	}
	place, waiting = d.placeOf(w)
	again = pageSlow
	if place <= pageNear {
		again = pageFast
	}
	w.until = d.queue.now().Add(again + pageGrace)
	return nil, place, waiting, again
}

// How often a page asks again, up to which place more often, and how much later than it
// should: somebody else may have its turn then.
const (
	pageSlow  = 10 * time.Second
	pageFast  = 3 * time.Second
	pageNear  = 3
	pageGrace = 5 * time.Second
)

// join puts a waiter at the end, if there is room or can be made. The caller holds mu.
func (d *downloads) join(w *waiter, key client.Key) bool {
	if d.queue.closed {
		return false
	}
	mine := d.shareOf(key)
	if d.queue.waiting >= d.settings.Queue.N && !d.crowdOut(mine.waiting+1) {
		d.tidy(mine)
		return false
	}
	d.queue.came++
	w.share, w.number, w.prev = mine, d.queue.came, mine.last
	if mine.last == nil {
		mine.first = w
	} else {
		mine.last.next = w
	}
	mine.last = w
	mine.waiting++
	d.queue.waiting++
	if d.queue.timer == nil {
		d.queue.timer = time.AfterFunc(expireEvery, d.expire)
	}
	return true
}

// crowdOut takes the last place of the client with most, if that has more than others
// would with one more. The caller holds mu.
func (d *downloads) crowdOut(others int) bool {
	var most *share
	for _, s := range d.shares {
		if s.waiting > others && (most == nil || s.waiting > most.waiting) {
			most = s
		}
	}
	if most == nil {
		return false
	}
	d.decide(most.last, crowded)
	return true
}

// decide takes a waiter out of the queue. The caller holds mu.
func (d *downloads) decide(w *waiter, v verdict) {
	mine := w.share
	if v == tooLate && d.queue.waiting <= placesKnown {
		w.place, _ = d.placeOf(w)
	}
	if w.prev == nil {
		mine.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		mine.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.prev, w.next = nil, nil
	mine.waiting--
	d.queue.waiting--
	if w.verdict = v; v == itsTurn {
		w.slot = d.newSlot(mine)
	} else if w.isPage {
		delete(d.queue.pages, w.page)
	}
	if w.wake != nil {
		w.wake()
	}
	d.tidy(mine)
}

// placesKnown bounds the work when all are too late at once.
const placesKnown = 1000

// admit lets those in whose turn it is. The caller holds mu.
func (d *downloads) admit() {
	for d.queue.waiting > 0 {
		var next *share
		for _, s := range d.shares {
			if s.first != nil && d.full(s) == "" && (next == nil || s.before(next)) {
				next = s
			}
		}
		if next == nil {
			return
		}
		d.decide(next.first, itsTurn)
	}
}

// before reports whether the first of s goes before that of other.
func (s *share) before(other *share) bool {
	if s.running != other.running {
		return s.running < other.running
	}
	return s.first.number < other.first.number
}

// leave takes a waiter out whose client is gone; if it has a slot, that is free again.
func (d *downloads) leave(w *waiter) {
	d.mu.Lock()
	if w.verdict == waits {
		w.wake = nil
		d.decide(w, tooLate)
	}
	slot := w.slot
	w.slot = nil
	d.mu.Unlock()
	if slot != nil {
		_ = slot.Close() // it cannot fail
	}
}

// outcome is what has become of a waiter. The slot is the caller's.
func (d *downloads) outcome(w *waiter) (v verdict, s *slot) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, w.slot = w.slot, nil
	return w.verdict, s
}

// place is how many go first, itself included, as things are, and how many wait.
func (d *downloads) place(w *waiter) (place, waiting int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.placeOf(w)
}

// placeOf is place for a caller that holds mu.
func (d *downloads) placeOf(w *waiter) (place, waiting int) {
	if w.verdict != waits {
		return 1, d.queue.waiting
	}
	rank := w.share.running // of a share that has had its turn for all before it
	for other := w.share.first; other != w; other = other.next {
		rank++
	}
	place = 1
	for _, s := range d.shares {
		theirs := s.running
		for other := s.first; other != nil && theirs <= rank; other = other.next {
			if theirs < rank || other.number < w.number {
				place++
			}
			theirs++
		}
	}
	return place, d.queue.waiting
}

// stop ends all waiting, so that a server that is about to stop starts nothing new.
func (d *downloads) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.queue.closed = true
	for _, s := range d.shares {
		for s.first != nil {
			d.decide(s.first, stopped)
		}
	}
}

// expireEvery is how exactly the time is kept for which somebody may wait.
const expireEvery = time.Second

// expire takes out what has waited for too long.
func (d *downloads) expire() {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.queue.now()
	for _, s := range d.shares {
		for w := s.first; w != nil; {
			next := w.next
			if now.After(w.until) {
				d.decide(w, tooLate)
			}
			w = next
		}
	}
	d.dropPages(now)
	if d.queue.waiting == 0 && len(d.queue.pages) == 0 {
		d.queue.timer = nil
		return
	}
	d.queue.timer.Reset(expireEvery)
}

// dropPages frees the slots of pages that have not come for them. The caller holds mu.
func (d *downloads) dropPages(now time.Time) {
	freed := false
	for p, w := range d.queue.pages {
		if w.slot == nil || !now.After(w.until) {
			continue
		}
		delete(d.queue.pages, p)
		w.slot.share.running--
		d.running--
		d.tidy(w.slot.share)
		w.slot, freed = nil, true
	}
	if freed {
		d.admit()
	}
}
