package wire

import "math/bits"

// What the kernel holds for a peer that takes nothing. Left alone, it takes megabytes for
// whoever asks, and more memory than that if the peer makes it cut them into small packets:
// some thousand readers of a few bytes a second fill all that TCP may have on a machine,
// and every other connection crawls. A peer that takes what it gets is soon let off.

const (
	// unsentMost is how much may wait in the kernel, not sent yet, for a peer that has
	// taken little so far. What is on its way comes on top, so no link is held up.
	unsentMost = 64 << 10

	// provenAfter is how much a connection must have taken to be trusted with more.
	provenAfter = 1 << 20

	unlimited = -1
)

// Backlog bounds what waits in the kernel for the peer of one TCP connection. The zero
// value is of a connection that has sent nothing. Not safe for concurrent use.
type Backlog struct {
	state backlogState
	paced uint8 // the limit of a connection that is held to a rate, as a power of two; 0: none
}

type backlogState uint8

const (
	unbounded backlogState = iota
	bounded
	proven
)

// Before is told that length bytes are about to be sent. What fits anyway costs nothing.
func (b *Backlog) Before(fd int, length int64) {
	if b.state == unbounded && length > unsentMost {
		b.state = bounded
		setUnsent(fd, b.most())
	}
}

// After is told how many bytes the kernel has taken on this connection, in all.
func (b *Backlog) After(fd int, sent int64) {
	if b.state == bounded && sent >= provenAfter {
		b.state = proven
		setUnsent(fd, b.most())
	}
}

// most is how much may wait now: for a peer that has taken little so far, no rate allows
// for more.
func (b *Backlog) most() int {
	switch {
	case b.state == bounded:
		return unsentMost
	case b.paced > 0:
		return 1 << b.paced
	}
	return unlimited
}

// A connection that is held to a rate queues about a quarter of a second's worth, within
// these powers of two: else a peer that is slower than its share would take it all the
// same, for as long as its socket has room, and take it from others. What is larger fits
// into no socket.
const (
	pacedLeast = 16 // 64 KiB
	pacedMost  = 22 // 4 MiB
)

// Hold is told what the connection is held to, nil for nothing, before more is sent.
func (b *Backlog) Hold(fd int, to Allowance) {
	size := uint8(0)
	if to != nil {
		if size = uint8(max(bits.Len64(uint64(max(to.Rate(), 0))/4), pacedLeast)); size > pacedMost { //nolint:gosec // 64 at most
			size = 0
		}
	}
	if size == b.paced {
		return
	}
	b.paced = size
	if b.state != bounded {
		setUnsent(fd, b.most())
	}
}
