package source

import (
	"errors"
	"hash/maphash"
	"io"
	"path"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// hotContent, in bytes, is up to which size the content of a file is kept;
	// of a larger one its descriptor is, which its downloads share.
	hotContent = 64 << 10

	// hotDescriptor is what an open descriptor counts for, in bytes.
	hotDescriptor = 32 << 10

	// hotIdle is how long a descriptor is kept that nobody asks for: what was
	// removed from its folder must not hold its place on the disk.
	hotIdle = 2 * time.Second

	// racy is how long a file has to be at rest before it is kept. The times of
	// two changes that are closer than the clock they are taken from are the
	// same, and then the second would go unseen. See "racy git" in git's
	// documentation.
	racy = 2 * time.Second
)

// hotSlots is how many files are kept at most; a power of two.
const hotSlots = 1 << 12

// hot keeps files that are asked for again and again: the content of small ones,
// the descriptor of others. Each is looked at by its name, with one system call, whenever it
// is asked for: what has the same device, inode, size and times of modification
// and change is the same content, whichever way the name has led to it. What is
// written through a mapping of the file without its times being changed would
// go unseen.
//
// Looking something up takes no lock. It is safe for concurrent use.
type hot struct {
	disk  *Disk
	limit int64
	seed  maphash.Seed
	used  atomic.Int64
	slots [hotSlots]atomic.Pointer[hotEntry]
	seen  [hotSlots]atomic.Uint32 // of what was asked for once

	sweeping atomic.Bool // a sweep is to come
}

// hotEntry is one version of a file. It is in use as long as refs is not 0; the
// slot counts as one.
type hotEntry struct {
	name    string
	was     hotStamp
	info    Info
	content []byte
	fd      int // -1: content is kept instead
	refs    atomic.Int32
	used    atomic.Bool // since the last sweep
	memo    atomic.Value
}

// hotStamp is what a version is known by.
type hotStamp struct {
	dev, ino     uint64
	size         int64
	mtime, ctime unix.Timespec
}

func stampOf(st *unix.Stat_t) hotStamp {
	return hotStamp{st.Dev, st.Ino, st.Size, st.Mtim, st.Ctim}
}

// KeepHot makes the disk keep up to limit bytes of files that are asked for again
// and again, for Open with NoWait; a descriptor counts for 32 KiB. Nothing may be
// open.
func (d *Disk) KeepHot(limit int64) {
	if limit > 0 && d.dir != nil {
		d.hot = &hot{disk: d, limit: limit, seed: maphash.MakeSeed()}
	}
}

// open gives a file that is kept, or opens it and may keep it.
func (h *hot) open(name string) (File, Info, error) {
	hash := maphash.String(h.seed, name)
	slot := &h.slots[hash%hotSlots]
	if e := slot.Load(); e != nil && e.name == name {
		if h.isStill(e) && e.retain() {
			if !e.used.Load() {
				e.used.Store(true)
			}
			return &hotFile{e: e}, e.info, nil
		}
		h.drop(slot, e)
	}
	f, info, err := h.disk.open(name, NoWait)
	if err != nil {
		return nil, Info{}, err
	}
	if mark := uint32(hash >> 32); info.Kind == Regular && h.seen[hash%hotSlots].Swap(mark) == mark { //nolint:gosec // a part of it
		if e := h.keep(slot, name, f, info); e != nil {
			closeQuietly(f)
			return &hotFile{e: e}, e.info, nil
		}
	}
	return f, info, nil
}

// isStill asks the disk whether the entry's name still leads to its version.
func (h *hot) isStill(e *hotEntry) bool {
	var st unix.Stat_t
	_, err := retry(func() (int, error) { return 0, unix.Fstatat(int(h.disk.fd.Load()), e.name, &st, 0) })
	return err == nil && stampOf(&st) == e.was
}

