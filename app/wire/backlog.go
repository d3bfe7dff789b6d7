package wire

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
type Backlog struct{ state backlogState }

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
		setUnsent(fd, unsentMost)
	}
}

// After is told how many bytes the kernel has taken on this connection, in all.
func (b *Backlog) After(fd int, sent int64) {
	if b.state == bounded && sent >= provenAfter {
		b.state = proven
		setUnsent(fd, unlimited)
	}
}
