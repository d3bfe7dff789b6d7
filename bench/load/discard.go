//go:build linux

package load

// This file throws bodies away inside the kernel. It exists because the client
// shares the machine with the server: copying 2 GiB to user space only to forget
// it would take the processor from the very thing that is measured.

import (
	"context"
	"io"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// nowhere is the buffer that recv is given and never writes to: its pages are
// not even mapped. Shared by all clients for that reason.
var nowhere [4 << 20]byte

// discard reads n bytes of the body and reports how many there were, also when
// it fails. MSG_TRUNC makes TCP drop the bytes instead of copying them (tcp(7)).
func (c *Client) discard(ctx context.Context, n int64) (int64, error) {
	received := min(n, int64(c.br.Buffered())) // arrived together with the header
	if _, err := c.br.Discard(int(received)); err != nil {
		return 0, err
	}
	c.count(received)
	var extended time.Time
	for received < n {
		if now := time.Now(); now.Sub(extended) > time.Second {
			extended = now
			if err := c.conn.SetReadDeadline(now.Add(progressWithin)); err != nil {
				return received, err
			}
			if ctx.Err() != nil { // its deadline may have been replaced just now
				return received, ctx.Err()
			}
		}
		piece, err := c.drop(n - received)
		if err != nil {
			return received, err
		}
		received += piece
		c.count(piece)
	}
	return received, nil
}

// drop waits for bytes and discards at most n of them.
func (c *Client) drop(n int64) (int64, error) {
	var dropped int
	var failed error
	err := c.raw.Read(func(fd uintptr) bool {
		for {
			dropped, _, failed = unix.Recvfrom(int(fd), nowhere[:min(n, int64(len(nowhere)))], unix.MSG_TRUNC)
			if failed != unix.EINTR {
				return failed != unix.EAGAIN
			}
		}
	})
	switch {
	case err != nil:
		return 0, err
	case failed != nil:
		return 0, failed
	case dropped == 0:
		return 0, io.ErrUnexpectedEOF
	}
	return int64(dropped), nil
}

// discardRaw drops at most n bytes that have arrived at a socket, without the
// address that unix.Recvfrom would allocate.
func discardRaw(fd int, n int64) (int64, error) {
	n = min(n, int64(len(nowhere)))
	dropped, _, errno := unix.Syscall6(unix.SYS_RECVFROM, uintptr(fd),
		uintptr(unsafe.Pointer(&nowhere)), uintptr(n), unix.MSG_TRUNC, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int64(dropped), nil
}

func (c *Client) count(n int64) {
	if c.Received != nil {
		c.Received.Add(n)
	}
}
