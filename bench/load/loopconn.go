//go:build linux

package load

// This file is one connection of a closed loop, below the level of answers: a bare
// socket. It exists apart from the loop so that the loop reads as a loop.

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// loopConn is one connection and the answer it waits for.
type loopConn struct {
	fd      int
	request []byte
	want    Answer
	used    bool   // it has carried an answer
	head    []byte // a header that arrived in pieces; usually empty
	left    int64  // of the body; -1 while the header is being read
}

// errClosed means that a server has closed a connection instead of answering one
// more request on it.
var errClosed = errors.New("connection closed by the server")

func (c *loopConn) send() error {
	c.left = -1
	n, err := unix.Write(c.fd, c.request)
	switch {
	case c.used && (errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET)):
		return errClosed
	case err != nil || n < len(c.request):
		return fmt.Errorf("send request: %d of %d bytes: %w", n, len(c.request), err)
	}
	return nil
}

// read returns 0 when nothing is there, and an error when nothing will come.
func (c *loopConn) read(buffer []byte) (int, error) {
	n, err := unix.Read(c.fd, buffer)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return 0, nil
	}
	closed := n == 0 || errors.Is(err, unix.ECONNRESET)
	switch {
	case closed && c.used && len(c.head) == 0:
		return 0, errClosed
	case closed:
		return 0, errors.New("connection closed instead of an answer")
	case err != nil:
		return 0, fmt.Errorf("read header: %w", err)
	}
	return n, nil
}

// dialRaw connects a blocking socket. The source matters to IPv4 loopback alone;
// no source and a receive buffer of 0 are the kernel's choice.
func dialRaw(address string, source netip.Addr, receiveBuffer int) (fd int, err error) {
	peer, err := netip.ParseAddrPort(address)
	if err != nil {
		return -1, fmt.Errorf("connect: %w", err)
	}
	family, sockaddr := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Port: int(peer.Port()), Addr: peer.Addr().As16()})
	if peer.Addr().Is4() {
		family, sockaddr = unix.AF_INET, &unix.SockaddrInet4{Port: int(peer.Port()), Addr: peer.Addr().As4()}
	}
	if fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	if receiveBuffer > 0 {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
	}
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	if err == nil && source.IsValid() && peer.Addr().Is4() && peer.Addr().IsLoopback() {
		err = bindTo(fd, source)
	}
	if err == nil {
		err = unix.Connect(fd, sockaddr)
	}
	if err != nil {
		_ = unix.Close(fd) // the error that matters is the one before
		return -1, fmt.Errorf("connect to %s: %w", address, err)
	}
	return fd, nil
}

// bindTo chooses the source address and leaves the port to connect(2), which knows
// those that are free towards this peer (ip(7), IP_BIND_ADDRESS_NO_PORT).
func bindTo(fd int, source netip.Addr) error {
	return errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1),
		unix.Bind(fd, &unix.SockaddrInet4{Addr: source.As4()}),
	)
}
