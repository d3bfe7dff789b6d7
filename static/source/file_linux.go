package source

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/bits"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// file is an open file. It is a bare descriptor: an os.File would cost system calls to
// learn that the poller does not take it.
type file struct {
	fd      int
	name    string        // the last part, for messages
	changed unix.Timespec // its ctime, as of the last Stat
	hollow  bool          // it has a size and no blocks
}

// Stat implements File.
func (f *file) Stat() (Info, error) {
	var st unix.Stat_t
	if _, err := retry(func() (int, error) { return 0, unix.Fstat(f.fd, &st) }); err != nil {
		return Info{}, &fs.PathError{Op: "stat", Path: f.name, Err: err}
	}
	f.changed, f.hollow = st.Ctim, st.Blocks == 0 && st.Size > 0
	return infoOf(&st), nil
}

// Unallocated implements Unallocated.
func (f *file) Unallocated() bool { return f.hollow }

// Changed implements Stamped.
func (f *file) Changed() time.Time { return time.Unix(f.changed.Unix()) }

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

// ReadAt implements File.
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

// ReadAtNoWait implements NoWaiter. A file system that cannot tell counts as blocking.
// Since the call does not sleep, Go's scheduler is not told of it, which takes longer
// than the call.
func (f *file) ReadAtNoWait(p []byte, offset int64) (int, error) {
	iov := unix.Iovec{Base: unsafe.SliceData(p)}
	iov.SetLen(len(p))
	for {
		low, high := uintptr(offset), uintptr(offset>>(bits.UintSize/2)>>(bits.UintSize/2)) // the halves, where a word has 32 bits
		n, _, errno := syscall.RawSyscall6(unix.SYS_PREADV2, uintptr(f.fd), uintptr(unsafe.Pointer(&iov)), 1, low, high, unix.RWF_NOWAIT)
		switch errno {
		case 0:
			return f.result("read", p, int(n), nil)
		case unix.EINTR:
		case unix.EAGAIN, unix.EOPNOTSUPP, unix.ENOSYS:
			return 0, ErrWouldBlock
		default:
			return f.result("read", p, 0, errno)
		}
	}
}

// Seek sets the descriptor's position, where sendfile starts.
func (f *file) Seek(offset int64, whence int) (int64, error) {
	at, err := unix.Seek(f.fd, offset, whence)
	if err != nil {
		return at, &fs.PathError{Op: "seek", Path: f.name, Err: err}
	}
	return at, nil
}

// Close implements File.
func (f *file) Close() error {
	if f.fd < 0 {
		return nil
	}
	fd := f.fd
	f.fd = -1
	return unix.Close(fd)
}

// SyscallConn gives net.TCPConn the descriptor for sendfile.
func (f *file) SyscallConn() (syscall.RawConn, error) {
	if f.fd < 0 {
		return nil, fmt.Errorf("%s: %w", f.name, fs.ErrClosed)
	}
	return rawFile{f}, nil
}

// rawFile is a file as a syscall.RawConn. A regular file is always ready.
type rawFile struct{ f *file }

// Control implements syscall.RawConn.
func (r rawFile) Control(do func(fd uintptr)) error {
	do(uintptr(r.f.fd))
	return nil
}

// Read implements syscall.RawConn.
func (r rawFile) Read(do func(fd uintptr) (done bool)) error {
	if !do(uintptr(r.f.fd)) {
		return errors.ErrUnsupported
	}
	return nil
}

// Write implements syscall.RawConn.
func (r rawFile) Write(func(fd uintptr) (done bool)) error { return errors.ErrUnsupported }

// Descriptor implements Descriptor.
func (f *file) Descriptor() int { return f.fd }

// osFile turns the file into an os.File, for reading a folder.
func (f *file) osFile() *os.File {
	o := os.NewFile(uintptr(f.fd), f.name)
	f.fd = -1
	return o
}
