//go:build !unix

package systemd

import "syscall"

// accepts is never called: no sockets are passed here.
func accepts(syscall.Conn) bool { return true }
