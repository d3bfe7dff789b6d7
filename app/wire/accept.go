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

// ListeningSocket is a *net.TCPListener, a *net.UnixListener of stream sockets, or
// what wraps one. It must not be another's to accept on.
type ListeningSocket interface {
	net.Listener
	syscall.Conn
	SetDeadline(time.Time) error
}

// Entrance is one of a Listener's sockets, as a net.Listener of its own.
type Entrance struct {
	ListeningSocket
	listener *Listener

	// Introduced says that a proxy introduces each connection, see
	// Config.Introduction. It is to be set before anybody accepts.
	Introduced bool

	answers atomic.Int64 // to Check
}

// Accept waits for the next connection, a *Conn or what is around one. It returns an error
// only when the socket is closed or broken beyond a retry.
func (e *Entrance) Accept() (net.Conn, error) {
	for {
		stream, err := e.accept()
		if err != nil {
			return nil, err
		}
		share, ok := e.admit(stream)
		if !ok {
			continue
		}
		c := e.listener.newConn(stream)
		e.listener.AddAs(c, share)
		if e.Introduced {
			return &awaiting{Conn: c, listener: e.listener}, nil
		}
		return c, nil
	}
}

func (e *Entrance) accept() (Stream, error) {
	var pause time.Duration
	for {
		conn, err := e.ListeningSocket.Accept()
		if err == nil {
			return conn.(Stream), nil //nolint:forcetypeassert // see ListeningSocket
		}
		if errors.Is(err, os.ErrDeadlineExceeded) && e.SetDeadline(time.Time{}) == nil {
			e.answers.Add(1)
			continue
		}
		var retry bool
		if pause, retry = e.listener.AcceptFailed(err, pause); !retry {
			return nil, err
		}
		select {
		case <-e.listener.closed:
			return nil, net.ErrClosed
		case <-time.After(pause):
		}
	}
}

// accepting accepts connections, or supervises an event loop that does.
type accepting struct {
	entrances []*Entrance
	onError   func(err error, pause time.Duration)
	closed    chan struct{}
	once      sync.Once
	errors    atomic.Int64
	wake      atomic.Pointer[func()] // nil: Entrance.Accept takes them
}

// Entrances are the listening sockets, at least one.
func (a *accepting) Entrances() []*Entrance { return a.entrances }

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
		for _, e := range a.entrances {
			e.answers.Add(1)
		}
		return true
	}
}

// Check reports whether connections are accepted on each socket: it wakes what waits for one,
// which notes that. A connection to oneself would prove less, since
// the kernel makes it whether or not anybody accepts; it would be counted like
// a client's; and where several processes share the socket another one would
// get it. The error is net.ErrClosed after Close, or ctx's.
func (a *accepting) Check(ctx context.Context) error {
	for _, e := range a.entrances {
		if err := a.check(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

func (a *accepting) check(ctx context.Context, e *Entrance) error {
	const look = time.Millisecond
	tick := time.NewTicker(look)
	defer tick.Stop()
	for before := e.answers.Load(); e.answers.Load() == before; {
		if err := a.rouse(e); err != nil {
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

// rouse wakes the accepting goroutine or loop. Accept clears a deadline that it has met,
// and could clear this one as the last: it is set again each time.
func (a *accepting) rouse(e *Entrance) error {
	if wake := a.wake.Load(); wake != nil {
		(*wake)()
		return nil
	}
	return e.SetDeadline(time.Unix(1, 0))
}

// Close stops accepting. Connections stay open. It may be called twice.
func (a *accepting) Close() error {
	a.once.Do(func() { close(a.closed) })
	var failed error
	for _, e := range a.entrances {
		if err := e.Close(); !errors.Is(err, net.ErrClosed) {
			failed = errors.Join(failed, err)
		}
	}
	if wake := a.wake.Load(); wake != nil {
		(*wake)()
	}
	return failed
}

// Addr is the first address listened on, with the port that was picked.
func (a *accepting) Addr() net.Addr { return a.entrances[0].Addr() }

// AcceptErrors is the number of accepts that failed and were tried again.
func (a *accepting) AcceptErrors() int64 { return a.errors.Load() }
