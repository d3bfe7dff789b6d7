//go:build linux && (amd64 || arm64)

package engine

// Receiving: bytes become heads, and each head is judged before anybody acts on
// it.

import (
	"os"
	"sync"
	"syscall"

	"fullbore/app/head"
)

// arrived is what has come of a request, while it waits for the rest or for the
// response before it.
type arrived struct {
	buf  *[]byte
	head head.Head // the judgement so far
}

var arrivals = sync.Pool{New: func() any { return &arrived{} }}

// keep remembers what has arrived, with the judgement so far.
func (c *Conn) keep(p []byte, judged *head.Head) {
	if len(p) == 0 {
		return
	}
	a := arrivals.Get().(*arrived) //nolint:forcetypeassert // the pool holds nothing else
	a.buf = getBuffer(len(p))
	*a.buf = append(*a.buf, p...)
	a.head = *judged
	c.in = a
}

// takeIn returns what was held back, in buf.
func (c *Conn) takeIn(buf []byte, judged *head.Head) int {
	a := c.in
	if a == nil {
		*judged = head.Head{}
		return 0
	}
	c.in = nil
	n := copy(buf, *a.buf)
	*judged = a.head
	putBuffer(a.buf)
	a.buf = nil
	arrivals.Put(a)
	return n
}

// receive answers the request that has arrived, or reads on if it is not
// complete. more says that there may be something to do at once; ours is false
// when this goroutine does not run the loop any more.
func (l *loop) receive(c *Conn, number uint64) (more, ours bool) {
	n := c.takeIn(l.in, &l.head)
	awaited := c.has(unnamed)
	for {
		if n > 0 {
			var state head.State
			switch n, state = l.judge(c, n); state {
			case head.Complete:
				return l.answer(c, n, number)
			case head.Refused:
				return false, true
			case head.More:
			}
		}
		if !c.has(readable) {
			break
		}
		got, ended := l.take(c, l.in[n:])
		if ended {
			l.hungUp(c, n)
			return false, true
		}
		n += got
	}
	if n == 0 {
		if !awaited || c.mayEnd() { // else the time for its first head goes on
			l.rested(c)
		}
		return false, true
	}
	c.keep(l.in[:n], &l.head)
	if c.list != &l.heads || c.out != nil { // the time for a head begins with its first byte
		l.heads.push(c, l.now)
	}
	return false, true
}

// judge judges what has arrived, l.in[:n]: how a proxy introduces the connection, if that
// is still to come, and the head behind it, which is left in l.in[:left]. What is refused
// is answered.
func (l *loop) judge(c *Conn, n int) (left int, state head.State) {
	if c.has(unnamed) {
		var ok bool
		if n, ok = l.introduce(c, n, nil); !ok {
			return 0, head.Refused
		}
		if n == 0 || c.has(unnamed) {
			return n, head.More
		}
	}
	if state = l.head.Judge(l.in[:n], l.engine.headLimit); state == head.Refused {
		l.refuse(c, l.in[:n], nil)
	}
	return n, state
}

// take reads what has come. ended says that nothing more will.
func (l *loop) take(c *Conn, p []byte) (n int, ended bool) {
	n, errno := read(c.fd, p)
	switch {
	case errno == syscall.EAGAIN:
		c.is &^= readable
		return 0, false
	case errno != 0:
		c.fail(os.NewSyscallError("read", errno))
		return 0, true
	case n == 0:
		return 0, true
	case n < len(p) && !c.has(hungUp):
		c.is &^= readable // or there would be another event: epoll(7), question 9
	}
	c.received.Add(int64(n))
	return n, false
}

// dropIn forgets what has arrived.
func (c *Conn) dropIn() {
	if a := c.in; a != nil {
		c.in = nil
		putBuffer(a.buf)
		a.buf = nil
		arrivals.Put(a)
	}
}

// hungUp ends a connection whose peer sends no more, with n bytes of a request
// that will not be completed.
func (l *loop) hungUp(c *Conn, n int) {
	if n > 0 && c.failure == nil {
		l.refuse(c, l.in[:n], errUnfinished)
		return
	}
	if c.failure != nil {
		l.shut(c)
		return
	}
	l.end(c)
}
