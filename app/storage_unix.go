//go:build unix

package app

import "golang.org/x/sys/unix"

// diskSpace is what is left for us in the file system of a path, and what there
// is for us in all, in bytes, as df has it.
func diskSpace(path string) (free, size int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, 0, err
	}
	block := int64(st.Bsize)                   //nolint:unconvert // other systems have other types
	available := int64(st.Bavail)              //nolint:gosec // far below the limit
	used := int64(st.Blocks) - int64(st.Bfree) //nolint:gosec // far below the limit
	return block * available, block * (used + available), nil
}
