package transfer

// The registry of what is in flight. A request is entered before anything else
// happens to it and leaves when its response is over, which is long after the
// handlers returned. It costs a request two short turns at a lock and no
// allocation.

import (
	"sync"
	"time"

	"github.com/rs/zerolog"

	"fullbore/logger"
)

// Config of a Registry. The zero value is ready to use.
type Config struct {
	// Expiry is how long nothing of an unfinished download may be asked for
	// before it counts as abandoned. See Registry.Configure.
	//
	// Optional. Default: ExpiryDefault
	Expiry time.Duration

	// EventsFrom is the size in bytes of a file from which on its downloads are
	// events, however few requests they take. See Registry.Configure.
	//
	// Optional. Default: 0, which is all
	EventsFrom int64

	// Events gets one event for each download, at its end.
	//
	// Optional. Default: none are written
	Events *zerolog.Logger
}

// ExpiryDefault is the default of Config.Expiry.
const ExpiryDefault = 10 * time.Minute

// Registry knows the requests in flight and the downloads they belong to. It is
// a logger.Observer, and the only one that uses Result.State. It is safe for
// concurrent use.
type Registry struct {
	entries sync.Pool

	mu     sync.Mutex // around the list, and what snapshots note in its entries
	list   entry      // a ring: its next is the oldest entry, its prev the latest
	active int
	lastID uint64

	downloads table
}

// New makes a Registry and starts its one goroutine, which lets downloads
// expire and writes events. Close ends it.
func New(cfg Config) *Registry {
	r := &Registry{}
	r.list.next, r.list.prev = &r.list, &r.list
	r.entries.New = func() any { return &entry{} }
	r.downloads.start(cfg)
	return r
}

// Configure changes what Config says of expiry and events while the registry is
// in use.
func (r *Registry) Configure(expiry time.Duration, eventsFrom int64) {
	r.downloads.configure(expiry, eventsFrom)
}

// Begin enters a request.
func (r *Registry) Begin(result *logger.Result) {
	e := r.entries.Get().(*entry) //nolint:forcetypeassert // the pool holds nothing else
	e.result = result
	e.marks[0] = mark{at: result.Start}
	e.marks[1] = e.marks[0]
	result.State = e
	r.mu.Lock()
	r.lastID++
	e.id = r.lastID
	e.prev, e.next = r.list.prev, &r.list
	e.prev.next, e.next.prev = e, e
	r.active++
	r.mu.Unlock()
}

// Ready notes what the response is going to be.
func (r *Registry) Ready(result *logger.Result) {
	r.downloads.join(result.State.(*entry), result) //nolint:forcetypeassert // Begin has set it
}

// End notes what became of a request, and takes it out.
func (r *Registry) End(result *logger.Result) {
	e := result.State.(*entry) //nolint:forcetypeassert // Begin has set it
	if e.part != partNone {
		r.downloads.leave(e, result)
	}
	r.mu.Lock()
	e.prev.next, e.next.prev = e.next, e.prev
	r.active--
	r.mu.Unlock()
	e.reset()
	r.entries.Put(e)
}

// Active is the number of requests in flight.
func (r *Registry) Active() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.active
}

// Transfers is a snapshot of the requests in flight, oldest first. What is known
// only when the handlers are done is empty before; the bytes sent are then what
// the kernel took on the connection since, less the header: within a few bytes
// for a response of 64 KiB or more, without its header's length for a smaller
// one and, for one of unknown length, with the framing of its chunks.
func (r *Registry) Transfers() []Transfer {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	transfers := make([]Transfer, 0, r.active)
	for e := r.list.next; e != &r.list; e = e.next {
		transfers = append(transfers, e.snapshot(now))
	}
	return transfers
}

// Cut cuts the connection of a transfer; see wire.Conn.Cut. The reason is what
// its access record gives as error. It is false if there is no such transfer, or
// no longer, or its connection cannot be cut.
func (r *Registry) Cut(id uint64, reason error) bool {
	// Under the lock, or the connection may be at its next request.
	r.mu.Lock()
	defer r.mu.Unlock()
	for e := r.list.next; e != &r.list; e = e.next {
		if conn, ok := e.result.Conn.(interface{ Cut(reason error) }); ok && e.id == id {
			e.ended = true
			conn.Cut(reason)
			return true
		}
	}
	return false
}

// Downloads is a snapshot of the downloads that go on or may be resumed, and of
// those that ended lately, newest first. A small file that was taken whole by
// one request is not among them.
// What requests in flight have sent so far is counted as Transfers does.
func (r *Registry) Downloads() []Download {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.downloads.snapshot(func(yield func(*entry)) {
		for e := r.list.next; e != &r.list; e = e.next {
			if e.result.Responding() {
				yield(e)
			}
		}
	})
}

// Totals is what became of all downloads so far.
func (r *Registry) Totals() Totals { return r.downloads.totals() }

// Close ends the downloads that are unfinished as abandoned, writes the events
// that are left and ends the goroutine. Call it after the server has
// stopped. It may be called twice.
func (r *Registry) Close() { r.downloads.close() }
