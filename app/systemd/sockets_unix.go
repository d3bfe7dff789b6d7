//go:build unix

package systemd

import (
	"syscall"
)

// accepts reports whether a socket listens; net.FileListener takes any.
func accepts(ln syscall.Conn) bool {
	raw, err := ln.SyscallConn()
	if err != nil {
		return false
	}
	listens := 0
	_ = raw.Control(func(fd uintptr) { // it fails only on a closed socket
		listens, _ = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
	})
	return listens != 0
}
