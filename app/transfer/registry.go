package transfer

// A request is in the registry from before anything else happens to it until its
// response is over, long after the handlers returned. That costs two short critical
// sections and no allocation.

import (
	"sync"
	"time"

	"github.com/rs/zerolog"

	"fullbore/logger"
)

// Config of a Registry. The zero value is ready to use.
type Config struct {
	// Expiry is how long an unfinished download may go without a request before it
	// counts as abandoned. See Registry.Configure.
	//
	// Optional. Default: ExpiryDefault
	Expiry time.Duration

	// EventsFrom is the file size in bytes from which every download is an event;
	// smaller ones are if they take several requests. See Registry.Configure.
	//
	// Optional. Default: 0, all
	EventsFrom int64

	// Events gets an event at the end of each download.
	//
	// Optional. Default: nil, no events
	Events *zerolog.Logger
}

// ExpiryDefault is the default of Config.Expiry.
const ExpiryDefault = 10 * time.Minute

// Registry knows the requests in flight and their downloads. It is a logger.Observer,
// the only one that may use Result.State. It is safe for concurrent use.
type Registry struct {
	entries sync.Pool

	mu     sync.Mutex // guards the list and its entries' marks
	list   entry      // a ring: next is the oldest entry, prev the latest
	active int
	lastID uint64

	downloads table
}

// New starts a Registry and its goroutine, which lets downloads expire and writes
// events. Close stops it.
func New(cfg Config) *Registry {
	r := &Registry{}
	r.list.next, r.list.prev = &r.list, &r.list
	r.entries.New = func() any { return &entry{} }
	r.downloads.start(cfg)
	return r
}

// Configure changes Config.Expiry and Config.EventsFrom while the registry is in use.
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

// Ready records what the response is going to be.
func (r *Registry) Ready(result *logger.Result) {
	r.downloads.join(result.State.(*entry), result) //nolint:forcetypeassert // Begin has set it
}

// End records what became of a request, and removes it.
func (r *Registry) End(result *logger.Result) {
	e := result.State.(*entry) //nolint:forcetypeassert // Begin has set it
	if e.tracked {
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

// Transfers is a snapshot of the requests in flight, oldest first. What is known only
// when the handlers are done is empty before. The bytes sent are what the kernel has
// taken on the connection since, less the header, within a few bytes. Without event loops
// a response under 4 MiB includes its header; one of unknown length includes its chunk
// framing.
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

// Each calls do with each request in flight, under the registry's lock: do must not call
// the registry, nor wait for a caller of it.
func (r *Registry) Each(do func(*logger.Result)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for e := r.list.next; e != &r.list; e = e.next {
		do(e.result)
	}
}

// Cut cuts the connection of a transfer; see wire.Conn.Cut. The reason becomes the error
// in its access record. It returns false if there is no such transfer any more, or its
// connection cannot be cut.
func (r *Registry) Cut(id uint64, reason error) bool {
	// Under the lock, or the connection may be serving its next request.
	r.mu.Lock()
	defer r.mu.Unlock()
	for e := r.list.next; e != &r.list; e = e.next {
		if conn, ok := e.result.Conn.(interface{ Cut(reason error) }); ok && e.id == id {
			e.cut = true
			conn.Cut(reason)
			return true
		}
	}
	return false
}

// Downloads is a snapshot of the downloads in progress or resumable and of those that
// ended recently, newest first, without small files that took one request. What
// requests in flight have sent so far is counted as in Transfers.
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

// Totals counts all downloads so far.
func (r *Registry) Totals() Totals { return r.downloads.totals() }

// Close ends unfinished downloads as abandoned, writes the remaining events and stops
// the goroutine. Call it after the server has stopped. It may be called twice.
func (r *Registry) Close() { r.downloads.close() }
