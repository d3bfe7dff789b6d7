//go:build linux

// Bareloop is the physical limit that servers are held against: one thread, one
// epoll, TCP_CORK, a header and one sendfile(2) per answer, all by raw system
// calls. It opens a file once, checks nothing, logs nothing, and wants a request
// to arrive in one piece. Run it with GODEBUG=asyncpreemptoff=1: Go's monitor
// would interrupt epoll_wait(2) every 10 ms.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

func main() {
	address := flag.String("listen", "127.0.0.1:0", "address to serve on")
	flag.Parse()
	if err := serve(flag.Arg(0), *address); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(folder, address string) error {
	runtime.LockOSThread()
	debug.SetGCPercent(-1) // nothing is allocated per request
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		return err
	}
	l := &loop{folder: folder, listener: int(socket.Fd()), files: map[string]*file{}}
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	if err := errors.Join(unix.SetNonblock(l.listener, true), l.watch(l.listener, unix.EPOLLIN)); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "listening http://"+listener.Addr().String())
	return l.run()
}

// loop serves all connections.
type loop struct {
	folder   string
	epoll    int
	listener int
	files    map[string]*file // by path, open for good
	conns    []conn           // by descriptor
	buffer   [8 << 10]byte    // of the request that is being read
	head     []byte           // of the answer to it
}

// file is one that was asked for before.
type file struct {
	fd   int
	size int64
	head []byte // of an answer with all of it
}

// conn is the rest of an answer.
type conn struct {
	fd     int32 // of the file
	offset int64
	left   int64
}

func (l *loop) watch(fd int, events uint32) error {
	return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

func (l *loop) run() error {
	var events [256]unix.EpollEvent
	for {
		n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(l.epoll), uintptr(unsafe.Pointer(&events)), uintptr(len(events)), ^uintptr(0), 0, 0)
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			return fmt.Errorf("epoll: %w", errno)
		}
		for _, event := range events[:n] {
			switch fd := int(event.Fd); {
			case fd == l.listener:
				l.accept()
			case event.Events&(unix.EPOLLERR|unix.EPOLLHUP|unix.EPOLLRDHUP) != 0 || !l.serve(fd):
				_ = unix.Close(fd) // the client went first, or is not worth an answer
				l.conns[fd] = conn{}
			}
		}
	}
}

func (l *loop) accept() {
	for {
		fd, _, err := unix.Accept4(l.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		for len(l.conns) <= fd {
			l.conns = append(l.conns, conn{})
		}
		// Edges of both kinds, so that one call lasts for the connection's life.
		if l.watch(fd, unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLRDHUP|unix.EPOLLET) != nil {
			_ = unix.Close(fd)
		}
	}
}

// serve goes on with an answer, or reads a request and begins one. False is a
// connection to close.
func (l *loop) serve(fd int) bool {
	if c := &l.conns[fd]; c.left > 0 {
		return c.send(fd)
	}
	n, _, errno := syscall.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&l.buffer)), uintptr(len(l.buffer)))
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return true
	case errno != 0 || n == 0:
		return false
	}
	return l.answer(fd, l.buffer[:n])
}

// answer sends the header and as much of the file as the socket takes.
func (l *loop) answer(fd int, request []byte) bool {
	path, ok := bytes.CutPrefix(request, []byte("GET /"))
	end := bytes.IndexByte(path, ' ')
	if !ok || end < 0 || !bytes.HasSuffix(request, []byte("\r\n\r\n")) {
		return false
	}
	f := l.open(path[:end])
	if f == nil {
		_, err := unix.Write(fd, []byte("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"))
		return err == nil
	}
	c, head := &l.conns[fd], f.head
	*c = conn{fd: int32(f.fd), left: f.size}
	if first, last, asked := rangeOf(request); asked {
		if last = min(last, f.size-1); first > last {
			return false
		}
		c.offset, c.left = first, last-first+1
		l.head = fmt.Appendf(l.head[:0], "HTTP/1.1 206 Partial Content\r\nContent-Length: %d\r\nContent-Range: bytes %d-%d/%d\r\n\r\n", c.left, first, last, f.size)
		head = l.head
	}
	cork(fd, 1)
	n, _, errno := syscall.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&head[0])), uintptr(len(head)))
	return errno == 0 && int(n) == len(head) && c.send(fd)
}

// send goes on until the answer is whole or the socket is full.
func (c *conn) send(fd int) bool {
	for c.left > 0 {
		n, _, errno := syscall.RawSyscall6(unix.SYS_SENDFILE, uintptr(fd), uintptr(c.fd), uintptr(unsafe.Pointer(&c.offset)), uintptr(c.left), 0, 0)
		switch {
		case errno == unix.EAGAIN:
			return true
		case errno == unix.EINTR:
		case errno != 0 || n == 0:
			return false
		default:
			c.left -= int64(n)
		}
	}
	cork(fd, 0)
	return true
}

func cork(fd int, on int32) {
	_, _, _ = syscall.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.IPPROTO_TCP, unix.TCP_CORK, uintptr(unsafe.Pointer(&on)), unsafe.Sizeof(on), 0)
}

// open finds a file, or opens it when it is asked for the first time. Nil is none.
func (l *loop) open(path []byte) *file {
	if f := l.files[string(path)]; f != nil {
		return f
	}
	opened, err := os.OpenInRoot(l.folder, string(path))
	if err != nil {
		return nil
	}
	info, err := opened.Stat()
	if err != nil || !info.Mode().IsRegular() {
		opened.Close()
		return nil
	}
	fd, err := unix.Dup(int(opened.Fd())) // or a collection would close it
	opened.Close()
	if err != nil {
		return nil
	}
	f := &file{fd: fd, size: info.Size(), head: fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", info.Size())}
	l.files[string(path)] = f
	return f
}

// rangeOf finds `Range: bytes=FIRST-LAST`, and no other kind.
func rangeOf(request []byte) (first, last int64, ok bool) {
	_, text, ok := bytes.Cut(request, []byte("\r\nRange: bytes="))
	if !ok {
		return 0, 0, false
	}
	text, _, _ = bytes.Cut(text, []byte("\r\n"))
	from, to, _ := bytes.Cut(text, []byte("-"))
	first, err := strconv.ParseInt(string(from), 10, 64)
	last, failed := strconv.ParseInt(string(to), 10, 64)
	return first, last, err == nil && failed == nil
}
