//go:build linux

package load

// This file is a closed loop: as many requests at once as there are connections,
// each sent as soon as the answer before it is whole. It exists because small
// files are a race that a comfortable client loses: one thread, one epoll, no
// allocation and no byte looked at that need not be, so that the server is what
// is measured. It keeps up with wrk.

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// Holds a header and a 4 KiB file: one read for the whole answer. What is
	// larger is discarded in the kernel.
	headRoom = 8 << 10

	epollTick    = 100 * time.Millisecond // how long an interruption may go unnoticed
	answerWithin = 60 * time.Second       // longest pause in which no connection makes progress
)

// Loop is a closed loop of GET requests. The zero value is not useful.
type Loop struct {
	Address     string // host:port, the host an IP address
	Connections int    // opened before the clock starts

	// Next appends the n-th request to an empty buffer and says what its answer
	// must be. Called from one goroutine.
	Next func(n int, buffer []byte) (request []byte, want Answer)

	// Source is the address that the i-th connection to loopback comes from.
	//
	// Optional. Default: the kernel's choice.
	Source func(i int) netip.Addr

	// Arrived is told of each piece of an answer as it is read, its header included,
	// and on which connection.
	// Called from one goroutine.
	//
	// Optional. Default: nobody is told.
	Arrived func(connection int, bytes int64)

	Requests int           // stop after this many; 0 is no limit
	For      time.Duration // send no more once this has passed; 0 is no limit
}

// Answer is what a response's header must say.
type Answer struct {
	Status int
	Length int64 // Content-Length, bytes
}

// LoopResult is what a loop did. Every request in it was answered in full.
type LoopResult struct {
	Requests   int
	Bytes      int64         // of bodies
	Took       time.Duration // from the first request to the last byte
	Reconnects int           // connections that the server closed between two requests, which is its right
}

// Run performs the loop and ends with the last answer. A wrong answer, a
// connection that breaks and an interrupted context are errors.
func (l Loop) Run(ctx context.Context) (LoopResult, error) {
	if (l.Requests == 0) == (l.For == 0) {
		return LoopResult{}, errors.New("a loop needs a number of requests or a duration, not both")
	}
	// The thread stays where its caches are, and no other goroutine waits on it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	run := loopRun{Loop: l, buffer: make([]byte, headRoom)}
	defer run.close()
	if err := run.open(ctx); err != nil {
		return LoopResult{}, err
	}
	begin := time.Now()
	err := run.perform(ctx, begin)
	run.result.Took = time.Since(begin)
	return run.result, err
}

// Same is a Next that asks for the same file again and again.
func Same(host, path string, want Answer) func(int, []byte) ([]byte, Answer) {
	request := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: fullbore-bench\r\n\r\n", path, host)
	return func(int, []byte) ([]byte, Answer) { return request, want }
}

// loopRun is a loop in progress.
type loopRun struct {
	Loop
	epoll  int
	conns  []*loopConn
	buffer []byte // for reading headers; shared, since only one is read at a time
	sent   int
	busy   int // connections that wait for an answer
	result LoopResult

	arrived int64 // bytes, of headers too
}

func (r *loopRun) open(ctx context.Context) error {
	var err error
	if r.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	for i := range r.Connections {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		fd, err := r.connect(i)
		if err != nil {
			return err
		}
		r.conns = append(r.conns, &loopConn{fd: fd})
	}
	return nil
}

// connect opens the i-th connection.
func (r *loopRun) connect(i int) (fd int, err error) {
	var source netip.Addr
	if r.Source != nil {
		source = r.Source(i)
	}
	if fd, err = dialRaw(r.Address, source, 0); err != nil {
		return -1, err
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)} // the index comes back
	if err = unix.SetNonblock(fd, true); err == nil {
		err = unix.EpollCtl(r.epoll, unix.EPOLL_CTL_ADD, fd, &event)
	}
	if err != nil {
		_ = unix.Close(fd) // the error that matters is the one before
		return -1, fmt.Errorf("connection to %s: %w", r.Address, err)
	}
	return fd, nil
}

// reconnect asks again on a new connection, after the server has closed a used
// one (RFC 9112 section 9.3.1).
func (r *loopRun) reconnect(i int) error {
	conn := r.conns[i]
	r.result.Reconnects++
	_ = unix.Close(conn.fd) // nothing was written that could be lost
	var err error
	if conn.fd, err = r.connect(i); err != nil {
		return err
	}
	conn.used = false
	return conn.send()
}

