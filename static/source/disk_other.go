//go:build !linux

package source

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"
)

// openFlags: O_NONBLOCK opens a FIFO without waiting for its writer.
const openFlags = os.O_RDONLY | syscall.O_NONBLOCK

// Disk is a folder, or a single file, on disk. It is safe for concurrent use.
type Disk struct {
	path    string   // of what is served
	only    string   // the name of a single file; "" for a folder
	dir     *os.Root // of a folder
	links   links    // of a folder
	outside bool     // follow links out of the root
	holders holders
}

func openFolder(name string, outside bool) (*Disk, error) {
	dir, err := os.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	d := &Disk{path: name, dir: dir, outside: outside}
	d.links.read = func(name string) (string, error) { return readlinkBelow(dir, name) }
	if d.links.named, d.links.real, err = namesOf(name); err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return d, nil
}

func (d *Disk) close() error { return d.dir.Close() }

// Portable does nothing: there is only one way. See disk_linux.go.
func (d *Disk) Portable() error { return nil }

// KeepHot does nothing: only Open with NoWait uses the cache.
func (d *Disk) KeepHot(int64) {}

// Open implements Source.
func (d *Disk) Open(name string, wait Wait) (File, Info, error) {
	if wait == NoWait {
		return nil, Info{}, ErrWouldBlock
	}
	var f *os.File
	var err error
	switch {
	case d.only != "":
		f, err = os.OpenFile(d.path, openFlags, 0)
	case d.outside:
		f, err = os.OpenFile(filepath.Join(d.path, filepath.FromSlash(name)), openFlags, 0)
	default:
		err = d.beneath(name, func(name string) (err error) {
			f, err = d.dir.OpenFile(name, openFlags, 0)
			return err
		})
	}
	if err != nil {
		return nil, Info{}, err
	}
	opened := &file{f}
	info, err := opened.Stat()
	if err != nil {
		closeQuietly(f)
		return nil, Info{}, err
	}
	return opened, info, nil
}

// beneath does something with a name, or, if a link in it is refused, with what it leads to.
func (d *Disk) beneath(name string, do func(name string) error) error {
	once := func(name string) error { return escapes(do(name)) }
	err := once(name)
	if err == errEscapes { //nolint:errorlint // bare
		err = d.links.follow(name, once)
	}
	return err
}

// List implements Source.
func (d *Disk) List(folder File, name string) Folder {
	f := folder.(*file) //nolint:forcetypeassert // the caller opened it here
	d.holders.newListing()
	return &dir{File: f.File, disk: d, name: name}
}

// dir is an open folder.
type dir struct {
	*os.File
	disk *Disk
	name string // relative to the root
}

// Look implements Folder.
func (f *dir) Look(base string) (Info, error) {
	var info fs.FileInfo
	var err error
	name := path.Join(f.name, base)
	if f.disk.outside {
		info, err = os.Stat(filepath.Join(f.disk.path, filepath.FromSlash(name)))
	} else {
		err = f.disk.beneath(name, func(name string) (err error) {
			info, err = f.disk.dir.Stat(name)
			return err
		})
	}
	if err != nil {
		return Info{}, err
	}
	return infoOf(info), nil
}

// file is an open file.
type file struct{ *os.File }

// Stat implements File.
func (f *file) Stat() (Info, error) {
	info, err := f.File.Stat()
	if err != nil {
		return Info{}, err
	}
	return infoOf(info), nil
}

// Close implements File.
func (f *file) Close() error {
	if err := f.File.Close(); !errors.Is(err, fs.ErrClosed) {
		return err
	}
	return nil
}

func infoOf(info fs.FileInfo) Info {
	return Info{Kind: kindOf(info), Size: info.Size(), ModTime: info.ModTime()}
}

// Descriptor is -1: here net.TCPConn does sendfile.
func (f *file) Descriptor() int { return -1 }

func (f *file) osFile() *os.File { return f.File }
