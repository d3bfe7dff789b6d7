package wire

// This file is how connections end in an orderly way: each when its peer owes
// us the next request and we owe it nothing. What a peer has sent before that
// is never thrown away.

import (
	"errors"
	"io"
	"os"
	"time"
)

// A connection is in one of three phases, of which its owner tells.
const (
	fresh   = iota // nothing was received yet
	working        // something was, and is not answered yet
	resting        // all that was received is answered
)

// How far a listener and its connections are retired.
const (
	staying      = iota
	afterAnswers // a connection ends when it rests
	evenFresh    // or when nothing has ever come
)

// lastLook is how long a connection that is about to end listens once more, for
// what its peer has sent meanwhile.
const lastLook = 10 * time.Millisecond

// Work says that a request begins to arrive. Like Rest it is for the owner of
// the connection.
func (c *Conn) Work() { c.phase.Store(working) }

// Rest says that all that was received is answered: from here on the
// connection may be retired.
func (c *Conn) Rest() { c.phase.Store(resting) }

// retire ends the connection when it rests; a reader that waits in Read is
// given io.EOF.
func (c *Conn) retire(how int32) {
	c.retiring.Store(how)
	if c.mayEnd() {
		// It wakes the reader. Should a request begin at this moment, Read finds
		// that the deadline is not the one that was asked for, and goes on. The
		// error is that of a connection that is closed already.
		_ = c.tcp.SetReadDeadline(time.Unix(1, 0))
	}
}

// mayEnd reports whether the connection is retired, and in a phase in which
// that ends it.
func (c *Conn) mayEnd() bool {
	how := c.retiring.Load()
	if how == staying {
		return false
	}
	phase := c.phase.Load()
	return phase == resting || (phase == fresh && how == evenFresh)
}

// readLast reads what has come already, and gives io.EOF if nothing has.
func (c *Conn) readLast(p []byte) (int, error) {
	c.readArmed = time.Now().Add(lastLook)
	if err := c.tcp.SetReadDeadline(c.readArmed); err != nil {
		return 0, err
	}
	n, err := c.tcp.Read(p)
	c.read.Add(int64(n))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = io.EOF
	}
	return n, err
}

// How often settle looks: often at first, since most peers take what is there
// at once, and always while somebody waits for the end.
const (
	lookMin      = 5 * time.Millisecond
	lookRetiring = 20 * time.Millisecond
	lookMax      = time.Second
)

// settle waits until the peer has taken what waits in the kernel, for as long as
// it keeps taking, and ends our half first, so that the peer need not wait.
// Mostly the kernel would do it by itself. But short of memory it throws away
// the queues of sockets that nobody holds any more, with up to some megabytes
// that are logged as sent; and where the process was the last one of a
// container, the network goes with it. See tcp(7), tcp_mem and tcp_max_orphans.
func (c *Conn) settle() {
	if c.isCut() || c.WriteErr() != nil {
		return
	}
	left := c.queued()
	if left == 0 || c.tcp.CloseWrite() != nil {
		return
	}
	begun := time.Now()
	since := begun
	for left > 0 && !c.isCut() && !c.gone() {
		longest := lookMax
		if c.retiring.Load() != staying {
			longest = lookRetiring
		}
		time.Sleep(min(max(time.Since(begun)/8, lookMin), longest))
		now := c.queued()
		if now != left {
			left, since = now, time.Now()
		}
		if time.Since(since) >= c.idleTimeout() {
			return
		}
	}
}

// Retire stops accepting, as Close does, and ends every connection that rests,
// now or later; see Conn.Rest. A connection on which nothing has come yet stays
// open for its first request, until Retire is called with fresh. What is being
// sent is not touched.
func (l *Listener) Retire(fresh bool) error {
	how := int32(afterAnswers)
	if fresh {
		how = evenFresh
	}
	err := l.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.retiring = how // for those that Accept has got and not told of yet
	for c := range l.conns {
		c.retire(how)
	}
	return err
}
