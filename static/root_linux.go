package static

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

// root is a folder, or a single file, that is served. It is safe for
// concurrent use.
type root struct {
	path     string       // of a single file
	only     string       // its name; "" for a folder
	dir      *os.File     // of a folder
	fd       atomic.Int32 // dir's descriptor; -1 once it is closed, when its number may be another's
	portable *os.Root     // in place of fd where the kernel has no openat2
	outside  bool         // links may lead anywhere
}

// openFolder makes a folder a root.
func openFolder(name string, outside bool) (*root, error) {
	dir, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	r := &root{dir: dir, outside: outside}
	r.fd.Store(int32(dir.Fd()))
	if outside {
		return r, nil
	}
	// Before Linux 5.6, and below some sandboxes, openat2 does not exist.
	fd, err := r.openat2(".")
	if err == nil {
		return r, unix.Close(fd)
	}
	r.portable, err = os.OpenRoot(name)
	return r, err
}

// Close lets go of the root.
func (r *root) Close() error {
	if r.dir == nil {
		return nil
	}
	if r.portable != nil {
		closeQuietly(r.portable)
	}
	r.fd.Store(-1)
	return r.dir.Close()
}

// open opens name, a relative path without "..", below the root, and asks the
// open file, not the name, what it is. In one-file mode name is not used:
// whoever named the file meant it, link or not.
func (r *root) open(name string) (*file, kind, error) {
	fd, err := r.openFD(name)
	if err != nil {
		return nil, special, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	f := &file{fd: fd, name: path.Base(name)}
	var k kind
	if f.version, k, err = f.stat(); err != nil {
		closeQuietly(f)
		return nil, special, err
	}
	return f, k, nil
}

func (r *root) openFD(name string) (int, error) {
	switch {
	case r.only != "":
		return retry(func() (int, error) { return unix.Open(r.path, openFlags, 0) })
	case r.outside:
		return retry(func() (int, error) { return unix.Openat(int(r.fd.Load()), name, openFlags, 0) })
	case r.portable != nil:
		return r.openPortably(name)
	}
	return r.openat2(name)
}

// beneath lets no path leave the folder that it starts from, not by "..", an
// absolute link or a link of procfs, also while somebody swaps links. See
// openat2(2).
var beneath = unix.OpenHow{Flags: openFlags, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS}

func (r *root) openat2(name string) (fd int, err error) {
	for range renameRetries {
		how := beneath
		if fd, err = unix.Openat2(int(r.fd.Load()), name, &how); err != unix.EINTR && err != unix.EAGAIN {
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
func (r *root) openPortably(name string) (int, error) {
	f, err := r.portable.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
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

// file is an open file and the version it had then. It is a bare descriptor:
// an os.File would cost system calls to find out that the poller does not take
// it. It is for one goroutine at a time.
type file struct {
	fd      int
	name    string // the last part, for messages
	version version
}

func (f *file) stat() (version, kind, error) {
	var st unix.Stat_t
	if _, err := retry(func() (int, error) { return 0, unix.Fstat(f.fd, &st) }); err != nil {
		return version{}, special, &fs.PathError{Op: "stat", Path: f.name, Err: err}
	}
	v, k := versionOf(&st)
	return v, k, nil
}

func versionOf(st *unix.Stat_t) (version, kind) {
	k := special
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		k = regular
	case unix.S_IFDIR:
		k = folder
	}
	return version{size: st.Size, modTime: time.Unix(st.Mtim.Unix()), inode: st.Ino}, k
}

// Read reads from the file's position on.
func (f *file) Read(p []byte) (int, error) {
	n, err := retry(func() (int, error) { return unix.Read(f.fd, p) })
	return f.result("read", p, n, err)
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

// seek sets the position for Read and for sendfile.
func (f *file) seek(offset int64) error {
	if _, err := unix.Seek(f.fd, offset, io.SeekStart); err != nil {
		return &fs.PathError{Op: "seek", Path: f.name, Err: err}
	}
	return nil
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

// descriptor is for sendfile; -1 once the file is closed.
func (f *file) descriptor() int { return f.fd }

// osFile hands the descriptor over to an os.File, for reading a folder.
func (f *file) osFile() *os.File {
	o := os.NewFile(uintptr(f.fd), f.name)
	f.fd = -1
	return o
}

// look says what base, a name in an open folder, stands for, through links.
// name is the same as seen from the root. Most names are no links: for them
// it is one system call, which a page of a thousand names makes worthwhile.
func (r *root) look(dir *os.File, name, base string) (version, kind, error) {
	var st unix.Stat_t
	flags := unix.AT_SYMLINK_NOFOLLOW
	if r.outside {
		flags = 0
	}
	_, err := retry(func() (int, error) { return 0, unix.Fstatat(int(dir.Fd()), base, &st, flags) })
	if err != nil {
		return version{}, special, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFLNK {
		v, k := versionOf(&st)
		return v, k, nil
	}
	f, k, err := r.open(name)
	if err != nil {
		return version{}, special, err
	}
	closeQuietly(f)
	return f.version, k, nil
}
