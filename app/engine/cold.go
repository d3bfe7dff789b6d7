//go:build linux && (amd64 || arm64)

package engine

import (
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// coldReaders is how many goroutines read what is not in memory, at most. Each
// holds a thread while its disk works.
const coldReaders = 32

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

// cold sends what is not in the page cache, on goroutines that may wait for a
// disk. They are started when there is work and end when there is none.
type cold struct {
	mu      sync.Mutex
	queue   []*Conn
	running int
	idle    sync.WaitGroup
}

// A range is looked at in places, no further apart than this or an eighth of it.
// What the kernel reads ahead, and throws away, comes in pieces of that size; to
// ask it for every page, by cachestat(2), takes a fourteenth of the time in which
// the range is sent.
const probeEvery = 256 << 10

// isCached reports whether the next n bytes of a file can be sent without waiting
// for a disk, as far as can be told. What the file system cannot tell counts as
// not cached.
func (r *response) isCached(p part, n int64) bool {
	last := p.offset + n - 1
	for at := p.offset; ; at = min(at+max(probeEvery, n/8), last) {
		var probe [1]byte
		if _, errno := probeCached(p.fd, probe[:], at); errno != 0 {
			r.cold = errno != syscall.EAGAIN
			r.unasked = coldRun
			return false
		}
		if at == last {
			return true
		}
	}
}

// send has a connection's next piece sent. The connection is away until its
// loop is told.
func (p *cold) send(c *Conn) {
	c.goAway()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = append(p.queue, c)
	if p.running < coldReaders {
		p.running++
		p.idle.Add(1)
		go p.work()
	}
}

func (p *cold) work() {
	defer p.idle.Done()
	for {
		p.mu.Lock()
		if len(p.queue) == 0 {
			p.running--
			p.mu.Unlock()
			return
		}
		c := p.queue[0]
		p.queue[0] = nil
		if p.queue = p.queue[1:]; len(p.queue) == 0 {
			p.queue = nil
		}
		p.mu.Unlock()
		how := c.sendCold()
		for how == over && c.staysCold() && !p.isWanted() {
			how = c.sendCold()
		}
		c.loop.tell(message{conn: c, what: sentCold, progress: how})
	}
}

// isWanted reports whether somebody waits for a reader.
func (p *cold) isWanted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.queue) > 0
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
		if err := r.readAhead(p); err != nil {
			return c.breakOff(err)
		}
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

// readAhead has what comes next in memory, all of it if it is the end of a file,
// and looks at the file once it is.
func (r *response) readAhead(p part) error {
	n := int(min(p.length, 64<<10))
	buf := getBuffer(n)
	defer putBuffer(buf)
	_, _ = unix.Pread(p.fd, (*buf)[:n], p.offset) // sendfile says what is wrong
	return r.body.Verify()
}

// wait waits until nobody reads any more, at most for a while: a disk that does
// not answer keeps its reader.
func (p *cold) wait(timeout time.Duration) {
	ended := make(chan struct{})
	go func() { p.idle.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(timeout):
	}
}
