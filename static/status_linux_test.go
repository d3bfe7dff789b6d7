package static

import (
	"syscall"
	"testing"
)

func TestShortagesOfLinux(t *testing.T) {
	for errno, want := range map[syscall.Errno]bool{
		syscall.EREMOTEIO: true, // NFS: the server's own fault
		syscall.ENOMEDIUM: true,
		syscall.EUCLEAN:   true,
		syscall.ENOKEY:    true,
		syscall.ENOSPC:    false, // reading takes no space
		syscall.EROFS:     false,
	} {
		if got := isShortage(errno); got != want {
			t.Errorf("%v: %v", errno, got)
		}
	}
}
