// Package source is where the files come from that are served: names below a
// root are looked up, opened and listed. The folder on disk, Disk, is the first
// kind; an archive or an object store would be another, and nothing in static
// that speaks HTTP would know.
package source

import (
	"errors"
	"io"
	"io/fs"
	"sync/atomic"
	"syscall"
	"time"
)

// Source is a tree of files below a root. Names are relative paths with slashes
// and without "..", and "." is the root. It is safe for concurrent use.
//
// Errors are fs.ErrNotExist for what no client may know of, such as a link that
// leads out of the root, and fs.ErrPermission, in the sense of errors.Is, or
// say what is wrong.
type Source interface {
	// Open opens a file of any kind. What it is, is asked of the open file, not
	// of the name.
	Open(name string, wait Wait) (File, Info, error)
	// List makes an open folder one to be listed. It takes over the file; name is
	// the one that it was opened by.
	List(folder File, name string) Folder
	// Alive opens what is served, as a request would, and gives what that is. The
	// error says why no request can be answered.
	Alive() (fs.FileInfo, error)
	// Close lets go of the root. Files that are open stay open; Open fails.
	Close() error
}

// Wait says whether a call may sleep, for a disk or for a network.
type Wait bool

// MayWait is the ordinary way. NoWait gives ErrWouldBlock instead of sleeping.
const (
	MayWait Wait = true
	NoWait  Wait = false
)

// ErrWouldBlock says that a call with NoWait cannot be done without sleeping, or
// that nobody can tell. It is given bare.
var ErrWouldBlock = errors.New("would block")

// Info is what tells one version of a file from another. Two that are equal are
// the same version, as far as the source can tell.
type Info struct {
	Kind    Kind
	Size    int64 // bytes
	ModTime time.Time
	Inode   uint64 // 0 if it is not known
}

// Kind of a file.
type Kind int

// The kinds.
const (
	Special   Kind = iota // a FIFO, a socket, a device: nothing to download
	Regular               // to be downloaded
	Directory             // to be listed
)

// File is an open file. ReadAt may be called from several goroutines; the rest
// is for one at a time.
type File interface {
	io.ReaderAt
	// Stat is what the file is now.
	Stat() (Info, error)
	// Close closes the file. A second call does nothing.
	io.Closer
}

// Descriptor is a File that the kernel can send by itself. See sendfile(2).
type Descriptor interface {
	File
	// Descriptor is the file's; -1 if it has none, or is closed.
	Descriptor() int
	// SyscallConn hands it to whoever sends from its position on, which Seek sets.
	syscall.Conn
	io.Seeker
}

// InMemory is a File whose content is in memory, of the version that it was
// opened as. It is not to be changed, and gone after Close.
type InMemory interface {
	File
	Content() []byte // nil: it is not in memory after all
}

// Kept is a File whose version is kept for other requests, with what was worked
// out of it.
type Kept interface {
	File
	// Memo is where the user of the source keeps that: values of one type of its
	// own, which are not changed any more.
	Memo() *atomic.Value
}

// NoWaiter is a File that can tell whether a read would sleep.
type NoWaiter interface {
	// ReadAtNoWait is ReadAt, or ErrWouldBlock. It may give fewer bytes without
	// an error.
	ReadAtNoWait(p []byte, offset int64) (int, error)
}

// Folder is an open folder. It is for one goroutine at a time.
type Folder interface {
	// ReadDir is that of os.File.
	ReadDir(n int) ([]fs.DirEntry, error)
	// Look says what a name in the folder stands for, through links.
	Look(base string) (Info, error)
	io.Closer
}

// errEscapes says that a path leads out of the root, which only links can.
var errEscapes error = &escapeError{}

type escapeError struct{}

func (*escapeError) Error() string { return "path leads out of the root" }
func (*escapeError) Unwrap() error { return fs.ErrNotExist }
