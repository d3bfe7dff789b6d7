//go:build unix

package health

import "golang.org/x/sys/unix"

// diskSpace is the space in the file system of a path, as in df.
func diskSpace(path string) (Space, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return Space{}, err
	}
	block := int64(st.Bsize)                   //nolint:unconvert // other systems have other types
	available := int64(st.Bavail)              //nolint:gosec // far below the limit
	used := int64(st.Blocks) - int64(st.Bfree) //nolint:gosec // far below the limit
	return Space{Free: block * available, Size: block * (used + available)}, nil
}
