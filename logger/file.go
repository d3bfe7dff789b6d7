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
// and group. A line that a killed process has left unfinished is ended.
func OpenFile(name string) (*File, error) {
	f, err := openAppend(name)
	if err != nil {
		return nil, err
	}
	endLine(f)
	return &File{name: name, f: f}, nil
}

// endLine ends the last line of a file that is appended to, if that is not whole: a write
// that a kill has interrupted. What cannot be read is left as it is.
func endLine(f *os.File) {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return
	}
	content, err := os.Open(f.Name())
	if err != nil {
		return
	}
	defer func() { _ = content.Close() }() // it was only read
	var last [1]byte
	if _, err := content.ReadAt(last[:], info.Size()-1); err == nil && last[0] != '\n' {
		_, _ = f.WriteString("\n") // the next write meets the same error, and tells of it
	}
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
