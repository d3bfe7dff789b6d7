package logger

import (
	"os"
	"sync"
	"syscall"
)

// File is a log file that can be reopened after logrotate has moved it away. It
// is safe for concurrent use.
type File struct {
	name string
	mu   sync.Mutex
	f    *os.File
}

// OpenFile opens name for appending, and creates it if needed, readable by owner
// and group.
func OpenFile(name string) (*File, error) {
	f, err := openAppend(name)
	if err != nil {
		return nil, err
	}
	return &File{name: name, f: f}, nil
}

// openAppend fails rather than wait for the reader of a FIFO.
func openAppend(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY|syscall.O_NONBLOCK, 0o640)
}

// Write appends p.
func (f *File) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.f.Write(p)
}

// Reopen opens the name again. On failure the old file stays in use.
func (f *File) Reopen() error {
	fresh, err := openAppend(f.name)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	old := f.f
	f.f = fresh
	return old.Close()
}

// Close closes the file.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.f.Close()
}
