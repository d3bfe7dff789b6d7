//go:build !linux

package wire

// Queued cannot be asked portably: progress is what the kernel took.
func Queued(int) int64 { return 0 }

// Unread cannot be asked portably: a peer that is refused may see a reset.
func Unread(int) int64 { return 0 }

// Gone is never asked: nothing is queued.
func Gone(int) bool { return true }

// setUnsent is left to the system.
func setUnsent(int, int) {}
