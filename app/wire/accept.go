package wire

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Accept waits this long after a first failure, and doubles it up to the
// second figure while failures go on.
const (
	acceptBackoffMin = 5 * time.Millisecond
	acceptBackoffMax = time.Second
)

// accepting takes connections off a listening socket, or supervises who does.
type accepting struct {
	tcp     *net.TCPListener
	onError func(err error, pause time.Duration)
	closed  chan struct{}
	once    sync.Once
	errors  atomic.Int64
	answers atomic.Int64           // to Check
	wake    atomic.Pointer[func()] // nil: Accept takes them
}

func (a *accepting) accept() (*net.TCPConn, error) {
	var pause time.Duration
	for {
		tcp, err := a.tcp.AcceptTCP()
		if err == nil {
			return tcp, nil
		}
		if errors.Is(err, os.ErrDeadlineExceeded) && a.tcp.SetDeadline(time.Time{}) == nil {
			a.answers.Add(1)
			continue
		}
		var retry bool
		if pause, retry = a.AcceptFailed(err, pause); !retry {
			return nil, err
		}
		select {
		case <-a.closed:
			return nil, net.ErrClosed
		case <-time.After(pause):
		}
	}
}

// AcceptFailed counts and reports a failed accept, and says how long to wait
// before the next try, given how long it was before this one (0: this is the
// first failure). No retry means that the listener is closed or broken.
func (a *accepting) AcceptFailed(err error, last time.Duration) (pause time.Duration, retry bool) {
	if !passing(err) {
		return 0, false
	}
	pause = min(max(2*last, acceptBackoffMin), acceptBackoffMax)
	a.errors.Add(1)
	if a.onError != nil {
		a.onError(err, pause)
	}
	return pause, true
}

// passing reports whether an accept error says something about one connection
// or about a shortage, rather than about the listener. See accept(2), ERRORS.
func passing(err error) bool {
	for _, errno := range []syscall.Errno{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
		syscall.ECONNABORTED, syscall.ECONNRESET, syscall.EPROTO, syscall.EPERM,
		// What is wrong with the new connection's network already.
		syscall.ENETDOWN, syscall.ENETUNREACH, syscall.ENOPROTOOPT, syscall.EOPNOTSUPP,
		syscall.EHOSTDOWN, syscall.EHOSTUNREACH,
	} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// SyscallConn is the listening socket, for accepting by system calls; see AcceptBy.
func (a *accepting) SyscallConn() (syscall.RawConn, error) { return a.tcp.SyscallConn() }

// AcceptBy says that connections are taken by others than Accept. They call
// Accepting when wake tells them to, which it does for Check and after Close,
// from any goroutine.
func (a *accepting) AcceptBy(wake func()) { a.wake.Store(&wake) }

// Accepting says that the caller takes connections. It returns false if the listener is
// closed.
func (a *accepting) Accepting() bool {
	select {
	case <-a.closed:
		return false
	default:
		a.answers.Add(1)
		return true
	}
}

// Check reports whether somebody accepts connections: whoever waits for one is
// woken and notes that it was. A connection to oneself would prove less, since
// the kernel makes it whether or not anybody accepts; it would be counted like
// a client's; and where several processes share the socket another one would
// get it. The error is net.ErrClosed after Close, or ctx's.
func (a *accepting) Check(ctx context.Context) error {
	const look = time.Millisecond
	tick := time.NewTicker(look)
	defer tick.Stop()
	for before := a.answers.Load(); a.answers.Load() == before; {
		if err := a.rouse(); err != nil {
			return net.ErrClosed
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-a.closed:
			return net.ErrClosed
		case <-tick.C:
		}
	}
	return nil
}

// rouse wakes whoever waits for connections. Accept clears a deadline that it has met,
// and could clear this one as the last: it is set again each time.
func (a *accepting) rouse() error {
	if wake := a.wake.Load(); wake != nil {
		(*wake)()
		return nil
	}
	return a.tcp.SetDeadline(time.Unix(1, 0))
}

// Close stops accepting. Connections stay open. It may be called twice.
func (a *accepting) Close() error {
	a.once.Do(func() { close(a.closed) })
	err := a.tcp.Close()
	if wake := a.wake.Load(); wake != nil {
		(*wake)()
	}
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Addr is the address listened on, with the port that was picked.
func (a *accepting) Addr() net.Addr { return a.tcp.Addr() }

// AcceptErrors is the number of accepts that failed and were tried again.
func (a *accepting) AcceptErrors() int64 { return a.errors.Load() }
