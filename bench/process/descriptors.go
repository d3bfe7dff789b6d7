//go:build linux

package process

// This file makes room for many connections. It exists because thousands of them
// need thousands of descriptors, here and in the server, which inherits the limit.

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// RaiseDescriptors raises the soft limit to the hard one, for this process and its
// children (the Go runtime restores it for children), and the hard one to n if
// that is permitted.
func RaiseDescriptors(n int) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("read RLIMIT_NOFILE: %w", err)
	}
	if more := uint64(n); limit.Max < more && unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: more, Max: more}) == nil {
		return nil
	}
	limit.Cur = limit.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("raise RLIMIT_NOFILE to %d: %w", limit.Max, err)
	}
	return nil
}
