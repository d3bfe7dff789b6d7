//go:build linux && (amd64 || arm64)

package engine

import (
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// coldReaders is how many goroutines read what is not in memory, at most. Each
// holds a thread while its disk works.
const coldReaders = 32

// coldPiece is how many bytes one of them sends before its connection's loop
// looks again. It is larger than what the kernel reads ahead.
const coldPiece = 2 << 20

var pageSize = int64(os.Getpagesize())

// cold sends what is not in the page cache, on goroutines that may wait for a
// disk. They are started when there is work and end when there is none.
type cold struct {
	noCachestat atomic.Bool // the kernel has none

	mu      sync.Mutex
	queue   []*Conn
	running int
	idle    sync.WaitGroup
}

// isCached reports whether the next n bytes of a response can be sent without
// waiting for a disk. What the file system cannot tell counts as not cached.
func (p *cold) isCached(r *response, n int64) bool {
	if r.cold {
		return false
	}
	if !p.noCachestat.Load() {
		pages, errno := cachedPages(r.file, r.offset, n)
		switch errno {
		case 0:
			first, last := r.offset/pageSize, (r.offset+n-1)/pageSize
			return int64(pages) > last-first //nolint:gosec // fewer than the file has
		case syscall.ENOSYS, syscall.EPERM: // the latter is a filter's
			p.noCachestat.Store(true)
		}
	}
	var last [1]byte
	_, errno := probeCached(r.file, last[:], r.offset+n-1)
	if errno != 0 && errno != syscall.EAGAIN {
		r.cold = true
	}
	return errno == 0
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
		c.loop.tell(message{conn: c, what: sentCold, progress: c.sendCold()})
	}
}

// sendCold sends a piece of a file, and waits for the disk.
func (c *Conn) sendCold() progress {
	r := c.out
	n := min(r.left, coldPiece, r.checked)
	if r.total > r.heldBack {
		n = min(n, r.total-r.heldBack)
	}
	for n > 0 {
		sent, err := unix.Sendfile(c.fd, r.file, &r.offset, int(n))
		errno, _ := err.(syscall.Errno) //nolint:errorlint // a bare errno, as the system call gave it
		switch {
		case errno == syscall.EINTR:
			continue
		case sent < 0:
			sent = 0
		}
		if p := c.sentRange(r, int64(sent), errno); p != done {
			return p
		}
		n -= int64(sent)
	}
	return over
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
