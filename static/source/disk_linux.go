package source

import (
	"io/fs"
	"os"
	"path"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// openFlags: O_NONBLOCK lets a FIFO be opened without waiting for its writer.
const openFlags = unix.O_RDONLY | unix.O_NONBLOCK | unix.O_CLOEXEC | unix.O_NOCTTY

// renameRetries is how often an open that raced with a rename is tried again.
// See openat2(2), EAGAIN.
const renameRetries = 32

// Disk is a folder, or a single file, on disk. It is safe for concurrent use.
type Disk struct {
	path     string       // of a single file
	only     string       // its name; "" for a folder
	dir      *os.File     // of a folder
	fd       atomic.Int32 // dir's descriptor; -1 once it is closed, when its number may be another's
	portable *os.Root     // in place of fd where the kernel has no openat2
	outside  bool         // links may lead anywhere
	hot      *hot         // nil: nothing is kept
}

// openFolder makes a folder a root.
func openFolder(name string, outside bool) (*Disk, error) {
	dir, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	d := &Disk{dir: dir, outside: outside}
	d.fd.Store(int32(dir.Fd()))
	if outside {
		return d, nil
	}
	// Before Linux 5.6, and below some sandboxes, openat2 does not exist.
	fd, err := d.openat2(".")
	if err == nil {
		return d, unix.Close(fd)
	}
	d.portable, err = os.OpenRoot(name)
	return d, err
}

// Close lets go of the root.
func (d *Disk) Close() error {
	if d.dir == nil {
		return nil
	}
	if d.portable != nil {
		closeQuietly(d.portable)
	}
	if d.hot != nil {
		d.hot.close()
	}
	d.fd.Store(-1)
	return d.dir.Close()
}

// Portable makes the disk open without openat2 from here on, as it does where
// the kernel has none, for tests of both ways. Nothing may be being opened.
func (d *Disk) Portable() (err error) {
	if d.portable == nil && d.dir != nil {
		d.portable, err = os.OpenRoot(d.dir.Name())
	}
	return err
}

// Open is described with Source.
func (d *Disk) Open(name string, wait Wait) (File, Info, error) {
	if wait == NoWait && d.hot != nil {
		return d.hot.open(name)
	}
	f, info, err := d.open(name, wait)
	if err != nil {
		return nil, Info{}, err // a nil *file would be no nil File
	}
	return f, info, nil
}

func (d *Disk) open(name string, wait Wait) (*file, Info, error) {
	fd, err := d.openFD(name, wait)
	if err == ErrWouldBlock { //nolint:errorlint // bare
		return nil, Info{}, err
	}
	if err != nil {
		return nil, Info{}, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	f := &file{fd: fd, name: path.Base(name)}
	info, err := f.Stat()
	if err != nil {
		closeQuietly(f)
		return nil, Info{}, err
	}
	return f, info, nil
}

func (d *Disk) openFD(name string, wait Wait) (int, error) {
	switch {
	case wait == NoWait:
		return d.openCached(name)
	case d.only != "":
		return retry(func() (int, error) { return unix.Open(d.path, openFlags, 0) })
	case d.outside:
		return retry(func() (int, error) { return unix.Openat(int(d.fd.Load()), name, openFlags, 0) })
	case d.portable != nil:
		return d.openPortably(name)
	}
	return d.openat2(name)
}

// resolveCached is RESOLVE_CACHED, Linux 5.12, which x/sys does not have.
const resolveCached = 0x20

// openCached opens what the kernel finds without asking a disk. Everything else,
// and what an older kernel or a sandbox does not know, is for the ordinary way
// to find out. See openat2(2), RESOLVE_CACHED.
func (d *Disk) openCached(name string) (int, error) {
	how := unix.OpenHow{Flags: openFlags, Resolve: resolveCached}
	dir := int(d.fd.Load())
	switch {
	case d.portable != nil:
		return -1, ErrWouldBlock
	case d.only != "":
		dir, name = unix.AT_FDCWD, d.path
	case !d.outside:
		how.Resolve |= beneath.Resolve
	}
	fd, err := unix.Openat2(dir, name, &how)
	if err != nil && err != unix.ENOENT {
		return -1, ErrWouldBlock
	}
	return fd, err
}

// beneath lets no path leave the folder that it starts from, not by "..", an
// absolute link or a link of procfs, also while somebody swaps links. See
// openat2(2).
var beneath = unix.OpenHow{Flags: openFlags, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS}

func (d *Disk) openat2(name string) (fd int, err error) {
	for range renameRetries {
		how := beneath
		if fd, err = unix.Openat2(int(d.fd.Load()), name, &how); err != unix.EINTR && err != unix.EAGAIN {
			break
		}
	}
	if err == unix.EXDEV {
		return -1, errEscapes
	}
	return fd, err
}

// openPortably is openat2 in steps. The descriptor is taken over from os.File,
// which would give it to the poller.
func (d *Disk) openPortably(name string) (int, error) {
	f, err := d.portable.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		if err = cause(err); err.Error() == "path escapes from parent" { // it has no exported name
			err = errEscapes
		}
		return -1, err
	}
	defer closeQuietly(f)
	return unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
}

// retry repeats a call that a signal interrupted.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR { //nolint:errorlint // a bare errno, as the system call gave it
			return n, err
		}
	}
}

// List is described with Source.
func (d *Disk) List(folder File, name string) Folder {
	f := folder.(*file) //nolint:forcetypeassert // the caller opened it here
	return &dir{File: f.osFile(), disk: d, name: name}
}

// dir is an open folder.
type dir struct {
	*os.File
	disk *Disk
	name string // as seen from the root
}

// Look is described with Folder. Most names are no links: for them it is one
// system call, which a page of a thousand names makes worthwhile.
func (f *dir) Look(base string) (Info, error) {
	var st unix.Stat_t
	name := path.Join(f.name, base)
	flags := unix.AT_SYMLINK_NOFOLLOW
	if f.disk.outside {
		flags = 0
	}
	_, err := retry(func() (int, error) { return 0, unix.Fstatat(int(f.Fd()), base, &st, flags) })
	if err != nil {
		return Info{}, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFLNK {
		return infoOf(&st), nil
	}
	opened, info, err := f.disk.open(name, MayWait)
	if err != nil {
		return Info{}, err
	}
	closeQuietly(opened)
	return info, nil
}
