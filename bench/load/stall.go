//go:build linux

package load

// This file measures what is in flight when a reader stops. It exists because a
// server's count of an aborted download can only be checked against the truth:
// the bytes its kernel took are those we read, plus those waiting in our receive
// queue, plus those in its send queue that we have not acknowledged.
//
// Both queues are read one after the other, so they are believed once nothing
// has moved for a while and the server cannot write more: then the window is
// closed, the last acknowledgement has arrived, and no byte is in both queues.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	stallPoll   = 10 * time.Millisecond
	settled     = 250 * time.Millisecond // outlasts a delayed acknowledgement (200 ms)
	stallWithin = 30 * time.Second
)

// flight is what both ends' kernels hold of one direction of a connection.
type flight struct {
	unread  int64 // in our receive queue
	unacked int64 // in the server's send queue
	room    room  // left in the server's send queue
	probing bool  // the server's kernel waits for our window to open
	visible bool  // the server's socket was found
}

// quiet is how long a flight must not change before it is believed.
func (f flight) quiet() time.Duration {
	switch {
	case f.room == roomNone && f.probing:
		return 50 * time.Millisecond // nothing can change; outlast a torn reading
	case f.room == roomEnough:
		return 10 * time.Second // a writer has been woken: only a stuck one stays away so long
	}
	// Outlast a delayed acknowledgement, a first retransmission (200 ms each)
	// and a writer that waits for the processor.
	return 600 * time.Millisecond
}

// stall waits until the flow stands still and records what is in flight.
func (c *Client) stall(ctx context.Context, result *Result) error {
	begin := time.Now()
	var last flight
	var since time.Time
	for {
		var now flight
		err := c.deeply(func() (err error) {
			now, err = c.inFlight()
			return err
		})
		if err != nil {
			return fmt.Errorf("read socket queues: %w", err)
		}
		if now != last || since.IsZero() {
			last, since = now, time.Now()
		}
		everything := result.Received+c.unread(now) == result.Length
		if quiet := time.Since(since); quiet >= now.quiet() || everything && quiet >= settled {
			break
		}
		if time.Since(begin) > stallWithin {
			return fmt.Errorf("still receiving %v after the reader stopped", stallWithin)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(stallPoll):
		}
	}
	result.InFlight = min(c.unread(last), result.Length-result.Received)
	if !last.visible {
		result.Slack = sendBufferLimit()
	}
	return nil
}

// unread is all that was sent and not read: from the first byte in our buffer to
// the last one in the server's.
func (c *Client) unread(f flight) int64 { return c.buffered() + f.unread + f.unacked }

func (c *Client) inFlight() (flight, error) {
	var now flight
	var failed error
	err := c.raw.Control(func(fd uintptr) {
		var unread int
		unread, failed = unix.IoctlGetInt(int(fd), unix.SIOCINQ)
		now.unread = int64(unread)
	})
	if err = errors.Join(err, failed); err != nil {
		return now, err
	}
	ours, theirs := addrPort(c.conn.LocalAddr()), addrPort(c.conn.RemoteAddr())
	// One question to the kernel, against a table of every socket there is, which
	// takes long with thousands of clients.
	if diag, found := diagnose(theirs, ours); found && c.sharesNetwork() {
		now.unacked, now.probing, now.room, now.visible = diag.unacked, diag.probing, diag.room, true
		return now, nil
	}
	row, found, err := findSocket(c.socketTables(), theirs, ours)
	now.unacked, now.probing, now.visible = row.unacked, row.probing, found
	return now, err
}

func addrPort(address net.Addr) netip.AddrPort {
	return address.(interface{ AddrPort() netip.AddrPort }).AddrPort()
}

// sharesNetwork says whether the server is in this network namespace, so that a
// connection found here is its own and not that of a proxy on the way.
func (c *Client) sharesNetwork() bool {
	if c.PID == 0 {
		return true
	}
	ours, err := os.Readlink("/proc/self/ns/net")
	theirs, failed := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", c.PID))
	return err == nil && failed == nil && ours == theirs
}

// socketTables are the places where the server's side of a connection can show.
func (c *Client) socketTables() []string {
	process := "self"
	if c.PID > 0 {
		process = strconv.Itoa(c.PID)
	}
	// A dual-stack listener has its IPv4 connections in tcp6.
	return []string{"/proc/" + process + "/net/tcp", "/proc/" + process + "/net/tcp6"}
}

// sendBufferLimit bounds what a send queue out of our sight can hold: the most
// that TCP's autotuning allows a socket, and one segment of 64 KiB on top, which
// the kernel accepts as long as there is any room at all. tcp(7), tcp_wmem.
func sendBufferLimit() int64 {
	const unknown = 16 << 20
	text, err := os.ReadFile("/proc/sys/net/ipv4/tcp_wmem")
	fields := strings.Fields(string(text))
	if err != nil || len(fields) != 3 {
		return unknown
	}
	limit, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil {
		return unknown
	}
	return limit + 64<<10
}

// findSocket looks for the connection local->remote in tables of sockets. A
// table that does not exist (no IPv6, the process ended) has no row.
func findSocket(tables []string, local, remote netip.AddrPort) (socketRow, bool, error) {
	for _, table := range tables {
		text, err := os.ReadFile(table)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ESRCH) {
			continue
		}
		if err != nil {
			return socketRow{}, false, err
		}
		if row, found := searchTable(string(text), local, remote); found {
			return row, true, nil
		}
	}
	return socketRow{}, false, nil
}
