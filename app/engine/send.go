//go:build linux && (amd64 || arm64)

package engine

// Sending: a response goes out in steps, as far as the socket takes it and
// no other connection waits for a turn.

import (
	"io"
	"os"
	"syscall"
	"time"
	"unsafe"
)

// progress is how far a step has come.
type progress int

const (
	done   progress = iota // nothing is left of it
	full                   // the socket has no room
	over                   // the turn is over
	absent                 // the next bytes of the file are not in memory
	held                   // its rate allows nothing now
	broken                 // it cannot go on; see Conn.failure
)

// A turn is what one response may send before others have theirs. It grows and
// shrinks with the time it takes, so that no connection waits for one much longer
// than a millisecond.
const (
	turnMin  = 256 << 10
	turnMax  = 8 << 20
	turnLong = 1500 * time.Microsecond
	turnFast = 500 * time.Microsecond
)

// budget is what is left of a turn, in bytes, and where in which file it has got.
type budget struct {
	left   int64
	fd     int
	offset int64
}

// step sends what the socket takes of a connection's response, for one turn, and as far
// as its rate allows.
func (l *loop) step(c *Conn) progress {
	allowance, n := c.Allowance(), min(l.turn, c.out.left())
	c.backlog.Hold(c.fd, allowance)
	if allowance == nil || n == 0 {
		return l.sendUpTo(c, l.turn)
	}
	if n = allowance.Take(n); n == 0 {
		return held
	}
	before := c.sent.Load()
	p := l.sendUpTo(c, n)
	allowance.Return(n - (c.sent.Load() - before))
	return p
}

// sendUpTo sends so many bytes at most.
func (l *loop) sendUpTo(c *Conn, left int64) progress {
	r := c.out
	for turn := (budget{left: left, fd: -1}); ; {
		var p progress
		switch next := r.next(); {
		case len(r.head) == 0 && next.text == "" && next.length == 0:
			return done
		case turn.left <= 0:
			return over
		case len(r.head) > 0:
			p = c.sendHead(r, next, &turn.left)
		case next.text != "":
			p = c.sendText(r, next.text, &turn.left)
		default:
			p = l.sendRange(c, r, next, &turn)
		}
		if p != done {
			return p
		}
	}
}

// sendHead sends what is left of the header, and of what is put behind it, or goes
// behind it as a text.
func (c *Conn) sendHead(r *response, next part, left *int64) progress {
	var n int
	var errno syscall.Errno
	head := r.head[:min(int64(len(r.head)), *left)]
	gathers := r.tail == 0 && next.text != "" && r.total == int64(len(next.text)) && int64(len(head))+r.total <= *left
	if gathers {
		n, errno = gather(c.fd, head, next.text)
	} else {
		n, errno = send(c.fd, head, r.total > r.tail && int64(len(head)) < *left)
	}
	c.sent.Add(int64(n))
	*left -= int64(n)
	text := max(n-len(head), 0)
	r.head = r.head[n-text:]
	if left := min(r.tail, int64(len(r.head))); left < r.tail {
		r.advance(r.tail - left)
		r.tail = left
	}
	if text > 0 {
		r.advance(int64(text))
	}
	if len(r.head) == 0 {
		r.dropHead()
		if !gathers && r.total > next.length && c.remote.IsValid() && c.Allowance() == nil { // more than one call is to come
			r.cork = true
			cork(c.fd, 1)
		}
		if c.remote.IsValid() {
			c.backlog.Before(c.fd, r.total)
		}
	}
	return c.after("send", errno)
}

// sendText sends what is left of a text.
func (c *Conn) sendText(r *response, text string, left *int64) progress {
	text = text[:min(int64(len(text)), *left)]
	n, errno := send(c.fd, unsafe.Slice(unsafe.StringData(text), len(text)), r.total > int64(len(text)) && int64(len(text)) < *left)
	c.sent.Add(int64(n))
	*left -= int64(n)
	r.advance(int64(n))
	return c.after("send", errno)
}

// sendRange sends a piece of a file.
func (l *loop) sendRange(c *Conn, r *response, p part, turn *budget) progress {
	if r.isCold() { // to look at the file may take as long as to read it
		return absent
	}
	if p.look {
		if err := r.body.Verify(); err != nil {
			return c.breakOff(err)
		}
	}
	n := min(p.length, turn.left)
	beside := p.fd == turn.fd && p.offset == turn.offset && n <= besideLast
	if !beside && !l.isCached(r, p, n) {
		return absent
	}
	var begun time.Time
	whole := n == turn.left
	if whole {
		begun = time.Now()
	}
	sent, errno := sendfile(c.fd, p.fd, &p.offset, n)
	if whole && sent == n && c.Allowance() == nil {
		l.adapt(time.Since(begun))
	}
	turn.left, turn.fd, turn.offset = turn.left-sent, p.fd, p.offset
	return c.sentRange(r, sent, errno)
}

// sentRange takes note of what a sendfile call did.
func (c *Conn) sentRange(r *response, sent int64, errno syscall.Errno) progress {
	c.backlog.After(c.fd, c.sent.Add(sent))
	r.advance(sent)
	if sent == 0 && errno == 0 { // the file has become shorter
		err := r.body.Verify()
		if err == nil {
			err = io.ErrUnexpectedEOF
		}
		return c.breakOff(err)
	}
	return c.after("sendfile", errno)
}

// after says what a system call's error means for a step.
func (c *Conn) after(call string, errno syscall.Errno) progress {
	switch errno {
	case 0:
		return done
	case syscall.EAGAIN:
		return full
	}
	c.fail(os.NewSyscallError(call, errno))
	return broken
}

// breakOff ends a response whose source is not what it was: a client must not
// take what it got for the whole.
func (c *Conn) breakOff(err error) progress {
	c.fail(err)
	return broken
}

// adapt fits the turn to the machine.
func (l *loop) adapt(took time.Duration) {
	switch {
	case took > turnLong:
		l.turn = max(l.turn/2, turnMin)
	case took < turnFast:
		l.turn = min(l.turn*2, turnMax)
	}
}
