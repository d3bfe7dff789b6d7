//go:build unix

package listen

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// lockPatience is how long another process may hold a folder: somebody may have
// locked it for reasons of their own, see flock(1).
const lockPatience = 2 * time.Second

// lockFolder keeps two servers from taking over the same file, of which each
// would remove the other's. Where it cannot lock, it does without.
func lockFolder(name string) (unlock func()) {
	folder, err := os.Open(name)
	if err != nil {
		return func() {} // bind(2) will say why
	}
	for end := time.Now().Add(lockPatience); unix.Flock(int(folder.Fd()), unix.LOCK_EX|unix.LOCK_NB) == unix.EWOULDBLOCK && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	return func() { _ = folder.Close() } // which unlocks
}

// closeToOthers makes the file that bind(2) will make its owner's alone. Linux
// takes the mode from the socket; elsewhere, where this fails, it is umask(2)'s.
func closeToOthers(fd uintptr) { _ = unix.Fchmod(int(fd), 0o600) }
