//go:build !unix

package systemd

import "net"

// accepts is never called: no sockets are passed here.
func accepts(*net.TCPListener) bool { return true }
