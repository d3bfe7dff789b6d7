//go:build amd64 || arm64

package source

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// cPath is a path as system calls take it.
type cPath []byte

func cPathOf(name string) cPath { return append([]byte(name), 0) }

// look is fstatat(2), which x/sys would make a copy of the path for, each time.
func (p cPath) look(dir int, st *unix.Stat_t) error {
	for {
		_, _, errno := unix.Syscall6(unix.SYS_NEWFSTATAT, uintptr(dir), uintptr(unsafe.Pointer(&p[0])), uintptr(unsafe.Pointer(st)), 0, 0, 0)
		switch errno {
		case 0:
			return nil
		case unix.EINTR:
		default:
			return errno
		}
	}
}
