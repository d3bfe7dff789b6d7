//go:build !linux

package static

import "syscall"

var systemShortages []syscall.Errno
