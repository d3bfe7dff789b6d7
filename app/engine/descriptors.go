//go:build linux && (amd64 || arm64)

package engine

import (
	"bufio"
	"os"

	"golang.org/x/sys/unix"
)

func newLoop(e *Engine) (*loop, error) {
	l := &loop{
		engine: e, epoll: -1, wake: -1, clock: -1, turn: turnMin * 8,
		events: make([]unix.EpollEvent, eventsAtOnce),
		in:     make([]byte, readSize),
		ctx:    acquireCtx(),
	}
	l.br = bufio.NewReaderSize(&l.rd, readSize)
	err := l.openDescriptors()
	if err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *loop) openDescriptors() (err error) {
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if err = unix.SetNonblock(l.epoll, true); err != nil { // so that Go's poller takes it
		return os.NewSyscallError("fcntl", err)
	}
	l.file = os.NewFile(uintptr(l.epoll), "epoll")
	if l.parked, err = l.file.SyscallConn(); err != nil {
		return err
	}
	l.pollFirst = func(fd uintptr) bool {
		l.nEvents = poll(int(fd), l.events, 0)
		return l.nEvents > 0
	}
	if l.wake, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	if l.clock, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC); err != nil {
		return os.NewSyscallError("timerfd_create", err)
	}
	for _, fd := range []int{l.wake, l.clock} {
		if err = l.watch(fd, unix.EPOLLIN, 0); err != nil {
			return err
		}
	}
	return nil
}

// watch adds a descriptor to those that the loop waits for.
func (l *loop) watch(fd int, events uint32, serial int32) error {
	event := unix.EpollEvent{Events: events, Fd: int32(fd), Pad: serial} //nolint:gosec // descriptors are small
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &event))
}

func (l *loop) unwatch(fd int) {
	_ = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, fd, nil) // it is there
}

// close closes what openDescriptors opened.
func (l *loop) close() {
	l.inbox.Lock()
	l.inbox.over = true
	l.inbox.Unlock()
	for _, fd := range []int{l.wake, l.clock} {
		if fd >= 0 {
			closeFD(fd)
		}
	}
	if l.file != nil {
		_ = l.file.Close() // nothing was written
	}
}
