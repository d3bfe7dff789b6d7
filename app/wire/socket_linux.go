package wire

import "golang.org/x/sys/unix"

// Queued is how many bytes written to a TCP socket its peer has not
// acknowledged; 0 if the socket cannot tell. See SIOCOUTQ in tcp(7). Of a Unix
// socket it is the memory that holds what its peer has not read, which is more,
// and falls whenever the peer has read a piece of up to 64 KiB.
func Queued(fd int) int64 { return count(fd, unix.SIOCOUTQ) }

// Unread is how many bytes of the peer wait in a socket to be read; 0 if
// the socket cannot tell. See SIOCINQ in tcp(7).
func Unread(fd int) int64 { return count(fd, unix.SIOCINQ) }

func count(fd int, request uint) int64 {
	n, err := unix.IoctlGetInt(fd, request)
	if err != nil {
		return 0
	}
	return int64(n)
}

// Gone reports whether the connection of a TCP socket is over, by a reset say:
// what is queued then stays queued. A Unix socket always is: its queue is its
// peer's already, and outlives us.
func Gone(fd int) bool {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	return err != nil || info.State == unix.BPF_TCP_CLOSE
}

// setUnsent bounds what a TCP socket takes beyond what it has sent; see
// TCP_NOTSENT_LOWAT in tcp(7). One that cannot bound it takes more.
func setUnsent(fd, bytes int) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, bytes)
}
