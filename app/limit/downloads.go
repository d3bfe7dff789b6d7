package limit

import (
	"io"
	"sync"

	"fullbore/app/client"
)

// downloads counts those that are being sent, in all and of each client. It is safe for
// concurrent use.
type downloads struct {
	mu      sync.Mutex
	running int
	shares  map[client.Key]*share // of those who have any
	spare   []*share              // for others to use
	slots   sync.Pool
}

// share is what one client has.
type share struct {
	key     client.Key
	running int
}

// spareShares is how many are kept for others.
const spareShares = 64

func newDownloads() *downloads {
	d := &downloads{shares: make(map[client.Key]*share)}
	d.slots.New = func() any { return &slot{of: d} }
	return d
}

// begin counts a download, which ends with its slot. If there is no slot, rule says why.
func (d *downloads) begin(key client.Key, most, clientMost int) (s *slot, rule string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	mine := d.shares[key]
	switch {
	case clientMost > 0 && mine != nil && mine.running >= clientMost:
		return nil, ClientDownloads
	case most > 0 && d.running >= most:
		return nil, Downloads
	}
	if mine == nil {
		mine = d.newShare(key)
	}
	mine.running++
	d.running++
	s = d.slots.Get().(*slot) //nolint:forcetypeassert // the pool holds nothing else
	s.share = mine
	return s, ""
}

func (d *downloads) newShare(key client.Key) *share {
	var mine *share
	if n := len(d.spare); n > 0 {
		mine, d.spare = d.spare[n-1], d.spare[:n-1]
	} else {
		mine = &share{}
	}
	mine.key = key
	d.shares[key] = mine
	return mine
}

func (d *downloads) end(s *slot) {
	d.mu.Lock()
	mine := s.share
	mine.running--
	d.running--
	if mine.running == 0 {
		delete(d.shares, mine.key)
		if len(d.spare) < spareShares {
			d.spare = append(d.spare, mine)
		}
	}
	d.mu.Unlock()
	*s = slot{of: d}
	d.slots.Put(s)
}

// use says how many there are, and who has most.
func (d *downloads) use() (running int, most client.Key, its int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for key, share := range d.shares {
		if share.running > its {
			most, its = key, share.running
		}
	}
	return d.running, most, its
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
