//go:build unix

package watch

import "syscall"

// DescriptorLimit is how many descriptors the process may have; 0: no limit.
func DescriptorLimit() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > 1<<30 {
		return 0
	}
	return int(limit.Cur)
}

// alive reports whether a process exists, ours or another user's.
func alive(pid int) bool { return syscall.Kill(pid, 0) != syscall.ESRCH }
