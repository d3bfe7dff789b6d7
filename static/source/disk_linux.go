package source

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"sync/atomic"
	"syscall"
	"time"

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

// file is an open file. It is a bare descriptor: an os.File would cost system
// calls to find out that the poller does not take it.
type file struct {
	fd   int
	name string // the last part, for messages
}

// Stat is described with File.
func (f *file) Stat() (Info, error) {
	var st unix.Stat_t
	if _, err := retry(func() (int, error) { return 0, unix.Fstat(f.fd, &st) }); err != nil {
		return Info{}, &fs.PathError{Op: "stat", Path: f.name, Err: err}
	}
	return infoOf(&st), nil
}

func infoOf(st *unix.Stat_t) Info {
	kind := Special
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		kind = Regular
	case unix.S_IFDIR:
		kind = Directory
	}
	return Info{Kind: kind, Size: st.Size, ModTime: time.Unix(st.Mtim.Unix()), Inode: st.Ino}
}

// ReadAt reads from offset, counted in bytes, on.
func (f *file) ReadAt(p []byte, offset int64) (total int, err error) {
	for total < len(p) && err == nil {
		var n int
		n, err = retry(func() (int, error) { return unix.Pread(f.fd, p[total:], offset+int64(total)) })
		n, err = f.result("read", p[total:], n, err)
		total += n
	}
	return total, err
}

func (f *file) result(op string, p []byte, n int, err error) (int, error) {
	switch {
	case err != nil:
		return 0, &fs.PathError{Op: op, Path: f.name, Err: err}
	case n == 0 && len(p) > 0:
		return 0, io.EOF
	}
	return n, nil
}

// ReadAtNoWait is described with NoWaiter. A file system that cannot tell would
// block.
func (f *file) ReadAtNoWait(p []byte, offset int64) (int, error) {
	n, err := retry(func() (int, error) { return unix.Preadv2(f.fd, [][]byte{p}, offset, unix.RWF_NOWAIT) })
	if err == unix.EAGAIN || err == unix.EOPNOTSUPP || err == unix.ENOSYS { //nolint:errorlint // likewise
		return 0, ErrWouldBlock
	}
	return f.result("read", p, n, err)
}

// Seek sets the descriptor's position, which sendfile starts from. See
// io.Seeker.
func (f *file) Seek(offset int64, whence int) (int64, error) {
	at, err := unix.Seek(f.fd, offset, whence)
	if err != nil {
		return at, &fs.PathError{Op: "seek", Path: f.name, Err: err}
	}
	return at, nil
}

// Close closes the file. The second time it does nothing.
func (f *file) Close() error {
	if f.fd < 0 {
		return nil
	}
	fd := f.fd
	f.fd = -1
	return unix.Close(fd)
}

// SyscallConn makes the descriptor known to whoever can hand it to the kernel,
// as net.TCPConn does for sendfile.
func (f *file) SyscallConn() (syscall.RawConn, error) {
	if f.fd < 0 {
		return nil, fmt.Errorf("%s: %w", f.name, fs.ErrClosed)
	}
	return rawFile{f}, nil
}

// rawFile is a file as a syscall.RawConn. A regular file is always ready.
type rawFile struct{ f *file }

// Control is described with syscall.RawConn.
func (r rawFile) Control(do func(fd uintptr)) error {
	do(uintptr(r.f.fd))
	return nil
}

// Read is described with syscall.RawConn.
func (r rawFile) Read(do func(fd uintptr) (done bool)) error {
	if !do(uintptr(r.f.fd)) {
		return errors.ErrUnsupported
	}
	return nil
}

// Write is described with syscall.RawConn.
func (r rawFile) Write(func(fd uintptr) (done bool)) error { return errors.ErrUnsupported }

// Descriptor is described with Descriptor.
func (f *file) Descriptor() int { return f.fd }

// osFile hands the descriptor over to an os.File, for reading a folder.
func (f *file) osFile() *os.File {
	o := os.NewFile(uintptr(f.fd), f.name)
	f.fd = -1
	return o
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
