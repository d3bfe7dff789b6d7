//go:build linux

package load

// This file holds connections that do nothing: downloads that stand still, and
// kept-alive connections between two requests. It exists to ask what one of them
// costs a server. Of itself it keeps a descriptor each.

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// As small as the kernel lets it be without dropping segments: the server's
	// send buffer fills and stays full.
	heldReceiveBuffer = 4 << 10

	// How many connections are opened before the first of them must have been
	// answered: well under any server's backlog, so that no SYN is dropped.
	heldBatch = 64

	// How many connections share a source address: fewer than there are ports to
	// connect from (ip_local_port_range), even while old ones are in TIME_WAIT.
	perSource = 10_000
)

// Held is a number of open connections. Close them when done. Not safe for
// concurrent use.
type Held struct {
	what          string // in errors
	whole         bool   // the answer is taken, to its last byte
	receiveBuffer int    // 0 is the kernel's choice
	fds           []int
	buffer        [4 << 10]byte
}

// Hold opens n downloads, which must be answered as wanted, and takes the
// first few KiB of each. Those that it opened before an error are closed.
func Hold(ctx context.Context, address, request string, n int, want Answer) (*Held, error) {
	held := &Held{what: "slow download", receiveBuffer: heldReceiveBuffer}
	return held, held.openAll(ctx, address, request, n, want)
}

// HoldIdle opens n connections and takes one answer on each, which must be as
// wanted. Those that it opened before an error are closed.
func HoldIdle(ctx context.Context, address, request string, n int, want Answer) (*Held, error) {
	held := &Held{what: "idle connection", whole: true}
	return held, held.openAll(ctx, address, request, n, want)
}

func (h *Held) openAll(ctx context.Context, address, request string, n int, want Answer) error {
	h.fds = make([]int, 0, n)
	for len(h.fds) < n {
		if err := h.open(ctx, address, request, min(heldBatch, n-len(h.fds)), want); err != nil {
			h.Close()
			return fmt.Errorf("open %d %ss: %w", n, h.what, err)
		}
	}
	return nil
}

// Sip takes whatever has arrived, at most a few KiB per connection, without waiting.
// A connection that has ended is an error.
func (h *Held) Sip() error {
	for i, fd := range h.fds {
		n, _, err := unix.Recvfrom(fd, h.buffer[:], unix.MSG_DONTWAIT)
		if errors.Is(err, unix.EAGAIN) {
			continue
		}
		if err == nil && n == 0 {
			err = errors.New("closed by the server")
		}
		if err != nil {
			return fmt.Errorf("%s %d of %d: %w", h.what, i+1, len(h.fds), err)
		}
	}
	return nil
}

// Close cuts all connections. Calling it again is harmless.
func (h *Held) Close() {
	for _, fd := range h.fds {
		_ = unix.Close(fd) // nothing was written that could be lost
	}
	h.fds = nil
}

// open makes n more connections, then waits for the beginning of each.
func (h *Held) open(ctx context.Context, address, request string, n int, want Answer) error {
	first := len(h.fds)
	for range n {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		fd, err := dialRaw(address, sourceFor(len(h.fds)), h.receiveBuffer)
		if err != nil {
			return fmt.Errorf("number %d: %w", len(h.fds)+1, err)
		}
		h.fds = append(h.fds, fd)
		limit := unix.NsecToTimeval(int64(progressWithin / time.Nanosecond))
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
			return fmt.Errorf("set receive timeout: %w", err)
		}
		if _, err := unix.Write(fd, []byte(request)); err != nil {
			return fmt.Errorf("send request: %w", err)
		}
	}
	for i, fd := range h.fds[first:] {
		if err := h.begin(fd, want); err != nil {
			return fmt.Errorf("number %d: %w", first+i+1, err)
		}
	}
	return nil
}

// begin reads the header of one answer and what has come with it, or all of it.
func (h *Held) begin(fd int, want Answer) error {
	var head []byte
	for {
		n, err := unix.Read(fd, h.buffer[:])
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return fmt.Errorf("no answer within %v", progressWithin)
		case err != nil:
			return fmt.Errorf("read header: %w", err)
		case n == 0:
			return errors.New("connection closed instead of an answer")
		}
		head = append(head, h.buffer[:n]...)
		answer, size, err := parseHead(head)
		if err != nil {
			return err
		}
		if size == 0 {
			continue
		}
		if answer != want {
			return fmt.Errorf("status %d with %d bytes, want status %d with %d", answer.Status, answer.Length, want.Status, want.Length)
		}
		if h.whole {
			return discardAll(fd, answer.Length-int64(len(head)-size))
		}
		return nil
	}
}

func discardAll(fd int, left int64) error {
	for left > 0 {
		n, err := discardRaw(fd, left)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("read body: %w", err)
		case n == 0:
			return fmt.Errorf("connection closed with %d bytes of the body to come", left)
		}
		left -= n
	}
	return nil
}

// sourceFor is the address that the i-th connection to loopback comes from:
// 127.0.0.1 for the first of them, 127.0.0.2 for the next, and so on.
func sourceFor(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, 0, 0, byte(1 + i/perSource)})
}
