//go:build linux && (amd64 || arm64)

package engine

// System calls made without telling Go's scheduler: none of them may sleep. A
// call that might is made elsewhere, see cold.go. Telling the scheduler costs
// more than most of these calls, and a sendfile of a millisecond would have its
// processor taken away in the middle.

import (
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// read is read(2).
func read(fd int, p []byte) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		if errno != syscall.EINTR {
			return int(n), errno
		}
	}
}

// send is send(2) on a socket. more says that the kernel may wait for what
// follows before it fills a packet.
func send(fd int, p []byte, more bool) (int, syscall.Errno) {
	flags := uintptr(unix.MSG_NOSIGNAL | unix.MSG_DONTWAIT)
	if more {
		flags |= unix.MSG_MORE
	}
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), flags, 0, 0)
		if errno != syscall.EINTR {
			return max(int(n), 0), errno
		}
	}
}

// gather sends two pieces as one; see writev(2).
func gather(fd int, head []byte, text string) (int, syscall.Errno) {
	pieces := [2]unix.Iovec{{Base: unsafe.SliceData(head)}, {Base: unsafe.StringData(text)}}
	pieces[0].SetLen(len(head))
	pieces[1].SetLen(len(text))
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(&pieces)), uintptr(len(pieces)))
		if errno != syscall.EINTR {
			return max(int(n), 0), errno
		}
	}
}

// sendfile is sendfile(2) from offset on, which it moves.
func sendfile(dst, src int, offset *int64, n int64) (int64, syscall.Errno) {
	for {
		sent, _, errno := syscall.RawSyscall6(syscall.SYS_SENDFILE, uintptr(dst), uintptr(src), uintptr(unsafe.Pointer(offset)), uintptr(n), 0, 0)
		if errno != syscall.EINTR {
			return max(int64(sent), 0), errno
		}
	}
}

// probeCached reads what is in the page cache: EAGAIN for what is not,
// EOPNOTSUPP where the file system cannot tell. See preadv2(2), RWF_NOWAIT.
func probeCached(fd int, p []byte, offset int64) (int, syscall.Errno) {
	iov := unix.Iovec{Base: unsafe.SliceData(p)}
	iov.SetLen(len(p))
	for {
		n, _, errno := syscall.RawSyscall6(unix.SYS_PREADV2, uintptr(fd), uintptr(unsafe.Pointer(&iov)), 1, uintptr(offset), 0, unix.RWF_NOWAIT)
		if errno != syscall.EINTR {
			return max(int(n), 0), errno
		}
	}
}

// poll returns the pending events, or those that arrive within some milliseconds;
// see epoll_wait(2).
func poll(epoll int, events []unix.EpollEvent, milliseconds int) int {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), uintptr(milliseconds), 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// accept is accept4(2).
func accept(listener int) (int, netip.AddrPort, syscall.Errno) {
	var address unix.RawSockaddrAny
	size := uint32(unix.SizeofSockaddrAny)
	for {
		fd, _, errno := syscall.RawSyscall6(syscall.SYS_ACCEPT4, uintptr(listener), uintptr(unsafe.Pointer(&address)), uintptr(unsafe.Pointer(&size)), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
		switch errno {
		case syscall.EINTR:
		case 0:
			return int(fd), addrPortOf(&address), 0
		default:
			return -1, netip.AddrPort{}, errno
		}
	}
}

// addrPortOf reads an address of the kernel's; the port is in network order.
func addrPortOf(address *unix.RawSockaddrAny) netip.AddrPort {
	switch address.Addr.Family {
	case unix.AF_INET:
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(address))
		return netip.AddrPortFrom(netip.AddrFrom4(in.Addr), hostOrder(in.Port))
	case unix.AF_INET6:
		in := (*unix.RawSockaddrInet6)(unsafe.Pointer(address))
		return netip.AddrPortFrom(netip.AddrFrom16(in.Addr).Unmap(), hostOrder(in.Port))
	}
	return netip.AddrPort{}
}

func hostOrder(port uint16) uint16 {
	b := (*[2]byte)(unsafe.Pointer(&port))
	return uint16(b[0])<<8 | uint16(b[1])
}

// setOption sets a whole number with setsockopt(2). A socket that does not take
// it sends all the same.
func setOption(fd, level, name, value int) {
	v := int32(value) //nolint:gosec // a switch
	_, _, _ = syscall.RawSyscall6(syscall.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(name), uintptr(unsafe.Pointer(&v)), unsafe.Sizeof(v), 0)
}

// cork holds packets back that are not full, or lets them go: tcp(7), TCP_CORK.
func cork(fd int, on int) { setOption(fd, unix.IPPROTO_TCP, unix.TCP_CORK, on) }

func closeFD(fd int) { _, _, _ = syscall.RawSyscall(syscall.SYS_CLOSE, uintptr(fd), 0, 0) }
