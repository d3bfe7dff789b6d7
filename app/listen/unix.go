package listen

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"fullbore/app/wire"
)

// unixSocket removes its file when it is closed, if that is still its own.
type unixSocket struct {
	*net.UnixListener
	path string // absolute
	file fs.FileInfo
	once sync.Once
}

// Close stops listening. It may be called twice. The file is compared first,
// while the open socket keeps its inode from being another file's.
func (s *unixSocket) Close() error {
	s.once.Do(func() {
		if file, err := os.Lstat(s.path); err == nil && os.SameFile(file, s.file) {
			_ = os.Remove(s.path) // one that stays is taken over by the next server
		}
	})
	return s.UnixListener.Close()
}

// openUnix listens on a file. Nobody can connect before it has its owner and
// mode.
func openUnix(path string, o Options) (wire.ListeningSocket, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	unlock := lockFolder(filepath.Dir(absolute))
	defer unlock()
	if err := makeWay(path); err != nil {
		return nil, err
	}
	private := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error { return raw.Control(closeToOthers) }}
	ln, err := private.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, explainUnix(err, absolute)
	}
	unix := ln.(*net.UnixListener) //nolint:forcetypeassert // "unix" gives nothing else
	unix.SetUnlinkOnClose(false)   // it would remove whatever is there
	s := &unixSocket{UnixListener: unix, path: absolute}
	if s.file, err = os.Lstat(absolute); err == nil {
		err = o.apply(absolute)
	}
	if err != nil {
		_ = s.Close() // the error is the one that matters
		return nil, err
	}
	return s, nil
}

// makeWay removes a socket that a server has left behind. What is in use, and
// what is no socket, stays.
func makeWay(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode()&fs.ModeSocket == 0:
		return fmt.Errorf("%s is in the way: want a name that is free, or a socket's", kind(info.Mode()))
	}
	// Connecting by the wrong type tells whether the socket is alive without
	// giving its server a client: EPROTOTYPE, or ECONNREFUSED if it is not. See
	// connect(2).
	probe, err := net.Dial("unixgram", path)
	if err == nil {
		_ = probe.Close() // nothing was sent
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: a socket of another user is there; want another name", syscall.EACCES)
	}
	return fmt.Errorf("%w: a running program listens there; want another name", syscall.EADDRINUSE)
}

func kind(mode fs.FileMode) string {
	switch {
	case mode.IsRegular():
		return "a regular file"
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	}
	return "something that is no socket"
}

// explainUnix says what can be done about an error of bind(2).
func explainUnix(err error, path string) error {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return err
	}
	folder := filepath.Dir(path)
	switch errno {
	case syscall.ENOENT:
		return fmt.Errorf("%w: make the folder %s first", errno, folder)
	case syscall.EACCES:
		return fmt.Errorf("%w: this user may not write to the folder %s", errno, folder)
	}
	return errno
}
