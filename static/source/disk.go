package source

// Opening below a folder is in disk_linux.go, with as few system calls as possible, and
// in disk_other.go, through the standard library.

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
)

// OpenDisk opens a folder or a regular file to be served. A file is opened again, by
// this name, for each request. outside follows links out of the folder.
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

// holders keeps a folder open until it is closed and nobody lists what is in it: a link in
// a listing is looked up from the root.
type holders struct {
	listings atomic.Int64 // one less once closed
	closed   atomic.Bool
}

// newListing adds one, which done ends.
func (h *holders) newListing() { h.listings.Add(1) }

// done reports whether nobody is left.
func (h *holders) done() bool { return h.listings.Add(-1) < 0 }

// Close implements Source. Open goes on until the last listing is closed.
func (d *Disk) Close() error {
	switch {
	case d.dir == nil:
		return nil
	case d.holders.closed.Swap(true):
		return fs.ErrClosed
	case d.holders.done():
		return d.close()
	}
	return nil
}

// endListing closes the folder if it was the last to wait for.
func (d *Disk) endListing() {
	if d.holders.done() {
		_ = d.close() // it was only read
	}
}

// Close ends the listing. A second call does nothing.
func (f *dir) Close() error {
	err := f.File.Close()
	if errors.Is(err, fs.ErrClosed) {
		return nil
	}
	f.disk.endListing()
	return err
}

// Only implements Single. The name may be that of a link.
func (d *Disk) Only() string { return d.only }

// cause strips the name from an error; the caller adds its own.
func cause(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

// readable checks whether the folder can be listed and entered, rather than let every
// request fail with 403.
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

// closeQuietly closes what was only read, where errors lose nothing.
func closeQuietly(c io.Closer) { _ = c.Close() }

// Alive implements Source. What is served must still have its name; a single file is
// whichever has it.
func (d *Disk) Alive() (replaced bool, err error) {
	named, err := os.Stat(d.path)
	if err != nil {
		return false, cause(err)
	}
	if !named.IsDir() && !named.Mode().IsRegular() {
		return false, errors.New("neither a folder nor a regular file")
	}
	f, info, err := d.Open(".", MayWait)
	if err != nil {
		return false, cause(err)
	}
	opened := f.(*file).osFile() //nolint:forcetypeassert // Open returns no other
	defer closeQuietly(opened)
	switch {
	case d.only == "":
		return d.aliveFolder(opened, named)
	case info.Kind == Directory:
		return true, errors.New("it is a folder now; a file was opened")
	case info.Kind != Regular:
		return true, errors.New("it is no longer a regular file")
	}
	return false, nil
}

// aliveFolder compares the open folder with what has its name now.
func (d *Disk) aliveFolder(opened *os.File, named fs.FileInfo) (replaced bool, err error) {
	if !named.IsDir() {
		return true, errors.New("it is a file now; a folder was opened")
	}
	is, err := opened.Stat()
	if err != nil {
		return false, cause(err)
	}
	// A mount may be of the same folder, and see others below it.
	replaced = !os.SameFile(named, is) || mountOf(opened) != mountOfName(d.path)
	// No kernel lists a removed folder, on any file system; a link count of 0 is not as
	// reliable.
	switch _, err := opened.Readdirnames(1); {
	case errors.Is(err, fs.ErrNotExist):
		return replaced, absentError("the open folder was removed")
	case err != nil && !errors.Is(err, io.EOF):
		return replaced, cause(err)
	}
	return replaced, nil
}
