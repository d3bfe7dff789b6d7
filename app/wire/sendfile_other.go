//go:build !linux

package wire

import "syscall"

// sendfile is not used here: files go through the pooled buffers, which is
// correct everywhere. fullbore is made for Linux; elsewhere it is a server to
// try and to develop with.
func (c *Conn) sendfile(syscall.Conn, *int64) (sent int64, handled bool, err error) {
	return 0, false, nil
}

// queued cannot be asked portably: progress is what the kernel took.
func (c *Conn) queued() int64 { return 0 }

// unread cannot be asked portably: a peer that is refused may see a reset.
func (c *Conn) unread() bool { return false }

// gone is never asked: queued is 0.
func (c *Conn) gone() bool { return true }
