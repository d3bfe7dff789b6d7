package wire

// This file is how a watchdog finds out whether the listener is alive.

import (
	"context"
	"errors"
	"net"
	"os"
	"time"
)

// Check reports whether somebody accepts connections: whoever waits in Accept
// is woken and notes that it was. A connection to oneself would prove less,
// since the kernel makes it whether or not anybody accepts; it would be counted
// like a client's; and where several processes share the socket another one
// would get it. The error is net.ErrClosed after Close, or ctx's.
func (l *Listener) Check(ctx context.Context) error {
	const look = time.Millisecond
	tick := time.NewTicker(look)
	defer tick.Stop()
	for before := l.woken.Load(); l.woken.Load() == before; {
		// Each time anew: Accept takes a deadline away when it has met it, and
		// could take this one for the last.
		if err := l.tcp.SetDeadline(time.Unix(1, 0)); err != nil {
			return net.ErrClosed
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.closed:
			return net.ErrClosed
		case <-tick.C:
		}
	}
	return nil
}

// wokenByCheck reports whether an accept ended only because Check asks, and
// answers it.
func (l *Listener) wokenByCheck(err error) bool {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	l.woken.Add(1)
	return l.tcp.SetDeadline(time.Time{}) == nil
}
