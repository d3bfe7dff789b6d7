//go:build !unix

package systemd

import "net"

// accepts is never asked: no sockets are passed here.
func accepts(*net.TCPListener) bool { return true }
