//go:build linux

package wire

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// An event loop takes connections off the socket by itself, and answers Check.
func TestAcceptBySomebodyElse(t *testing.T) {
	ln, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	woken := make(chan struct{}, 1)
	ln.AcceptBy(func() {
		select {
		case woken <- struct{}{}:
		default: // it has been told
		}
	})
	soon, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := ln.Check(soon); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the loop does not turn, and Check gave %v", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ok := true; ok; ok = ln.Accepting() {
			<-woken
		}
	}()
	for range 3 {
		if err := ln.Check(t.Context()); err != nil {
			t.Errorf("Check gave %v", err)
		}
	}

	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	raw, err := ln.Entrances()[0].SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	fd, errno := -1, error(nil)
	if err := raw.Control(func(listening uintptr) { fd, _, errno = unix.Accept4(int(listening), unix.SOCK_CLOEXEC) }); err != nil || errno != nil {
		t.Fatal(err, errno)
	}
	defer unix.Close(fd)
	if name, err := unix.Getpeername(fd); err != nil || name.(*unix.SockaddrInet4).Port != client.LocalAddr().(*net.TCPAddr).Port {
		t.Errorf("another connection: %v, %v", name, err)
	}

	ln.Close()
	<-ended
	if err := ln.Check(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed, and Check gave %v", err)
	}
}

func TestAcceptFailed(t *testing.T) {
	var told []error
	ln, err := Listen("127.0.0.1:0", Config{OnAcceptError: func(err error, _ time.Duration) { told = append(told, err) }})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	pause := time.Duration(0)
	for i, ms := range []int64{5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000} {
		var retry bool
		if pause, retry = ln.AcceptFailed(syscall.EMFILE, pause); !retry || pause.Milliseconds() != ms {
			t.Errorf("failure %d: pause of %v, %v", i, pause, retry)
		}
	}
	for _, err := range []error{net.ErrClosed, syscall.EBADF, syscall.EINVAL, syscall.ENOTSOCK} {
		if _, retry := ln.AcceptFailed(err, pause); retry {
			t.Errorf("after %v it is tried again", err)
		}
	}
	if ln.AcceptErrors() != 10 || len(told) != 10 {
		t.Errorf("%d failures counted, %d told", ln.AcceptErrors(), len(told))
	}
}

// What is asked of a descriptor and of a connection is the same.
func TestWhatTheKernelKnows(t *testing.T) {
	_, server, client := pair(t, time.Minute)
	sent, _ := server.Write(make([]byte, 256<<10))
	for server.sock.queued() == 0 { // until it does not fit into the client's socket
		n, _ := server.Write(make([]byte, 64<<10))
		sent += n
	}
	_, _ = client.Write(make([]byte, 10))
	for server.sock.unread() == 0 {
		time.Sleep(time.Millisecond)
	}
	ask := func() (queued, unread int64, gone bool) {
		server.sock.ask(func(fd int) { queued, unread, gone = Queued(fd), Unread(fd), Gone(fd) })
		return
	}
	if queued, unread, gone := ask(); queued <= 0 || queued > int64(sent) || unread != 10 || gone {
		t.Errorf("%d queued of %d, %d unread, gone: %v", queued, sent, unread, gone)
	}
	_ = client.SetLinger(0)
	client.Close()
	for !server.sock.gone() {
		time.Sleep(time.Millisecond)
	}
	if _, _, gone := ask(); !gone {
		t.Error("reset, and not gone")
	}
	if Queued(-1) != 0 || Unread(-1) != 0 || !Gone(-1) {
		t.Error("a descriptor that is none has something")
	}
	server.Close()
	if server.sock.queued() != 0 || server.sock.unread() != 0 || !server.sock.gone() {
		t.Error("a closed connection has something")
	}
}

// Check is about every socket: one that nobody accepts on is not alive.
func TestCheckAsksEverySocket(t *testing.T) {
	var sockets []ListeningSocket
	for range 2 {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		sockets = append(sockets, ln.(*net.TCPListener))
	}
	ln := NewListener(sockets)
	var accepting sync.WaitGroup
	accept := func(e *Entrance) { accepting.Go(func() { _, _ = e.Accept() }) }
	accept(ln.Entrances()[0])
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := ln.Check(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("of two sockets one is accepted on: %v", err)
	}
	accept(ln.Entrances()[1])
	if err := ln.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if err := ln.Close(); err != nil {
		t.Error(err)
	}
	accepting.Wait()
	for _, socket := range sockets {
		if conn, err := net.Dial("tcp", socket.Addr().String()); err == nil {
			_ = conn.Close()
			t.Errorf("%v is still listened on", socket.Addr())
		}
	}
}
