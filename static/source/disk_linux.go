package source

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// openFlags: O_NONBLOCK opens a FIFO without waiting for its writer.
const openFlags = unix.O_RDONLY | unix.O_NONBLOCK | unix.O_CLOEXEC | unix.O_NOCTTY

// renameRetries is how often an open that raced with a rename is retried. See
// openat2(2), EAGAIN.
const renameRetries = 32

// Disk is a folder, or a single file, on disk. It is safe for concurrent use.
type Disk struct {
	path     string       // what it was opened by
	links    links        // of a folder
	only     string       // its name; "" for a folder
	dir      *os.File     // of a folder
	fd       atomic.Int32 // dir's descriptor; -1 once closed, when its number may be reused
	portable *os.Root     // used instead of fd if the kernel has no openat2
	outside  bool         // follow links out of the root
	hot      *hot         // nil: no cache
	holders  holders
}

func openFolder(name string, outside bool) (*Disk, error) {
	dir, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	d := &Disk{path: name, dir: dir, outside: outside}
	d.fd.Store(int32(dir.Fd()))
	if outside {
		return d, nil
	}
	d.links.read = d.readlink
	if d.links.named, d.links.real, err = namesOf(name); err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	// Linux before 5.6 and some sandboxes have no openat2.
	fd, err := d.openat2(".", openFlags)
	if err == nil {
		return d, unix.Close(fd)
	}
	d.portable, err = os.OpenRoot(name)
	return d, err
}

func (d *Disk) close() error {
	if d.portable != nil {
		closeQuietly(d.portable)
	}
	if d.hot != nil {
		d.hot.close()
	}
	d.fd.Store(-1)
	return d.dir.Close()
}

// Portable makes the disk do without openat2, as on kernels that have none, for tests.
// It must not run concurrently with Open.
func (d *Disk) Portable() (err error) {
	if d.portable == nil && d.dir != nil {
		d.portable, err = os.OpenRoot(d.dir.Name())
	}
	return err
}

// Open implements Source.
func (d *Disk) Open(name string, wait Wait) (File, Info, error) {
	if wait == NoWait && d.hot != nil {
		return d.hot.open(name)
	}
	f, info, err := d.open(name, wait)
	if err != nil {
		return nil, Info{}, err // a nil *file is not a nil File
	}
	return f, info, nil
}

func (d *Disk) open(name string, wait Wait) (*file, Info, error) {
	fd, err := d.openFD(name, wait)
	switch {
	case err == ErrWouldBlock: //nolint:errorlint // bare
		return nil, Info{}, err
	case err != nil:
		return nil, Info{}, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	f := &file{fd: fd, name: strings.Clone(path.Base(name))}
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
	}
	fd, err := d.openBeneath(name)
	if err == errEscapes { //nolint:errorlint // bare
		err = d.links.follow(name, func(resolved string) (err error) {
			fd, err = d.openBeneath(resolved)
			return err
		})
	}
	return fd, err
}

func (d *Disk) openBeneath(name string) (int, error) {
	if d.portable != nil {
		return d.openPortably(name)
	}
	return d.openat2(name, openFlags)
}

// readlink is the text of a link below the root; errNoLink if it is none.
func (d *Disk) readlink(name string) (string, error) {
	if d.portable != nil {
		return readlinkBelow(d.portable, name)
	}
	fd, err := d.openat2(name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC)
	if err != nil {
		return "", err
	}
	defer func() { _ = unix.Close(fd) }()
	var text [unix.PathMax]byte
	n, err := unix.Readlinkat(fd, "", text[:])
	if err == unix.ENOENT || err == unix.EINVAL { //nolint:errorlint // bare
		return "", errNoLink
	}
	return string(text[:max(n, 0)]), err
}

// resolveCached is RESOLVE_CACHED (Linux 5.12), which x/sys lacks.
const resolveCached = 0x20

// openCached opens what the kernel finds without asking a disk; anything else, also on
// an older kernel or in a sandbox, is ErrWouldBlock. See openat2(2), RESOLVE_CACHED.
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

// beneath lets no path leave the folder that it starts from, be it by "..", an absolute
// link or a procfs link, even while links are being swapped. See openat2(2).
var beneath = unix.OpenHow{Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS}

func (d *Disk) openat2(name string, flags uint64) (fd int, err error) {
	for range renameRetries {
		how := beneath
		how.Flags = flags
		if fd, err = unix.Openat2(int(d.fd.Load()), name, &how); err != unix.EINTR && err != unix.EAGAIN {
			break
		}
	}
	if err == unix.EXDEV {
		return -1, errEscapes
	}
	return fd, err
}

// openPortably is openat2 in steps. The descriptor is taken from os.File, which would
// hand it to the poller.
func (d *Disk) openPortably(name string) (int, error) {
	f, err := d.portable.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return -1, escapes(cause(err))
	}
	defer closeQuietly(f)
	return unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
}

// retry repeats a call that was interrupted by a signal.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR { //nolint:errorlint // bare
			return n, err
		}
	}
}

// List implements Source.
func (d *Disk) List(folder File, name string) Folder {
	f := folder.(*file) //nolint:forcetypeassert // the caller opened it here
	d.holders.newListing()
	return &dir{File: f.osFile(), disk: d, name: name}
}

// dir is an open folder.
type dir struct {
	*os.File
	disk *Disk
	name string // relative to the root
}

// Look implements Folder. For a name that is not a link it takes one system call, which
// pays on a page of a thousand names.
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