func (r *loopRun) close() {
	for _, conn := range r.conns {
		if conn.fd >= 0 {
			_ = unix.Close(conn.fd) // nothing was written that could be lost
		}
	}
	if r.epoll > 0 {
		_ = unix.Close(r.epoll)
	}
}

// perform sends and receives until all that was sent is answered.
func (r *loopRun) perform(ctx context.Context, begin time.Time) error {
	for i := range r.conns {
		if err := r.ask(i, begin); err != nil {
			return err
		}
	}
	events := make([]unix.EpollEvent, len(r.conns))
	progress := time.Now()
	for r.busy > 0 {
		n, err := unix.EpollWait(r.epoll, events, int(epollTick/time.Millisecond))
		switch {
		case err != nil && !errors.Is(err, unix.EINTR):
			return fmt.Errorf("epoll: %w", err)
		case ctx.Err() != nil:
			return ctx.Err()
		case n > 0:
			progress = time.Now()
		case time.Since(progress) > answerWithin:
			return fmt.Errorf("no byte from %s for %v, %d answers outstanding", r.Address, answerWithin, r.busy)
		}
		for _, event := range events[:max(n, 0)] {
			if err := r.serve(int(event.Fd), begin); err != nil {
				return err
			}
		}
	}
	return nil
}

// serve takes what a connection has for us, and asks for more when it is done.
func (r *loopRun) serve(i int, begin time.Time) error {
	conn := r.conns[i]
	if conn.left == 0 { // there was nothing more to ask, and the server hangs up
		_ = unix.Close(conn.fd) // nothing was written that could be lost
		conn.fd = -1
		return nil
	}
	before := r.arrived
	whole, err := r.receive(conn)
	if r.Arrived != nil && r.arrived > before {
		r.Arrived(i, r.arrived-before)
	}
	if errors.Is(err, errClosed) {
		return r.reconnect(i)
	}
	if err != nil || !whole {
		return err
	}
	r.busy--
	return r.ask(i, begin)
}

// ask sends the next request, unless there is none.
func (r *loopRun) ask(i int, begin time.Time) error {
	if r.Requests > 0 && r.sent >= r.Requests || r.For > 0 && time.Since(begin) >= r.For {
		return nil
	}
	conn := r.conns[i]
	conn.request, conn.want = r.Next(r.sent, conn.request[:0])
	r.sent++
	r.busy++
	err := conn.send()
	if errors.Is(err, errClosed) {
		return r.reconnect(i)
	}
	return err
}

// receive takes what has arrived and says whether the answer is whole.
func (r *loopRun) receive(conn *loopConn) (bool, error) {
	if conn.left < 0 {
		more, err := r.receiveHead(conn)
		if err != nil || !more {
			return conn.left == 0, err
		}
	}
	n, err := discardRaw(conn.fd, conn.left)
	switch {
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("read body: %w", err)
	case n == 0:
		return false, fmt.Errorf("connection closed with %d bytes of the body to come", conn.left)
	}
	conn.left -= n
	r.arrived += n
	r.result.Bytes += n
	return r.done(conn)
}

// receiveHead reads a header and what body comes with it. More says that there
// is a body to read and that some of it may be here already.
func (r *loopRun) receiveHead(conn *loopConn) (more bool, err error) {
	n, err := conn.read(r.buffer)
	if err != nil || n == 0 {
		return false, err
	}
	r.arrived += int64(n)
	text := r.buffer[:n]
	if len(conn.head) > 0 {
		conn.head = append(conn.head, text...)
		text = conn.head
	}
	answer, size, err := parseHead(text)
	if err != nil {
		return false, err
	}
	if size == 0 {
		if len(conn.head) == 0 {
			conn.head = append(conn.head, text...)
		}
		return false, nil
	}
	conn.head = conn.head[:0]
	if answer != conn.want {
		return false, fmt.Errorf("status %d with %d bytes, want status %d with %d",
			answer.Status, answer.Length, conn.want.Status, conn.want.Length)
	}
	body := int64(len(text) - size)
	conn.left = answer.Length - body
	r.result.Bytes += body
	if _, err := r.done(conn); err != nil {
		return false, err
	}
	return conn.left > 0 && n == len(r.buffer), nil
}

// done counts an answer that is whole.
func (r *loopRun) done(conn *loopConn) (bool, error) {
	if conn.left < 0 {
		return false, fmt.Errorf("%d bytes follow the body", -conn.left)
	}
	if conn.left == 0 {
		conn.used = true
		r.result.Requests++
	}
	return conn.left == 0, nil
}
