//go:build linux

package load

// This file holds downloads that stand nearly still. It exists to ask what one
// slow client costs a server: thousands of them, each with a window so small that
// the server soon waits, and with a file so large that it never finishes.

import (
	"context"
	"errors"
	"fmt"
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
)

// Held is a number of open downloads. Close them when done. Not safe for
// concurrent use.
type Held struct {
	fds    []int
	buffer [4 << 10]byte
}

// Hold opens n downloads, which must be answered as wanted, and takes the first
// few KiB of each. Those that it opened before an error are closed.
func Hold(ctx context.Context, address, request string, n int, want Answer) (*Held, error) {
	held := &Held{}
	for len(held.fds) < n {
		if err := held.open(ctx, address, request, min(heldBatch, n-len(held.fds)), want); err != nil {
			held.Close()
			return nil, fmt.Errorf("open %d slow downloads: %w", n, err)
		}
	}
	return held, nil
}

// Sip takes at most a few KiB from every download, as far as something is there,
// so that each of them is alive. A download that ended is an error.
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
			return fmt.Errorf("slow download %d of %d: %w", i+1, len(h.fds), err)
		}
	}
	return nil
}

// Close cuts all downloads. Calling it again is harmless.
func (h *Held) Close() {
	for _, fd := range h.fds {
		_ = unix.Close(fd) // nothing was written that could be lost
	}
	h.fds = nil
}

// open starts n more downloads, then waits for the beginning of each.
func (h *Held) open(ctx context.Context, address, request string, n int, want Answer) error {
	first := len(h.fds)
	for range n {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		fd, err := dialRaw(address, heldReceiveBuffer)
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

// begin reads the header of one download and what has come with it.
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
		return nil
	}
}
