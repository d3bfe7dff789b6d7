// Package source is where served files come from: names below a root are opened and
// listed. Disk is a folder on disk; FS is any fs.FS, such as a zip archive; an object
// store could be another, without a change to the HTTP side.
package source

import (
	"errors"
	"io"
	"io/fs"
	"sync/atomic"
	"syscall"
	"time"
)

// Source is a tree of files below a root. Names are relative slash-separated paths
// without ".."; "." is the root. It is safe for concurrent use.
//
// Errors wrap fs.ErrNotExist for what clients must not know of, such as a link that
// leads out of the root, fs.ErrPermission, or neither.
type Source interface {
	// Open opens a file of any kind. Info is that of the open file, not of the name. With
	// NoWait, name is not valid after the request that it came with.
	Open(name string, wait Wait) (File, Info, error)
	// List takes over an open folder for listing; name is what it was opened by.
	List(folder File, name string) Folder
	// Alive opens what is served, as a request would, and looks for its name. The error
	// says why no request can be served, or that the name is gone; replaced, that
	// something else has it by now. It blocks as long as the file system does.
	Alive() (replaced bool, err error)
	// Close closes the root. Open files and folders stay open, for what they lead to, too;
	// Open fails once none is being listed.
	Close() error
}

// Single is a Source that may be of a single file.
type Single interface {
	Source
	// Only is the name of that file; "" if the source is a folder. Open then opens it
	// whatever name it is given.
	Only() string
}

// Gated is a Source that wants to know of reads that block before a response begins, so
// that a disk that hangs keeps a bounded number of them.
type Gated interface {
	Source
	// Enter comes before such a read of a file. If the error is not nil, the read must not
	// be made; else Leave, with the error of the read, comes after it.
	Enter(name string) (Gate, error)
}

// Gate is what a read that blocks leaves by. The name is that of Enter.
type Gate interface {
	Leave(name string, err error)
}

// Wait says whether a call may block, on a disk or a network.
type Wait bool

// With NoWait, a call returns ErrWouldBlock rather than block.
const (
	MayWait Wait = true
	NoWait  Wait = false
)

// ErrWouldBlock says that a call with NoWait would, or might, block. It is never
// wrapped.
var ErrWouldBlock = errors.New("would block")

// Info identifies a version of a file: equal Infos mean the same version, as far as the
// source can tell.
type Info struct {
	Kind    Kind
	Size    int64 // bytes
	ModTime time.Time
	Inode   uint64 // 0 if unknown

	// Version is what the source itself calls this version, such as the entity tag or
	// version ID of an object in a store; "" if it has no name for it. Equal ones must
	// mean equal content.
	Version string
}

// Kind of a file.
type Kind int

// The kinds.
const (
	Special   Kind = iota // a FIFO, a socket, a device: nothing to download
	Regular               // to be downloaded
	Directory             // to be listed
)

// kindOf is the kind of what an io/fs describes.
func kindOf(info fs.FileInfo) Kind {
	switch {
	case info.Mode().IsRegular():
		return Regular
	case info.IsDir():
		return Directory
	}
	return Special
}

// File is an open file. Only ReadAt is safe for concurrent use.
type File interface {
	io.ReaderAt
	// Stat is what the file is now.
	Stat() (Info, error)
	// Close closes the file. It is called once.
	io.Closer
}

// Descriptor is a File that sendfile(2) can send.
type Descriptor interface {
	File
	// Descriptor is -1 if the file has none or is closed.
	Descriptor() int
	// SyscallConn is for senders that start at its position, which Seek sets.
	syscall.Conn
	io.Seeker
}

// InMemory is a File whose content may be in memory, as of when it was opened. It must
// not be changed, and is invalid after Close.
type InMemory interface {
	File
	Content() []byte // nil: not in memory after all
}

// Kept is a File whose version is kept for other requests, with what was worked
// out of it.
type Kept interface {
	File
	// Memo is where the user of the source keeps that: values of one type of its
	// own, which are not changed any more.
	Memo() *atomic.Value
}

// Stamped is a File that has a time of change (ctime), which moves with whatever is done
// to the file and cannot be set.
type Stamped interface {
	File
	// Changed is the time when the file was opened, or last asked for its Info.
	Changed() time.Time
}

// Unallocated is a File that can tell whether it has a size but takes no room: it is all
// holes, or, as in sysfs, may have less content than its size says.
type Unallocated interface {
	File
	Unallocated() bool
}

// NoWaiter is a File that can tell whether a read would block.
type NoWaiter interface {
	// ReadAtNoWait is ReadAt, or ErrWouldBlock. It may return fewer bytes without an
	// error.
	ReadAtNoWait(p []byte, offset int64) (int, error)
}

// Folder is an open folder. It is not safe for concurrent use.
type Folder interface {
	// ReadDir is that of os.File.
	ReadDir(n int) ([]fs.DirEntry, error)
	// Look returns the Info of a name in the folder, following links.
	Look(base string) (Info, error)
	io.Closer
}

// absentError wraps fs.ErrNotExist.
type absentError string

func (e absentError) Error() string { return string(e) }
func (absentError) Unwrap() error   { return fs.ErrNotExist }

// errEscapes says that a path leads out of the root, which only links can do.
var errEscapes error = absentError("path leads out of the root")

// escapes replaces os.Root's refusal of a path that leaves the root, which has no
// exported name.
func escapes(err error) error {
	if err != nil && cause(err).Error() == "path escapes from parent" {
		return errEscapes
	}
	return err
}
