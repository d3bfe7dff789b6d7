package source

import (
	"errors"
	"hash/maphash"
	"io"
	"io/fs"
	"path"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// Up to hotContent bytes, a file's content is kept; beyond, its descriptor, which
	// its downloads share. While the processor's caches hold the content, to copy up to
	// 64 KiB takes less time than to call sendfile and look at the file again. Where
	// other files or programs have taken the caches, it takes twice as long from 32 KiB
	// on, and sendfile, which does not touch the bytes, as long as before.
	hotContent = 16 << 10

	// hotDescriptor is what an open descriptor counts as, in bytes.
	hotDescriptor = 32 << 10

	// hotIdle is the time between two sweeps: a removed file must not hold its disk
	// space, nor a folder be served that was moved out of the root.
	hotIdle = 2 * time.Second

	// racy is how long a file must be unchanged before it is kept. Two changes that
	// are closer than the clock's resolution have the same time, and the second would
	// go unseen. See "racy git" in git's documentation.
	racy = 2 * time.Second
)

// hotSlots is the most files that are kept; a power of two.
const hotSlots = 1 << 12

// hot caches often requested files: the content of small ones, the descriptor of
// others. One system call per request revalidates the name: the same device, inode,
// size, mtime and ctime mean the same content, whichever way the name led there. Only
// a write through a mapping that leaves the times alone would go unseen.
//
// It is safe for concurrent use and takes no locks.
type hot struct {
	disk  *Disk
	limit int64
	seed  maphash.Seed
	used  atomic.Int64
	slots [hotSlots]atomic.Pointer[hotEntry]
	seen  [hotSlots]atomic.Uint32 // hashes of names requested once

	sweeping atomic.Bool // a sweep is to come
	closed   atomic.Bool
}

// hotEntry is one version of a file, and the File of every request that sends it. It is
// in use while refs is not 0; the slot counts as one.
type hotEntry struct {
	name    string
	path    cPath
	was     hotStamp
	info    Info
	content []byte
	fd      int // -1: content is kept instead
	refs    atomic.Int32
	used    atomic.Bool // since the last sweep
	memo    atomic.Value
}

// hotStamp identifies a version.
type hotStamp struct {
	dev, ino     uint64
	size         int64
	mtime, ctime unix.Timespec
}

func stampOf(st *unix.Stat_t) hotStamp {
	return hotStamp{st.Dev, st.Ino, st.Size, st.Mtim, st.Ctim}
}

// KeepHot makes the disk cache up to limit bytes of often requested files for Open
// with NoWait. A descriptor counts as 32 KiB, and no more than an eighth of all that
// this process may have are kept. Call it before the first Open.
func (d *Disk) KeepHot(limit int64) {
	if limit > 0 && d.dir != nil {
		var may unix.Rlimit
		if unix.Getrlimit(unix.RLIMIT_NOFILE, &may) == nil && may.Cur/8 < uint64(limit/hotDescriptor) {
			limit = int64(may.Cur/8) * hotDescriptor //nolint:gosec // less than it was
		}
		d.hot = &hot{disk: d, limit: limit, seed: maphash.MakeSeed()}
	}
}

// open returns a cached file, or opens it and may cache it.
func (h *hot) open(name string) (File, Info, error) {
	hash := maphash.String(h.seed, name)
	slot := &h.slots[hash%hotSlots]
	if e := slot.Load(); e != nil && e.name == name {
		if h.isStill(e) && e.retain() {
			if !e.used.Load() {
				e.used.Store(true)
			}
			return e, e.info, nil
		}
		h.drop(slot, e)
	}
	f, info, err := h.disk.open(name, NoWait)
	if err != nil {
		return nil, Info{}, err
	}
	if mark := uint32(hash >> 32); info.Kind == Regular && h.seen[hash%hotSlots].Swap(mark) == mark { //nolint:gosec // truncated on purpose
		if e := h.keep(slot, name, f, info); e != nil {
			closeQuietly(f)
			return e, e.info, nil
		}
	}
	return f, info, nil
}

