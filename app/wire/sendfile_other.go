//go:build !linux

package wire

import "syscall"

// sendfile is not used here: files go through the pooled buffers, which is
// correct everywhere. fullbore is made for Linux; elsewhere it is a server to
// try and to develop with.
func (s *sender) sendfile(syscall.Conn, *int64) (sent int64, handled bool, err error) {
	return 0, false, nil
}
