//go:build linux

package load

// This file is a client that wants less than it could have. It exists to ask a
// server that shares a rate what becomes of the part that such a client leaves.

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// trickleTick is how often a trickle reads: well below what people call a burst.
const trickleTick = 20 * time.Millisecond

// Trickle is a download that is read at a rate.
type Trickle struct {
	Address string     // host:port, the host an IP address
	Source  netip.Addr // loopback only; the zero value is the kernel's choice
	Request string     // the text of a GET
	Want    Answer
	Rate    int64 // bytes/s that it reads at most

	// Arrived is told of each piece of the body after what came with the header.
	Arrived func(bytes int64)
}

// Run reads until the context ends, which is no error, or until the body does, which is
// one. The receive buffer holds about two ticks' worth, so that what is not read stays
// with the server.
func (t Trickle) Run(ctx context.Context) error {
	each := max(1, t.Rate*int64(trickleTick)/int64(time.Second))
	fd, err := dialRaw(t.Address, t.Source, int(max(heldReceiveBuffer, 2*each)))
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }() // nothing was written that could be lost
	limit := unix.NsecToTimeval(int64(progressWithin))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
		return fmt.Errorf("set receive timeout: %w", err)
	}
	if _, err := unix.Write(fd, []byte(t.Request)); err != nil {
		return fmt.Errorf("send request: %w", err)
	}
	if err := (&Held{}).begin(fd, t.Want); err != nil {
		return err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return fmt.Errorf("trickle: %w", err)
	}
	ticker := time.NewTicker(trickleTick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		n, err := discardRaw(fd, each)
		switch {
		case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("read body: %w", err)
		case n == 0:
			return errors.New("connection closed before its reader was done")
		default:
			t.Arrived(n)
		}
	}
}
