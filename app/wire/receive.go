package wire

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"
)

// A connection is in one of three phases, of which its owner tells.
const (
	fresh   = iota // nothing was received yet
	working        // something was, and is not answered yet
	resting        // all that was received is answered
)

// Retirement is when connections end in an orderly way: when the peer owes us
// the next request and we owe it nothing. What a peer has sent before that is
// never thrown away.
type Retirement int32

// How far a connection is retired.
const (
	Staying      Retirement = iota
	AfterAnswers            // it ends when it rests
	EvenFresh               // or when nothing has ever come
)

// lastLook is how long a connection that is about to end listens once more, for
// what its peer has sent meanwhile.
const lastLook = 10 * time.Millisecond

// receiver is the receiving half of a connection.
type receiver struct {
	sock       socket
	cut        *cut
	pacing     *Pacing
	read       atomic.Int64
	phase      atomic.Int32
	retirement atomic.Int32
	roused     atomic.Bool // Read has to ask its caller for another deadline

	// The reading goroutine's own.
	readBy    time.Time // Read's deadline
	readArmed time.Time // when the poller says so; never later
	heldBack  time.Duration
}

// BytesRead is the number of bytes received from the peer.
func (r *receiver) BytesRead() int64 { return r.read.Load() }

// Read reads from the peer. On a retired connection it returns io.EOF
// instead of waiting for the next request.
func (r *receiver) Read(p []byte) (int, error) {
	for {
		if r.mayEnd() {
			return r.readLast(p)
		}
		n, err := r.pull(p)
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) || !r.readLater() {
			return n, err
		}
	}
}

// pull reads once. What comes while a request is worked on is its body, or a head behind
// it: as much of that is read as the connection's allowance has, so that the kernel
// holds the peer back.
func (r *receiver) pull(p []byte) (n int, err error) {
	if r.pacing.Allowance() == nil || r.phase.Load() != working {
		n, err = r.sock.Read(p)
		r.read.Add(int64(n))
		return n, err
	}
	begun := time.Now()
	most, allowance := r.pacing.take(len(p), r.cut)
	r.waited(time.Since(begun))
	n, err = r.sock.Read(p[:most])
	r.read.Add(int64(n))
	if allowance != nil {
		allowance.Return(int64(most - n))
	}
	return n, err
}

// waited puts the deadline off by how long the peer was held back.
func (r *receiver) waited(d time.Duration) {
	r.heldBack += d
	if !r.readBy.IsZero() {
		_ = r.SetReadDeadline(r.readBy.Add(d)) // of a closed connection: Read says so
	}
}

// HeldBack is how long Read has held the peer back since it was asked last. It is for the
// reading goroutine.
func (r *receiver) HeldBack() time.Duration {
	d := r.heldBack
	r.heldBack = 0
	return d
}

// SetReadDeadline sets Read's deadline; see net.Conn. A server moves this
// deadline further away several times per request, so the one in the poller is
// left where it is until it passes.
func (r *receiver) SetReadDeadline(t time.Time) error {
	r.readBy = t
	if !t.IsZero() && !r.readArmed.IsZero() && !t.Before(r.readArmed) {
		return nil
	}
	r.readArmed = t
	return r.sock.SetReadDeadline(t)
}

// readLater reports whether reading goes on although the deadline has passed:
// if the one that is wanted, to which it is moved, is still to come, or if it
// was passed by Retire, of which Read has to think anew.
func (r *receiver) readLater() bool {
	if r.roused.Swap(false) {
		r.readArmed = time.Time{}
		return false
	}
	if !r.readBy.IsZero() && !r.readBy.After(time.Now()) {
		return false
	}
	r.readArmed = r.readBy
	return r.sock.SetReadDeadline(r.readBy) == nil
}

// readLast reads what has already arrived, or returns io.EOF if nothing has.
func (r *receiver) readLast(p []byte) (int, error) {
	r.readArmed = time.Now().Add(lastLook)
	if err := r.sock.SetReadDeadline(r.readArmed); err != nil {
		return 0, err
	}
	n, err := r.sock.Read(p)
	r.read.Add(int64(n))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = io.EOF
	}
	return n, err
}

// Work says that a request begins to arrive.
func (r *receiver) Work() { r.phase.Store(working) }

// Rest says that all that was received is answered: from here on the
// connection may be retired.
func (r *receiver) Rest() { r.phase.Store(resting) }

// Retire ends the connection when it rests, now or later. It wakes Read.
func (r *receiver) Retire(how Retirement) {
	r.retirement.Store(int32(how))
	if r.mayEnd() {
		// Should a request begin at this moment, Read finds that the deadline is
		// not the one that was asked for, and goes on. The error is that of a
		// connection that is closed already.
		_ = r.sock.SetReadDeadline(time.Unix(1, 0))
	}
}

// rouse has a Read that waits, or the next one, return os.ErrDeadlineExceeded, whatever
// its deadline is.
func (r *receiver) rouse() {
	r.roused.Store(true)
	_ = r.sock.SetReadDeadline(time.Unix(1, 0)) // of one that is closed nobody waits
}

func (r *receiver) retired() bool { return Retirement(r.retirement.Load()) != Staying }

// mayEnd reports whether the connection is retired, and in a phase in which
// that ends it.
func (r *receiver) mayEnd() bool {
	how := Retirement(r.retirement.Load())
	if how == Staying {
		return false
	}
	phase := r.phase.Load()
	return phase == resting || (phase == fresh && how == EvenFresh)
}