// keep puts an open file into a slot, if it is at rest and there is room. What
// it gives is retained for the caller.
func (h *hot) keep(slot *atomic.Pointer[hotEntry], name string, f *file, info Info) *hotEntry {
	var st unix.Stat_t
	if unix.Fstat(f.fd, &st) != nil || infoOf(&st) != info {
		return nil
	}
	if age := time.Since(time.Unix(st.Ctim.Unix())); age < racy {
		return nil // also if it is from the future
	}
	e := &hotEntry{name: name, was: stampOf(&st), info: info, fd: -1}
	e.refs.Store(2)
	cost := e.cost()
	old := slot.Load()
	freed := int64(0)
	if old != nil {
		freed = old.cost()
	}
	if h.used.Load()+cost-freed > h.limit {
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
	if e.fd >= 0 && !h.sweeping.Swap(true) {
		time.AfterFunc(hotIdle, h.sweep)
	}
	return e
}

// sweep gives up the descriptors that nobody has asked for since the last one. It
// comes again as long as there are others.
func (h *hot) sweep() {
	h.sweeping.Store(false)
	left := false
	for i := range h.slots {
		e := h.slots[i].Load()
		if e == nil || e.fd < 0 {
			continue
		}
		if !e.used.Swap(false) {
			h.drop(&h.slots[i], e)
			continue
		}
		left = true
	}
	if left && !h.sweeping.Swap(true) {
		time.AfterFunc(hotIdle, h.sweep)
	}
}

// fill takes the content, or a descriptor, of a file that is still the version
// that it was.
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
	return e.info.Size + int64(len(e.name)) + int64(unsafe.Sizeof(*e))
}

// makeRoom gives up what comes first until there is room for n bytes. Which files
// that are is left to their hashes: what is asked for again comes back.
func (h *hot) makeRoom(n int64) {
	at := uint32(h.used.Load()) //nolint:gosec // any place does
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

// drop takes an entry out of its slot.
func (h *hot) drop(slot *atomic.Pointer[hotEntry], e *hotEntry) {
	if slot.CompareAndSwap(e, nil) {
		h.used.Add(-e.cost())
		e.release()
	}
}

// close gives up everything.
func (h *hot) close() {
	for i := range h.slots {
		if e := h.slots[i].Load(); e != nil {
			h.drop(&h.slots[i], e)
		}
	}
}

// retain says that the entry is used once more. It is false if nobody used it
// any more.
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

// hotFile is a file that is kept, for one request.
type hotFile struct {
	e      *hotEntry
	closed bool
}

// Stat is what the file was when it was asked for: content that is kept does not
// change, and a descriptor is asked.
func (f *hotFile) Stat() (Info, error) {
	if f.e.fd < 0 {
		return f.e.info, nil
	}
	return f.open().Stat()
}

func (f *hotFile) open() *file { return &file{fd: f.e.fd, name: path.Base(f.e.name)} }

// ReadAt is described with File.
func (f *hotFile) ReadAt(p []byte, offset int64) (int, error) {
	if f.e.fd >= 0 {
		return f.open().ReadAt(p, offset)
	}
	if offset >= int64(len(f.e.content)) {
		return 0, io.EOF
	}
	n := copy(p, f.e.content[offset:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// ReadAtNoWait is described with NoWaiter.
func (f *hotFile) ReadAtNoWait(p []byte, offset int64) (int, error) {
	if f.e.fd >= 0 {
		return f.open().ReadAtNoWait(p, offset)
	}
	n, err := f.ReadAt(p, offset)
	if n > 0 {
		err = nil
	}
	return n, err
}

// Descriptor is described with Descriptor.
func (f *hotFile) Descriptor() int { return f.e.fd }

// SyscallConn fails: the descriptor's position is not one request's own.
func (f *hotFile) SyscallConn() (syscall.RawConn, error) { return nil, errors.ErrUnsupported }

// Seek fails, as SyscallConn does.
func (f *hotFile) Seek(int64, int) (int64, error) { return 0, errors.ErrUnsupported }

// Content is described with InMemory.
func (f *hotFile) Content() []byte { return f.e.content }

// Memo is described with Kept.
func (f *hotFile) Memo() *atomic.Value { return &f.e.memo }

// Close gives the file up. A second call does nothing.
func (f *hotFile) Close() error {
	if !f.closed {
		f.closed = true
		f.e.release()
	}
	return nil
}