// isStill reports whether the entry's name still leads to its version.
func (h *hot) isStill(e *hotEntry) bool {
	var st unix.Stat_t
	return e.path.look(int(h.disk.fd.Load()), &st) == nil && stampOf(&st) == e.was
}

// keep puts an open file into a slot, if it is not racy and there is room. It returns
// the entry retained for the caller, or nil.
func (h *hot) keep(slot *atomic.Pointer[hotEntry], name string, f *file, info Info) *hotEntry {
	var st unix.Stat_t
	if unix.Fstat(f.fd, &st) != nil || infoOf(&st) != info || isRemote(f.fd) {
		return nil
	}
	if age := time.Since(time.Unix(st.Ctim.Unix())); age < racy {
		return nil // or from the future
	}
	e := &hotEntry{name: strings.Clone(name), path: cPathOf(name), was: stampOf(&st), info: info, fd: -1}
	e.refs.Store(2)
	cost := e.cost()
	old := slot.Load()
	freed := int64(0)
	if old != nil {
		freed = old.cost()
	}
	if h.used.Load()+cost-freed > h.limit {
		if cost > h.limit {
			return nil
		}
		h.makeRoom(cost)
	}
	if !e.fill(f) {
		return nil
	}
	if !slot.CompareAndSwap(old, e) {
		e.release()
		e.release()
		return nil
	}
	h.used.Add(cost - freed)
	if old != nil {
		old.release()
	}
	if h.closed.Load() { // meanwhile, and nobody else would give it up
		h.drop(slot, e)
	} else if h.swept(e) && !h.sweeping.Swap(true) {
		time.AfterFunc(hotIdle, h.sweep)
	}
	return e
}

// isRemote reports whether a file is another program's or machine's, which each look at
// the name has to ask.
func isRemote(fd int) bool {
	var fs unix.Statfs_t
	if unix.Fstatfs(fd, &fs) != nil {
		return true
	}
	switch uint32(fs.Type) { //nolint:gosec // a magic number, of 32 bits; see statfs(2)
	case unix.FUSE_SUPER_MAGIC, unix.NFS_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC,
		unix.CEPH_SUPER_MAGIC, unix.V9FS_MAGIC, unix.AFS_SUPER_MAGIC, unix.CODA_SUPER_MAGIC:
		return true
	}
	return false
}

// swept reports whether an entry is the sweep's concern: it holds a descriptor, or its
// name leads through a folder. The look at a name, unlike an open, follows links out
// of the root, so a folder that was moved out and linked back would still be served.
func (h *hot) swept(e *hotEntry) bool {
	return e.fd >= 0 || !h.disk.outside && strings.Contains(e.name, "/")
}

// sweep drops what was not requested since the last one, and what an open below the
// root does not find any more. It comes again as long as anything is left.
func (h *hot) sweep() {
	h.sweeping.Store(false)
	left := false
	for i := range h.slots {
		e := h.slots[i].Load()
		if e == nil || !h.swept(e) {
			continue
		}
		if !e.used.Swap(false) || !h.isBelow(e) {
			h.drop(&h.slots[i], e)
			continue
		}
		left = true
	}
	if left && !h.sweeping.Swap(true) {
		time.AfterFunc(hotIdle, h.sweep)
	}
}

// isBelow reports whether the entry's name leads to its version without leaving the
// root.
func (h *hot) isBelow(e *hotEntry) bool {
	fd, err := h.disk.openFD(e.name, MayWait)
	if err != nil {
		return false
	}
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	_ = unix.Close(fd) // it was not even read from
	return err == nil && stampOf(&st) == e.was
}

