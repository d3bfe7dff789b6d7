//go:build linux

package load

// This file makes the file that is downloaded. It exists to keep the disk out of
// the measurement: a sparse file has a size and no blocks.

import (
	"errors"
	"fmt"
	"os"
)

// SparseFile creates a file of size bytes, all of them holes, and refuses to
// touch one that exists.
func SparseFile(path string, size int64) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("create sparse file: %w", err)
	}
	if err := errors.Join(file.Truncate(size), file.Close()); err != nil {
		return errors.Join(fmt.Errorf("create sparse file: %w", err), os.Remove(path))
	}
	return nil
}
