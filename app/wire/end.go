package wire

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// How long, and for how many bytes, a connection waits for what its peer still sends, on
// goroutines and loops alike.
const (
	LingerTime  = time.Second
	LingerBytes = 1 << 20
)

// How often a peer that has not taken everything is checked: often at first, since most
// take what is there at once, and always while a stop waits for the end.
const (
	SettleLookMin      = 5 * time.Millisecond
	settleLookRetiring = 20 * time.Millisecond
	SettleLookMax      = time.Second
)

// ending is how a connection ends: at once by Cut, or in an orderly way.
type ending struct {
	sock    socket
	cut     cut
	sending atomic.Bool // the peer is; see Linger
	once    sync.Once   // for Close
}

// end is Conn.Cut for the socket. It does not close it, since that would wait for a
// write to end, and one from a slow disk to a fast peer ends only with the file. Errors
// are ignored: a connection that is already gone is cut.
func (e *ending) end(reason error) {
	e.cut.reason.CompareAndSwap(nil, &reason)
	e.sock.reset() // what is queued goes with the Close
	_ = e.sock.CloseRead()
	_ = e.sock.CloseWrite()
}

// CutFor is the reason that Cut was given, nil if it was not called.
func (e *ending) CutFor() error {
	if reason := e.cut.reason.Load(); reason != nil {
		return *reason
	}
	return nil
}

// Linger says that the peer is still sending data that will not be read, so that
// Close takes care of it also when nothing of it has arrived yet.
func (e *ending) Linger() { e.sending.Store(true) }

// linger ends our half and reads the peer's until it ends too, within bounds,
// if there is anything to read or will be. Errors only mean that there is
// nobody left to be kind to.
func (e *ending) linger() {
	if e.cut.done() || (!e.sending.Load() && e.sock.unread() == 0) || e.sock.CloseWrite() != nil {
		return
	}
	until := time.Now().Add(LingerTime)
	buf := copyBuffers.Get().(*[]byte) //nolint:forcetypeassert // the pool holds nothing else
	defer copyBuffers.Put(buf)
	for left := LingerBytes; left > 0 && time.Now().Before(until); {
		_ = e.sock.SetReadDeadline(until) // again, since it may be another's by now; see Reconsider
		n, err := e.sock.Read(*buf)
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		left -= n
	}
}

// settle waits until the peer has taken what waits in the kernel, for as long as
// it keeps taking, and ends our half first, so that the peer need not wait. It
// gives up when nothing was taken for the idle timeout.
//
// Mostly the kernel would do it by itself. But short of memory it throws away
// the queues of orphaned sockets, with up to some megabytes
// that are logged as sent; and where the process was the last one of a
// container, the network goes with it. See tcp(7), tcp_mem and tcp_max_orphans.
func (e *ending) settle(idle func() time.Duration, retired func() bool) {
	if e.cut.done() {
		return
	}
	left := e.sock.queued()
	if left == 0 || e.sock.CloseWrite() != nil {
		return
	}
	begun := time.Now()
	since := begun
	for left > 0 && !e.cut.done() && !e.sock.gone() {
		longest := SettleLookMax
		if retired() {
			longest = settleLookRetiring
		}
		time.Sleep(min(max(time.Since(begun)/8, SettleLookMin), longest))
		now := e.sock.queued()
		if now != left {
			left, since = now, time.Now()
		}
		if time.Since(since) >= idle() {
			return
		}
	}
}

// cut is why a connection was cut; the zero value is that it was not.
type cut struct{ reason atomic.Pointer[error] }

func (c *cut) done() bool { return c.reason.Load() != nil }

// explain adds the reason to the error that followed from it.
func (c *cut) explain(err error) error {
	if reason := c.reason.Load(); reason != nil {
		return &CutError{*reason, err}
	}
	return err
}

// ErrLeft cuts a connection whose peer has left while its request waited for its turn.
var ErrLeft = errors.New("the client left while it waited for its turn")

// CutError is the error of a write on a connection that Cut has ended: Reason is Cut's, Err
// what the system said.
type CutError struct{ Reason, Err error }

// Error is the reason's text.
func (e *CutError) Error() string { return e.Reason.Error() }

// Unwrap returns both.
func (e *CutError) Unwrap() []error { return []error{e.Reason, e.Err} }
