//go:build unix

package static

import (
	"io/fs"
	"syscall"
)

// inode is the file's number in its file system, 0 if it is not known.
func inode(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Ino
	}
	return 0
}
