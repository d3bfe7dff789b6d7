//go:build linux && (amd64 || arm64)

package engine

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// coldReaders is how many goroutines read what is not in memory, at most, of each
// file system. Each holds a thread while its disk works.
const coldReaders = 32

// closers is how many files of a file system that cannot tell what is cached are
// closed at once.
const closers = 4

// A piece is what one of them sends before it looks at anything else: a call of
// sendfile(2). It grows and shrinks with the time that it takes. A small one lets
// a slow disk be seen to make progress; a large one saves what a call that sleeps
// costs, which is Go's monitor taking the processor away and waking a thread.
const (
	coldPieceMin  = 256 << 10
	coldPieceMax  = 16 << 20
	coldPieceLong = 40 * time.Millisecond
	coldPieceFast = 10 * time.Millisecond
)

// coldRun is how many bytes, once some were found not to be in memory, go without
// asking about each. What the kernel has read ahead is there, and what follows
// seldom is; and to ask costs more than it looks, as a virtual machine maps a page
// that its disk has filled when it is first read, which sendfile never does. It is
// more than kernels read ahead.
const coldRun = 32 << 20

// A range is probed at points no further apart than this or an eighth of it. What
// the kernel reads ahead, and throws away, comes in pieces of the first size; to ask it
// for every page, by cachestat(2), takes a fourteenth of the time in which the range is
// sent. Where all that was asked for lately was in memory, so is what lies between.
const (
	probeEvery  = 256 << 10
	probeSeldom = 1 << 20

	// lately is how long one byte that was not in memory makes all probes closer.
	lately = int64(10 * time.Second)

	// besideLast, in bytes, is how much is sent without a probe behind what was just
	// sent.
	besideLast = 16 << 10
)

// isCached reports whether the next n bytes of a file can be sent without waiting
// for a disk, as far as can be told. What the file system cannot tell counts as
// not cached.
func (l *loop) isCached(r *response, p part, n int64) bool {
	every := int64(probeSeldom)
	if l.now < l.coldUntil {
		every = probeEvery
	}
	last := p.offset + n - 1
	first := p.offset
	if every == probeSeldom && n <= probeEvery {
		first = last
	}
	for at := first; ; at = min(at+max(every, n/8), last) {
		var probe [1]byte
		if _, errno := probeCached(p.fd, probe[:], at); errno != 0 {
			r.cold = errno != syscall.EAGAIN
			r.unasked = coldRun
			l.coldUntil = l.now + lately
			return false
		}
		if at == last {
			return true
		}
	}
}

// sendAside has a connection's next piece sent by a reader.
func (l *loop) sendAside(c *Conn) {
	c.out.on = deviceOf(c.out.next().fd)
	readers := l.engine.readers.of(c.out.on)
	c.goAway()
	readers.do(func() {
		how := c.sendCold()
		for how == over && c.staysCold() && !readers.isWanted() {
			how = c.sendCold()
		}
		l.tell(message{conn: c, what: sentCold, progress: how})
	})
}

// staysCold reports whether the loop would only send the connection back.
func (c *Conn) staysCold() bool {
	r := c.out
	return r.isCold() && r.next().length > 0 && c.cutFor.Load() == nil
}

// isCold reports whether what comes next is sent by a reader without asking
// where it is.
func (r *response) isCold() bool { return r.cold || r.unasked > 0 }

// sendCold sends a piece of a file, and waits for the disk.
func (c *Conn) sendCold() progress {
	r := c.out
	p := r.next()
	piece := max(r.piece, coldPieceMin)
	n := min(p.length, piece)
	if p.look {
		if err := r.lookCold(p); err != nil {
			return c.breakOff(err)
		}
	}
	allowance := c.Allowance()
	if allowance != nil && n > 0 {
		if n = allowance.Take(n); n == 0 {
			return held
		}
		before := c.sent.Load()
		defer func(taken int64) { allowance.Return(taken - (c.sent.Load() - before)) }(n)
	}
	begun, whole := time.Now(), n == piece
	for n > 0 {
		sent, err := unix.Sendfile(c.fd, p.fd, &p.offset, int(n))
		errno, _ := err.(syscall.Errno) //nolint:errorlint // a bare errno, as the system call gave it
		switch {
		case errno == syscall.EINTR:
			continue
		case sent < 0:
			sent = 0
		}
		r.unasked -= int64(sent)
		if p := c.sentRange(r, int64(sent), errno); p != done {
			return p
		}
		n -= int64(sent)
	}
	if whole {
		r.adaptPiece(time.Since(begun))
	}
	if r.unasked <= 0 {
		r.lookAhead()
	}
	return over
}

// lookAhead begins another run if the file is not in memory further on.
func (r *response) lookAhead() {
	p := r.next()
	if p.length == 0 {
		return
	}
	var probe [1]byte
	if _, errno := probeCached(p.fd, probe[:], p.offset+min(r.total, coldRun)-1); errno != 0 {
		r.unasked = coldRun
	}
}

// adaptPiece fits the piece to the disk.
func (r *response) adaptPiece(took time.Duration) {
	switch piece := max(r.piece, coldPieceMin); {
	case took > coldPieceLong:
		r.piece = max(piece/2, coldPieceMin)
	case took < coldPieceFast:
		r.piece = min(piece*2, coldPieceMax)
	}
}

// lookCold looks at the file before the next piece of it, and, if that is its end, only
// once that is in memory: no disk is waited for between the look and the end. Any other
// piece is left to sendfile, since to read costs a virtual machine what is said at
// coldRun.
func (r *response) lookCold(p part) error {
	if n := int(p.length); n <= bufferSizes[1] {
		buf := getBuffer(n)
		defer putBuffer(buf)
		_, _ = unix.Pread(p.fd, (*buf)[:n], p.offset) // sendfile says what is wrong
	}
	return r.body.Verify()
}

// finishAside ends a response whose file may be a remote one. To close that asks
// its server, which may not answer: close(2) is FUSE_FLUSH there.
func (l *loop) finishAside(c *Conn, r *response, how progress) {
	c.leave()
	c.goAway()
	end, failure := r.close, c.failure
	l.engine.closers.of(r.on).do(func() {
		r.finish(failure)
		l.tell(message{conn: c, what: closedAside, progress: how, end: end})
	})
}
