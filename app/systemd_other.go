//go:build !unix

package app

import "net"

// accepts is never asked: no sockets are passed here.
func accepts(*net.TCPListener) bool { return true }
