// Package systemd connects the server to a service manager: it inherits sockets and
// sends notifications. Without a service manager it does nothing. See sd_listen_fds(3)
// and sd_notify(3).
package systemd

import (
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/coreos/go-systemd/v22/activation"

	"fullbore/app/wire"
)

// Socket names: FileDescriptorName= in a .socket unit.
const (
	publicSocket = "public"
	adminSocket  = "admin"
)

// Sockets are the listening sockets that the service manager has opened.
type Sockets struct{ Public, Admin []wire.ListeningSocket }

// Inherit takes the sockets passed to this process. The service manager keeps them open,
// so that no client is refused while a server is replaced.
func Inherit() (_ Sockets, err error) {
	var named Sockets
	var others []wire.ListeningSocket
	files := activation.Files(true)
	defer func() {
		for _, f := range files {
			_ = f.Close() // the listeners have copies
		}
		if err != nil {
			named.Close()
			closeAll(others)
		}
	}()
	for i, file := range files {
		ln, err := listening(file)
		if err != nil {
			return named, fmt.Errorf("socket %d that the service manager passed (%s): %w; want ListenStream= with a port or a path", i+1, file.Name(), err)
		}
		switch file.Name() {
		case publicSocket:
			named.Public = append(named.Public, ln)
		case adminSocket:
			named.Admin = append(named.Admin, ln)
		default:
			others = append(others, ln)
		}
	}
	return named.fill(others)
}

// fill assigns sockets with other names, in order: the first is public, if none is by
// name, and the next admin.
func (s Sockets) fill(others []wire.ListeningSocket) (Sockets, error) {
	for _, place := range []*[]wire.ListeningSocket{&s.Public, &s.Admin} {
		if len(*place) == 0 && len(others) > 0 {
			*place, others = others[:1], others[1:]
		}
	}
	if len(others) > 0 {
		return s, fmt.Errorf("the service manager passed %d sockets too many: want FileDescriptorName= %s or %s for each", len(others), publicSocket, adminSocket)
	}
	return s, nil
}

// Close closes the sockets of a server that does not start.
func (s Sockets) Close() {
	closeAll(s.Public)
	closeAll(s.Admin)
}

func closeAll(sockets []wire.ListeningSocket) {
	for _, socket := range sockets {
		_ = socket.Close() // nothing was sent on it
	}
}

func listening(file *os.File) (wire.ListeningSocket, error) {
	ln, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("not a listening socket: %w", err)
	}
	socket, ok := ln.(wire.ListeningSocket)
	if network := ln.Addr().Network(); !ok || network != "tcp" && network != "unix" {
		_ = ln.Close() // the error below is the one that matters
		return nil, fmt.Errorf("not a stream socket but one of %s", network)
	}
	if !accepts(socket) {
		_ = ln.Close() // likewise
		return nil, errors.New("not a listening socket but a connection")
	}
	return socket, nil
}
