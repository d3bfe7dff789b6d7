package source

// This file is what there is of the file system in every system: a folder, or a
// single file, on disk. Opening below it is in disk_linux.go, as few system
// calls as possible, and in disk_other.go, through the standard library.

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// OpenDisk opens what is to be served: a folder, or a regular file. A file is
// opened anew, by the name given here, for each request. outside lets links lead
// out of the folder.
func OpenDisk(name string, outside bool) (*Disk, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, cause(err)
	case info.Mode().IsRegular():
		f, err := os.Open(name)
		if err != nil {
			return nil, cause(err)
		}
		closeQuietly(f)
		return &Disk{path: name, only: filepath.Base(name)}, nil
	case !info.IsDir():
		return nil, errors.New("neither a folder nor a regular file")
	}
	if err := readable(name); err != nil {
		return nil, cause(err)
	}
	d, err := openFolder(name, outside)
	if err != nil {
		return nil, cause(err)
	}
	return d, nil
}

// Only is the name of the single file that is served; "" for a folder. Open then
// opens it whatever name it is given: whoever named the file meant it, link or
// not.
func (d *Disk) Only() string { return d.only }

// cause is an error without the name that the system call was given, since
// the caller says which.
func cause(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

// readable finds out at the start what would otherwise be every request's 403:
// whether the folder can be listed, and entered.
func readable(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	defer closeQuietly(dir)
	names, err := dir.Readdirnames(1)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	for _, first := range names {
		if _, err := os.Lstat(filepath.Join(name, first)); errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
}

// closeQuietly closes what was only read; there is nothing to lose.
func closeQuietly(c io.Closer) { _ = c.Close() }
