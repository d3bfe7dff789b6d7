package static

// This file is what the rest knows of the file system: a root below which
// files are opened, and an open file with what it was when it was opened. How
// that is done is in root_linux.go, as few system calls as possible, and in
// root_other.go, through the standard library.

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// version is what tells one state of a file from another.
type version struct {
	size    int64 // bytes
	modTime time.Time
	inode   uint64 // 0 if it is not known
}

// kind of a file.
type kind int

const (
	special kind = iota // a FIFO, a socket, a device: nothing to download
	regular
	folder
)

// errEscapes says that a path leads out of the root, which only links can.
var errEscapes = errors.New("path leads out of the root")

// openRoot opens what is to be served: a folder, or a regular file. A file is
// opened anew, by the name given here, for each request.
func openRoot(name string, outside bool) (*root, error) {
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
		return &root{path: name, only: filepath.Base(name)}, nil
	case !info.IsDir():
		return nil, errors.New("neither a folder nor a regular file")
	}
	if err := readable(name); err != nil {
		return nil, cause(err)
	}
	r, err := openFolder(name, outside)
	if err != nil {
		return nil, cause(err)
	}
	return r, nil
}

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

// unchanged looks whether the file is still the version that was opened. grown
// says that one that got longer counts as the same, which it is if it was
// appended to. While that goes on it can be seen with its new time and still its
// old size, so it is looked at again.
func (f *file) unchanged(grown bool) error {
	for range appendLooks {
		now, _, err := f.stat()
		switch {
		case err != nil:
			return err
		case now == f.version, grown && now.size > f.version.size:
			return nil
		case !grown || now.size < f.version.size:
			return &changedError{f.name, f.version, now}
		}
		time.Sleep(appendPause)
	}
	return &changedError{f.name, f.version, f.version}
}

// How often, and with which pause, a file is looked at that seems to be in the
// middle of being appended to.
const (
	appendLooks = 5
	appendPause = time.Millisecond
)

// changedError says that a file is not what it was when it was opened. It is
// io.ErrUnexpectedEOF in the sense of errors.Is: the source did not hold what
// the response promised.
type changedError struct {
	name     string
	was, now version
}

func (e *changedError) Error() string {
	if e.now.size != e.was.size {
		return fmt.Sprintf("%s changed while it was sent: it had %d bytes, now %d", e.name, e.was.size, e.now.size)
	}
	return e.name + " changed while it was sent: it was written to"
}

func (e *changedError) Unwrap() error { return io.ErrUnexpectedEOF }
