package wire

import (
	"net"
	"syscall"
)

// Stream is what a connection is made of: a *net.TCPConn, or a *net.UnixConn of
// a stream socket.
type Stream interface {
	net.Conn
	syscall.Conn
	CloseRead() error
	CloseWrite() error
}

// socket is a stream that tells what the kernel knows of it. Closed, it has
// nothing queued and nothing unread, and is gone.
type socket struct{ Stream }

// reset makes closing it throw away what is queued. What was sent on a Unix
// socket is queued with its peer already.
func (s socket) reset() {
	if tcp, ok := s.Stream.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // a connection that is closed is reset
	}
}

func (s socket) ask(question func(fd int)) {
	if raw, err := s.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { question(int(fd)) }) // an error is the answer of a closed one
	}
}

func (s socket) queued() (n int64) {
	s.ask(func(fd int) { n = Queued(fd) })
	return n
}

func (s socket) unread() (n int64) {
	s.ask(func(fd int) { n = Unread(fd) })
	return n
}

func (s socket) gone() bool {
	gone := true
	s.ask(func(fd int) { gone = Gone(fd) })
	return gone
}
