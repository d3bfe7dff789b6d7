//go:build unix

package admin

import (
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"

	"fullbore/app/wire"
)

// gone reports whether the client has closed its connection. It takes nothing
// of what it sent.
func gone(client net.Conn) bool {
	socket, ok := wire.As[syscall.Conn](client)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return true
	}
	var n int
	var peekErr error
	err = raw.Control(func(fd uintptr) {
		n, _, peekErr = unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT) //nolint:gosec // a descriptor
	})
	switch {
	case err != nil: // we have closed it
		return true
	case peekErr == nil:
		return n == 0
	default:
		return !errors.Is(peekErr, unix.EAGAIN) && !errors.Is(peekErr, unix.EINTR)
	}
}
