package wire

import (
	"sync"
	"sync/atomic"
	"time"
)

// Member is a connection in a Registry. It embeds a Seat and a Pacing.
type Member interface {
	BytesRead() int64
	BytesWritten() int64

	// Cut, Retire and Reconsider are called with a part of the registry locked: they
	// must not call the registry, nor wait for a caller of it. See Conn.Cut,
	// Conn.Retire and Conn.Reconsider.
	Cut(reason error)
	Retire(how Retirement)
	Reconsider()

	seat() *Seat
	place() *Pacing
}

// Seat is a connection's place in a Registry. The zero value is that it has
// none.
type Seat struct {
	member     Member
	shard      *shard // nil: none
	prev, next *Seat
	share      Share // nil: it is counted for no client
}

func (s *Seat) seat() *Seat { return s }

// shards is how many locks the members are spread over, so that a walk blocks few of
// them; a power of two.
const shards = 16

// Registry knows the open connections of any kind, and what closed ones transferred. The
// zero value is empty. It is safe for concurrent use; a Member is added, replaced and
// removed by its owner.
type Registry struct {
	accepted, open, peak atomic.Int64
	retirement           atomic.Int32
	shards               [shards]shard

	// Gate decides which connections are served, and is told when they end. Optional. It
	// is to be set before anybody accepts.
	Gate Gate
}

// shard is a list of members.
type shard struct {
	mu            sync.Mutex
	first         *Seat
	written, read int64 // by connections that are closed
}

// Add counts a new connection as accepted and open, and retires it if the
// others are.
func (r *Registry) Add(m Member) { r.AddAs(m, nil) }

// AddAs is Add for a connection that the Gate has counted.
func (r *Registry) AddAs(m Member, share Share) {
	shard := &r.shards[r.accepted.Add(1)%shards]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	r.enter(shard, m, share)
	open := r.open.Add(1)
	for peak := r.peak.Load(); open > peak && !r.peak.CompareAndSwap(peak, open); {
		peak = r.peak.Load()
	}
}

// Remove forgets a connection that is closing; its bytes stay counted. What is
// not in the registry is left alone.
func (r *Registry) Remove(m Member) {
	seat := m.seat()
	shard := seat.shard
	if shard == nil {
		return
	}
	if a := m.place().Allowance(); a != nil {
		a.End()
	}
	shard.mu.Lock()
	defer shard.mu.Unlock()
	shard.written += m.BytesWritten()
	shard.read += m.BytesRead()
	if seat.share != nil {
		seat.share.Leave()
	}
	shard.leave(seat)
	r.open.Add(-1)
	if r.Gate != nil {
		r.Gate.Leave()
	}
}

// Replace gives the place of old, which must have one, to m, which goes on with
// the same connection and with old's counters.
func (r *Registry) Replace(old, m Member) {
	shard := old.seat().shard
	shard.mu.Lock()
	defer shard.mu.Unlock()
	share := old.seat().share
	shard.leave(old.seat())
	r.enter(shard, m, share)
}

func (r *Registry) enter(in *shard, m Member, share Share) {
	seat := m.seat()
	*seat = Seat{member: m, shard: in, next: in.first, share: share}
	if in.first != nil {
		in.first.prev = seat
	}
	in.first = seat
	if how := Retirement(r.retirement.Load()); how != Staying {
		m.Retire(how)
	}
}

func (s *shard) leave(seat *Seat) {
	if seat.prev == nil {
		s.first = seat.next
	} else {
		seat.prev.next = seat.next
	}
	if seat.next != nil {
		seat.next.prev = seat.prev
	}
	*seat = Seat{}
}

// each calls do with every member, under its shard's lock, and returns how many there
// were.
func (r *Registry) each(do func(Member)) (n int) {
	for i := range r.shards {
		shard := &r.shards[i]
		shard.mu.Lock()
		for seat := shard.first; seat != nil; seat = seat.next {
			do(seat.member)
			n++
		}
		shard.mu.Unlock()
	}
	return n
}

// Accepted is the number of connections since the start.
func (r *Registry) Accepted() int64 { return r.accepted.Load() }

// Open is the number of connections accepted and not yet closed.
func (r *Registry) Open() int { return int(r.open.Load()) }

// Peak is the most connections that were open at once since the last call.
func (r *Registry) Peak() int { return int(r.peak.Swap(r.open.Load())) }

// Bytes is how many bytes were sent and received on all connections since the start,
// open and closed, including headers. It never decreases.
func (r *Registry) Bytes() (written, read int64) {
	for i := range r.shards {
		shard := &r.shards[i]
		shard.mu.Lock() // what closes during the walk is counted once
		written += shard.written
		read += shard.read
		for seat := shard.first; seat != nil; seat = seat.next {
			written += seat.member.BytesWritten()
			read += seat.member.BytesRead()
		}
		shard.mu.Unlock()
	}
	return written, read
}

// Cut ends every open connection at once; see Conn.Cut. It returns how many
// there were.
func (r *Registry) Cut(reason error) int {
	return r.each(func(m Member) { m.Cut(reason) })
}

// reconsider tells all connections of other limits.
func (r *Registry) reconsider() { r.each(Member.Reconsider) }

// retire retires the connections that are open, and those to come.
func (r *Registry) retire(how Retirement) {
	r.retirement.Store(int32(how))
	r.each(func(m Member) { m.Retire(how) })
}

// WaitClosed waits until no connection is open, at most for the timeout, and
// reports whether that came true.
func (r *Registry) WaitClosed(timeout time.Duration) bool {
	const look = 5 * time.Millisecond
	for deadline := time.Now().Add(timeout); r.Open() > 0; time.Sleep(look) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}
