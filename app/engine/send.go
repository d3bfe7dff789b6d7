//go:build linux && (amd64 || arm64)

package engine

// Sending: a response goes out in steps, as far as the socket takes it and
// nobody else waits for a turn.

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
	broken                 // it cannot go on; see Conn.failure
)

// A turn is what one response may send before others have theirs. It grows and
// shrinks with the time that it takes, so that nobody waits for one much longer
// than a millisecond.
const (
	turnMin  = 256 << 10
	turnMax  = 8 << 20
	turnLong = 1500 * time.Microsecond
	turnFast = 500 * time.Microsecond
)

// step sends what the socket takes of a connection's response, for one turn.
func (l *loop) step(c *Conn) progress {
	r := c.out
	for left := l.turn; ; {
		var p progress
		switch {
		case len(r.head) > 0:
			p = c.sendHead(r)
		case r.text != "":
			p = c.sendText(r)
		case r.left > 0 && left > 0:
			p = l.sendRange(c, r, &left)
		case r.left > 0:
			return over
		case !r.next():
			return done
		}
		if p != done {
			return p
		}
	}
}

// sendHead sends what is left of the header, and of what is put behind it.
func (c *Conn) sendHead(r *response) progress {
	var n int
	var errno syscall.Errno
	gathers := r.text != "" && r.total == r.tail+int64(len(r.text))
	if gathers {
		n, errno = gather(c.fd, r.head, r.text)
	} else {
		n, errno = send(c.fd, r.head, r.total > r.tail)
	}
	c.sent.Add(int64(n))
	text := max(n-len(r.head), 0)
	r.head = r.head[n-text:]
	if left := min(r.tail, int64(len(r.head))); left < r.tail {
		r.advance(r.tail - left)
		r.tail = left
	}
	if text > 0 {
		r.text = r.text[text:]
		r.advance(int64(text))
	}
	if len(r.head) == 0 {
		r.dropHead()
		if r.total > lastPiece && !gathers {
			r.cork = true
			cork(c.fd, 1)
		}
	}
	return c.after("send", errno)
}

// sendText sends what is left of a segment's text.
func (c *Conn) sendText(r *response) progress {
	if r.total == int64(len(r.text)) && r.body != nil { // the end of a multipart body
		if err := r.body.Verify(); err != nil {
			return c.breakOff(err)
		}
	}
	n, errno := send(c.fd, unsafe.Slice(unsafe.StringData(r.text), len(r.text)), r.total > int64(len(r.text)))
	c.sent.Add(int64(n))
	r.text = r.text[n:]
	r.advance(int64(n))
	return c.after("send", errno)
}

// sendRange sends a piece of a file.
func (l *loop) sendRange(c *Conn, r *response, left *int64) progress {
	if r.isCold() { // to look at the file may take as long as to read it
		return absent
	}
	if r.checked <= 0 || r.total <= lastPiece {
		if err := r.body.Verify(); err != nil {
			return c.breakOff(err)
		}
		r.checked = checkEvery
	}
	n := min(r.left, *left, r.checked)
	if r.total > lastPiece {
		n = min(n, r.total-lastPiece) // the end waits for a last look at the file
	}
	if !r.isCached(n) {
		return absent
	}
	begun := time.Now()
	sent, errno := sendfile(c.fd, r.file, &r.offset, n)
	*left -= sent
	if *left == 0 {
		l.adapt(time.Since(begun))
	}
	return c.sentRange(r, sent, errno)
}

// sentRange takes note of what a sendfile call did.
func (c *Conn) sentRange(r *response, sent int64, errno syscall.Errno) progress {
	c.sent.Add(sent)
	r.left -= sent
	r.checked -= sent
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
