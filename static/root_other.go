//go:build !linux

package static

import (
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"
)

// openFlags: O_NONBLOCK lets a FIFO be opened without waiting for its writer.
const openFlags = os.O_RDONLY | syscall.O_NONBLOCK

// root is a folder, or a single file, that is served. It is safe for
// concurrent use.
type root struct {
	path    string   // of what is served
	only    string   // the name of a single file; "" for a folder
	dir     *os.Root // of a folder
	outside bool     // links may lead anywhere
}

// openFolder makes a folder a root.
func openFolder(name string, outside bool) (*root, error) {
	dir, err := os.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	return &root{path: name, dir: dir, outside: outside}, nil
}

// Close lets go of the root.
func (r *root) Close() error {
	if r.dir == nil {
		return nil
	}
	return r.dir.Close()
}

// open opens name, a relative path without "..", below the root, and asks the
// open file, not the name, what it is. In one-file mode name is not used:
// whoever named the file meant it, link or not.
func (r *root) open(name string) (_ *file, k kind, err error) {
	var f *os.File
	switch {
	case r.only != "":
		f, err = os.OpenFile(r.path, openFlags, 0)
	case r.outside:
		f, err = os.OpenFile(filepath.Join(r.path, filepath.FromSlash(name)), openFlags, 0)
	default:
		f, err = r.dir.OpenFile(name, openFlags, 0)
	}
	if err != nil {
		return nil, special, escapes(err)
	}
	opened := &file{File: f, name: path.Base(name)}
	if opened.version, k, err = opened.stat(); err != nil {
		closeQuietly(f)
		return nil, special, err
	}
	return opened, k, nil
}

// escapes recognizes os.Root's refusal of a path that leaves the root; the
// error has no exported name.
func escapes(err error) error {
	if cause(err).Error() == "path escapes from parent" {
		return errEscapes
	}
	return err
}

// look says what base, a name in an open folder, stands for, through links.
// name is the same as seen from the root.
func (r *root) look(_ *os.File, name, _ string) (version, kind, error) {
	var info fs.FileInfo
	var err error
	if r.outside {
		info, err = os.Stat(filepath.Join(r.path, filepath.FromSlash(name)))
	} else {
		info, err = r.dir.Stat(name)
	}
	if err != nil {
		return version{}, special, err
	}
	v, k := versionOf(info)
	return v, k, nil
}

// file is an open file and the version it had then. It is for one goroutine
// at a time.
type file struct {
	*os.File
	name    string // the last part, for messages
	version version
}

func (f *file) stat() (version, kind, error) {
	info, err := f.Stat()
	if err != nil {
		return version{}, special, err
	}
	v, k := versionOf(info)
	return v, k, nil
}

func versionOf(info fs.FileInfo) (version, kind) {
	k := special
	switch {
	case info.Mode().IsRegular():
		k = regular
	case info.IsDir():
		k = folder
	}
	return version{size: info.Size(), modTime: info.ModTime()}, k
}

// seek sets the position for Read.
func (f *file) seek(offset int64) error {
	_, err := f.Seek(offset, io.SeekStart)
	return err
}

// descriptor is for sendfile on Linux.
func (f *file) descriptor() int { return -1 }

// osFile hands the file over, for reading a folder.
func (f *file) osFile() *os.File { return f.File }
