package wire

import "net"

// socket is a TCP connection that tells what the kernel knows of it. Closed, it
// has nothing queued and nothing unread, and is gone.
type socket struct{ *net.TCPConn }

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
