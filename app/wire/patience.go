package wire

import (
	"errors"
	"os"
	"sync/atomic"
	"time"
)

// ticksPerTimeout is how often within the idle timeout a blocked write looks
// whether its peer took anything. A stall ends between 1 and 1+1/ticks
// timeouts after the last byte that was taken.
const ticksPerTimeout = 4

// patience is the rule that a peer must keep taking bytes. It is for the
// writing goroutine.
type patience struct {
	idle      *atomic.Int64 // the listener's idle timeout in nanoseconds, which may change
	armed     time.Time     // when the write deadline now set will pass
	progress  time.Time     // when the peer was last seen to take a byte
	delivered int64         // what it had taken then
}

// begin starts a write: the peer is given the whole idle timeout anew. The
// deadline in the poller is moved only when the one that is set comes before
// the next look, since moving it costs more than a small write's bookkeeping.
func (p *patience) begin(sock socket) {
	now := time.Now()
	p.progress = now
	if tick := p.tick(); p.armed.Sub(now) < tick/2 {
		p.arm(sock, now.Add(tick))
	}
}

func (p *patience) timeout() time.Duration { return time.Duration(p.idle.Load()) }

func (p *patience) tick() time.Duration { return max(p.timeout()/ticksPerTimeout, time.Millisecond) }

func (p *patience) arm(sock socket, at time.Time) {
	p.armed = at
	// It fails only on a closed connection, and then the write says so.
	_ = sock.SetWriteDeadline(at)
}

// StallError says that the peer took nothing for the idle timeout. Its text is
// made on demand: fmt would need more stack than the transfer did.
type StallError struct {
	Idle time.Duration // the timeout
	Err  error         // os.ErrDeadlineExceeded, or what wraps it
}

// Error names the timeout.
func (e *StallError) Error() string {
	return "peer took nothing for " + e.Idle.String() + ": " + e.Err.Error()
}

// Unwrap returns Err.
func (e *StallError) Unwrap() error { return e.Err }

// errCarryOn says that the deadline passed while the peer was still taking bytes.
var errCarryOn = errors.New("carry on")

// judge turns a passed deadline into errCarryOn as long as the peer took
// something within the idle timeout, and into a timeout when it did not. Other
// errors pass through. written is what the kernel took on the connection.
func (p *patience) judge(sock socket, written int64, err error) error {
	if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	now := time.Now()
	// Progress is what the peer acknowledged, not what fits into our socket: a
	// socket may be fuller than its limit, and then has no room yet although
	// the peer took something.
	if d := written - sock.queued(); d != p.delivered {
		p.delivered, p.progress = d, now
	}
	if idle := p.timeout(); now.Sub(p.progress) >= idle {
		return &StallError{idle, err}
	}
	p.arm(sock, now.Add(p.tick()))
	return errCarryOn
}
