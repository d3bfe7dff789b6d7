package wire

import "golang.org/x/sys/unix"

// PeerLeft reports whether the peer has closed the connection, or its sending half.
func (c *Conn) PeerLeft() (left bool) {
	left = true
	c.sock.ask(func(fd int) {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}} //nolint:gosec // descriptors are small
		n, err := unix.Poll(p, 0)
		left = err == nil && n > 0
	})
	return left
}