// fill takes the content, or a descriptor, if the file is unchanged.
func (e *hotEntry) fill(f *file) bool {
	if e.info.Size > hotContent {
		fd, err := unix.FcntlInt(uintptr(f.fd), unix.F_DUPFD_CLOEXEC, 0)
		e.fd = fd
		return err == nil
	}
	content := make([]byte, e.info.Size)
	for n := 0; n < len(content); {
		got, err := f.ReadAtNoWait(content[n:], int64(n))
		if err != nil || got == 0 {
			return false
		}
		n += got
	}
	var st unix.Stat_t
	e.content = content
	return unix.Fstat(f.fd, &st) == nil && stampOf(&st) == e.was
}

func (e *hotEntry) cost() int64 {
	if e.info.Size > hotContent {
		return hotDescriptor
	}
	return e.info.Size + 2*int64(len(e.name)) + int64(unsafe.Sizeof(*e))
}

// makeRoom drops arbitrary entries until there is room for n bytes: what is requested
// again comes back.
func (h *hot) makeRoom(n int64) {
	at := uint32(h.used.Load()) //nolint:gosec // any number will do
	for range hotSlots {
		if h.used.Load()+n <= h.limit {
			return
		}
		at++
		slot := &h.slots[at%hotSlots]
		if e := slot.Load(); e != nil {
			h.drop(slot, e)
		}
	}
}

// drop removes an entry from its slot.
func (h *hot) drop(slot *atomic.Pointer[hotEntry], e *hotEntry) {
	if slot.CompareAndSwap(e, nil) {
		h.used.Add(-e.cost())
		e.release()
	}
}

// close gives up everything, also what is still to come.
func (h *hot) close() {
	h.closed.Store(true)
	for i := range h.slots {
		if e := h.slots[i].Load(); e != nil {
			h.drop(&h.slots[i], e)
		}
	}
}

// retain adds a user of the entry. It returns false if the last one is gone.
func (e *hotEntry) retain() bool {
	for {
		n := e.refs.Load()
		if n == 0 {
			return false
		}
		if e.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (e *hotEntry) release() {
	if e.refs.Add(-1) == 0 && e.fd >= 0 {
		_ = unix.Close(e.fd) // it was only read
	}
}

// Stat implements File. Cached content never changes; a descriptor is asked.
func (e *hotEntry) Stat() (Info, error) {
	if e.fd < 0 {
		return e.info, nil
	}
	var st unix.Stat_t
	if err := unix.Fstat(e.fd, &st); err != nil {
		return Info{}, &fs.PathError{Op: "stat", Path: path.Base(e.name), Err: err}
	}
	return infoOf(&st), nil
}

func (e *hotEntry) open() *file { return &file{fd: e.fd, name: path.Base(e.name)} }

// ReadAt implements File.
func (e *hotEntry) ReadAt(p []byte, offset int64) (int, error) {
	if e.fd >= 0 {
		return e.open().ReadAt(p, offset)
	}
	if offset >= int64(len(e.content)) {
		return 0, io.EOF
	}
	n := copy(p, e.content[offset:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// ReadAtNoWait implements NoWaiter.
func (e *hotEntry) ReadAtNoWait(p []byte, offset int64) (int, error) {
	if e.fd >= 0 {
		return e.open().ReadAtNoWait(p, offset)
	}
	n, err := e.ReadAt(p, offset)
	if n > 0 {
		err = nil
	}
	return n, err
}

// Descriptor implements Descriptor.
func (e *hotEntry) Descriptor() int { return e.fd }

// SyscallConn fails: requests share the descriptor's position.
func (e *hotEntry) SyscallConn() (syscall.RawConn, error) { return nil, errors.ErrUnsupported }

// Seek fails, as SyscallConn does.
func (e *hotEntry) Seek(int64, int) (int64, error) { return 0, errors.ErrUnsupported }

// Content implements InMemory.
func (e *hotEntry) Content() []byte { return e.content }

// Memo implements Kept.
func (e *hotEntry) Memo() *atomic.Value { return &e.memo }

// Changed implements Stamped.
func (e *hotEntry) Changed() time.Time { return time.Unix(e.was.ctime.Unix()) }

// Close implements File: the request that opened it needs it no more.
func (e *hotEntry) Close() error {
	e.release()
	return nil
}
