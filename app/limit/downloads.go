package limit

import (
	"io"
	"sync"
	"time"

	"fullbore/app/client"
)

// downloads counts those that are being sent, in all and of each client, and has others
// wait for their turn, see queue.go. It is safe for concurrent use.
type downloads struct {
	mu       sync.Mutex
	settings Settings
	running  int
	shares   map[client.Key]*share // of those who have any, or wait
	spare    []*share              // for others to use
	slots    sync.Pool
	queue    queue
}

// share is what one client has.
type share struct {
	key         client.Key
	running     int
	first, last *waiter // of those that wait, in the order in which they came
	waiting     int
}

// spareShares is how many are kept for others.
const spareShares = 64

func newDownloads() *downloads {
	d := &downloads{shares: make(map[client.Key]*share), queue: queue{now: time.Now}}
	d.slots.New = func() any { return &slot{of: d} }
	return d
}

// set changes the settings, for those that wait, too.
func (d *downloads) set(settings Settings) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.settings = settings
	d.admit()
}

// begin counts a download, which ends with its slot. If there is no slot, rule says why.
func (d *downloads) begin(key client.Key) (s *slot, rule string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if rule = d.full(d.shares[key]); rule != "" {
		return nil, rule
	}
	return d.newSlot(d.shareOf(key)), ""
}

// full is the rule that lets a client have no more downloads now; "" if it may. The
// share may be nil. The caller holds mu.
func (d *downloads) full(mine *share) (rule string) {
	switch {
	case d.settings.ClientDownloads > 0 && mine != nil && mine.running >= d.settings.ClientDownloads:
		return ClientDownloads
	case d.settings.Downloads > 0 && d.running >= d.settings.Downloads:
		return Downloads
	}
	return ""
}

// newSlot counts a download. The caller holds mu.
func (d *downloads) newSlot(mine *share) *slot {
	mine.running++
	d.running++
	s := d.slots.Get().(*slot) //nolint:forcetypeassert // the pool holds nothing else
	s.share = mine
	return s
}

// shareOf is a client's, with which something has to be done. The caller holds mu.
func (d *downloads) shareOf(key client.Key) *share {
	mine := d.shares[key]
	if mine != nil {
		return mine
	}
	if n := len(d.spare); n > 0 {
		mine, d.spare = d.spare[n-1], d.spare[:n-1]
	} else {
		mine = &share{}
	}
	mine.key = key
	d.shares[key] = mine
	return mine
}

// tidy forgets a client that has nothing any more. The caller holds mu.
func (d *downloads) tidy(mine *share) {
	if mine.running > 0 || mine.waiting > 0 {
		return
	}
	delete(d.shares, mine.key)
	if len(d.spare) < spareShares {
		d.spare = append(d.spare, mine)
	}
}

func (d *downloads) end(s *slot) {
	d.mu.Lock()
	s.share.running--
	d.running--
	d.tidy(s.share)
	*s = slot{of: d}
	d.slots.Put(s)
	if d.queue.waiting > 0 {
		d.admit()
	}
	d.mu.Unlock()
}

// use says how many there are, how many wait, and who has most.
func (d *downloads) use() (running, waiting int, most client.Key, its int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for key, share := range d.shares {
		if share.running > its {
			most, its = key, share.running
		}
	}
	return d.running, d.queue.waiting, most, its
}

// slot is the place of a download that is being sent, a user value of its request. It
// ends with the request, or with the response where somebody else sends that: see
// engine.Detacher.
type slot struct {
	of       *downloads
	share    *share
	detached bool
}

// slotKey is the user value's name.
const slotKey = "fullbore.slot"

// Close ends the download with its request.
func (s *slot) Close() error {
	if !s.detached {
		s.of.end(s)
	}
	return nil
}

// Detach makes it end with the response.
func (s *slot) Detach() io.Closer {
	s.detached = true
	return (*sending)(s)
}

// sending is a slot whose request is gone.
type sending slot

// Close ends the download with its response.
func (s *sending) Close() error {
	s.of.end((*slot)(s))
	return nil
}
