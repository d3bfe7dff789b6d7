// Package wire is the TCP side of the server: it accepts connections, counts
// every byte that crosses them, ends those that make no progress, and hands
// files to the kernel. It knows nothing of HTTP.
package wire

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// IdleTimeoutDefault is how long a peer may take nothing before its
// connection ends.
const IdleTimeoutDefault = 60 * time.Second

// Accept waits this long after a first failure, and doubles it up to the
// second figure while failures go on.
const (
	acceptBackoffMin = 5 * time.Millisecond
	acceptBackoffMax = time.Second
)

// Config of a Listener. The zero value is ready to use.
type Config struct {
	// IdleTimeout ends a connection whose peer took no byte for this long
	// while there was something to send. It is not a limit on a whole
	// response: a slow peer that keeps taking bytes is never cut.
	//
	// Optional. Default: IdleTimeoutDefault
	IdleTimeout time.Duration

	// OnAcceptError is told of each failed accept and of the pause before the
	// next try. It is called from Accept and must not block.
	//
	// Optional. Default: nil
	OnAcceptError func(err error, pause time.Duration)
}

// Listener accepts TCP connections as *Conn. Unlike the listener it wraps, it
// survives being out of descriptors or memory: Accept waits and tries again
// instead of ending the server. It is safe for concurrent use.
type Listener struct {
	tcp    *net.TCPListener
	cfg    Config
	closed chan struct{}
	once   sync.Once

	accepted     atomic.Int64
	acceptErrors atomic.Int64
	woken        atomic.Int64 // how often Check found somebody in Accept
	idle         atomic.Int64 // nanoseconds; see SetIdleTimeout

	mu    sync.Mutex
	conns map[*Conn]struct{}
	peak  int
	// By connections that are closed.
	written, read int64

	retiring int32 // how new connections begin; see Conn.retire
}

// Listen opens a TCP listener on addr (host:port; port 0 picks a free one).
func Listen(addr string, config ...Config) (*Listener, error) {
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, err
	}
	tcp, ok := ln.(*net.TCPListener)
	if !ok { // "tcp" gives nothing else; said rather than trusted
		_ = ln.Close() // the error below is the one that matters
		return nil, fmt.Errorf("listen %s: not a TCP listener but %T", addr, ln)
	}
	return NewListener(tcp, config...), nil
}

// NewListener takes a listener over that was opened elsewhere, such as by the
// service manager.
func NewListener(tcp *net.TCPListener, config ...Config) *Listener {
	var cfg Config
	if len(config) > 0 {
		cfg = config[0]
	}
	l := &Listener{
		tcp:    tcp,
		cfg:    cfg,
		closed: make(chan struct{}),
		conns:  make(map[*Conn]struct{}),
	}
	l.SetIdleTimeout(cfg.IdleTimeout)
	return l
}

// SetIdleTimeout changes Config.IdleTimeout, also for connections that are
// open: those that wait for their peer right now notice within a quarter of the
// old timeout. 0 or less is IdleTimeoutDefault.
func (l *Listener) SetIdleTimeout(timeout time.Duration) {
	if timeout <= 0 {
		timeout = IdleTimeoutDefault
	}
	l.idle.Store(int64(timeout))
}

// Accept waits for the next connection. It returns an error only when the
// listener is closed or broken beyond a retry.
func (l *Listener) Accept() (net.Conn, error) {
	var pause time.Duration
	for {
		tcp, err := l.tcp.AcceptTCP()
		if err == nil {
			l.accepted.Add(1)
			return l.track(tcp), nil
		}
		if l.wokenByCheck(err) {
			continue
		}
		if !passing(err) {
			return nil, err
		}
		pause = min(max(2*pause, acceptBackoffMin), acceptBackoffMax)
		l.acceptErrors.Add(1)
		if l.cfg.OnAcceptError != nil {
			l.cfg.OnAcceptError(err, pause)
		}
		select {
		case <-l.closed:
			return nil, net.ErrClosed
		case <-time.After(pause):
		}
	}
}

// passing reports whether an accept error says something about one connection
// or about a shortage, rather than about the listener. See accept(2), ERRORS.
func passing(err error) bool {
	for _, errno := range []syscall.Errno{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
		syscall.ECONNABORTED, syscall.ECONNRESET, syscall.EPROTO, syscall.EPERM,
	} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// track wraps a new connection and remembers it until it is closed.
func (l *Listener) track(tcp *net.TCPConn) *Conn {
	c := newConn(tcp, &l.idle, l.forget)
	l.mu.Lock()
	c.retiring.Store(l.retiring)
	l.conns[c] = struct{}{}
	l.peak = max(l.peak, len(l.conns))
	l.mu.Unlock()
	return c
}

func (l *Listener) forget(c *Conn) {
	l.mu.Lock()
	delete(l.conns, c)
	l.written += c.BytesWritten()
	l.read += c.BytesRead()
	l.mu.Unlock()
}

// Close stops accepting. Connections stay open. It may be called twice.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	if err := l.tcp.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Addr is the address listened on, with the port that was picked.
func (l *Listener) Addr() net.Addr { return l.tcp.Addr() }

// Accepted is the number of connections accepted since the start.
func (l *Listener) Accepted() int64 { return l.accepted.Load() }

// AcceptErrors is the number of accepts that failed and were tried again.
func (l *Listener) AcceptErrors() int64 { return l.acceptErrors.Load() }

// Bytes is how many bytes the kernel took for sending and how many were received
// on all connections since the start, those that are closed and those that are
// open, headers included.
func (l *Listener) Bytes() (written, read int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	written, read = l.written, l.read
	for c := range l.conns {
		written += c.BytesWritten()
		read += c.BytesRead()
	}
	return written, read
}

// Open is the number of connections accepted and not yet closed.
func (l *Listener) Open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns)
}

// Peak is the most connections that were open at once since the last call.
func (l *Listener) Peak() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	peak := l.peak
	l.peak = len(l.conns)
	return peak
}

// Cut ends every open connection at once; see Conn.Cut. It returns how many
// there were.
func (l *Listener) Cut(reason error) int {
	l.mu.Lock()
	conns := slices.Collect(maps.Keys(l.conns))
	l.mu.Unlock()
	for _, c := range conns {
		c.Cut(reason)
	}
	return len(conns)
}

// WaitClosed waits until no connection is open, at most for the timeout, and
// reports whether that came true.
func (l *Listener) WaitClosed(timeout time.Duration) bool {
	const look = 5 * time.Millisecond
	for deadline := time.Now().Add(timeout); l.Open() > 0; time.Sleep(look) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}
