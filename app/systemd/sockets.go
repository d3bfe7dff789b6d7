// Package systemd connects the server to a service manager: it inherits sockets and
// sends notifications. Without a service manager it does nothing. See sd_listen_fds(3)
// and sd_notify(3).
package systemd

import (
	"fmt"
	"net"
	"os"

	"github.com/coreos/go-systemd/v22/activation"
)

// Socket names: FileDescriptorName= in a .socket unit.
const (
	publicSocket = "public"
	adminSocket  = "admin"
)

// Sockets are the listeners that the service manager has opened; each may be nil.
type Sockets struct{ Public, Admin *net.TCPListener }

// Inherit takes the sockets passed to this process. The service manager keeps them open,
// so that no client is refused while a server is replaced.
func Inherit() (_ Sockets, err error) {
	var named Sockets
	var others []*net.TCPListener
	files := activation.Files(true)
	defer func() {
		for _, f := range files {
			_ = f.Close() // the listeners have copies
		}
		if err != nil {
			closeAll(append(others, named.Public, named.Admin))
		}
	}()
	for i, file := range files {
		ln, err := tcpListener(file)
		if err != nil {
			return named, fmt.Errorf("socket %d that the service manager passed (%s): %w; want ListenStream= with a port", i+1, file.Name(), err)
		}
		var place **net.TCPListener
		switch file.Name() {
		case publicSocket:
			place = &named.Public
		case adminSocket:
			place = &named.Admin
		default:
			others = append(others, ln)
			continue
		}
		if *place != nil {
			_ = ln.Close()
			return named, fmt.Errorf("two sockets that the service manager passed are called %q; want one", file.Name())
		}
		*place = ln
	}
	return named.fill(others)
}

// fill assigns sockets with other names, in order.
func (s Sockets) fill(others []*net.TCPListener) (Sockets, error) {
	for _, place := range []**net.TCPListener{&s.Public, &s.Admin} {
		if *place == nil && len(others) > 0 {
			*place, others = others[0], others[1:]
		}
	}
	if len(others) > 0 {
		return s, fmt.Errorf("the service manager passed %d sockets more than the two there is a use for, public and admin", len(others))
	}
	return s, nil
}

// Close closes the sockets of a server that does not start.
func (s Sockets) Close() { closeAll([]*net.TCPListener{s.Public, s.Admin}) }

func closeAll(listeners []*net.TCPListener) {
	for _, ln := range listeners {
		if ln != nil {
			_ = ln.Close()
		}
	}
}

func tcpListener(file *os.File) (*net.TCPListener, error) {
	ln, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("not a TCP listener: %w", err)
	}
	tcp, ok := ln.(*net.TCPListener)
	if !ok {
		_ = ln.Close()
		return nil, fmt.Errorf("not a TCP listener but one of %s", ln.Addr().Network())
	}
	if !accepts(tcp) {
		_ = ln.Close()
		return nil, fmt.Errorf("not a TCP listener but a connection")
	}
	return tcp, nil
}
