package source

// Opening below a folder is in disk_linux.go, with as few system calls as possible, and
// in disk_other.go, through the standard library.

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
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

// Only is the name of the single file that is served, link or not; "" for a folder.
// Open then opens it whatever name it is given.
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

// Alive implements Source: it is the folder that was opened, whatever has its name now,
// or the file that has the name now.
func (d *Disk) Alive() (fs.FileInfo, error) {
	f, info, err := d.Open(".", MayWait)
	if err != nil {
		return nil, cause(err)
	}
	opened := f.(*file).osFile() //nolint:forcetypeassert // Open returns no other
	defer closeQuietly(opened)
	switch {
	case d.only != "" && info.Kind == Directory:
		return nil, errors.New("it is a folder now; a file was opened")
	case d.only != "" && info.Kind != Regular:
		return nil, errors.New("it is no longer a regular file")
	case d.only == "":
		// No kernel lists a removed folder, on any file system; a link count of 0 is
		// not as reliable.
		if _, err := opened.Readdirnames(1); errors.Is(err, fs.ErrNotExist) {
			return nil, absentError("the open folder was removed")
		} else if err != nil && !errors.Is(err, io.EOF) {
			return nil, cause(err)
		}
	}
	is, err := opened.Stat()
	if err != nil {
		return nil, cause(err)
	}
	return is, nil
}
