package source

import (
	"os"

	"golang.org/x/sys/unix"
)

// mountOf identifies the mount that an open file was reached by; 0 if the kernel, before
// Linux 5.8, does not tell.
func mountOf(f *os.File) uint64 { return mount(int(f.Fd()), "", unix.AT_EMPTY_PATH) }

func mountOfName(name string) uint64 { return mount(unix.AT_FDCWD, name, 0) }

// mount asks for the identity that is never used again, which Linux 6.8 and later have.
// AT_NO_AUTOMOUNT is what stat(2) does.
func mount(dir int, name string, flags int) uint64 {
	const ids = unix.STATX_MNT_ID | unix.STATX_MNT_ID_UNIQUE
	var st unix.Statx_t
	if err := unix.Statx(dir, name, flags|unix.AT_NO_AUTOMOUNT, ids, &st); err != nil || st.Mask&ids == 0 {
		return 0
	}
	return st.Mnt_id
}
