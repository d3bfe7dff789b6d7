package logger

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/DeRuina/timberjack"
)

// timberjack names, compresses and deletes old files, but does not write: it opens
// without O_APPEND, so that a file truncated by someone else would continue after a
// hole of zeros, counts sizes in megabytes, and cannot reopen a file that someone
// else moved. It stays for the rest, which would take more code of our own than
// these work-arounds do.

// backupTime is fine enough to tell apart the rotations of a burst: timberjack
// identifies old files by their time.
const backupTime = "2006-01-02T15-04-05.000000"

// RotateConfig says when a RotatingFile rotates and what becomes of old files. The
// zero value never rotates.
type RotateConfig struct {
	// MaxSize is the limit of a file's size in bytes. Only a single larger Write
	// exceeds it.
	//
	// Optional. Default: 0, no limit
	MaxSize int64

	// MaxAge is how long a file is written to. It is checked on Write. An existing
	// file's age counts from its last change.
	//
	// Optional. Default: 0, no limit
	MaxAge time.Duration

	// Keep is how many old files are kept besides the current one.
	//
	// Optional. Default: 0, all of them
	Keep int

	// Compress compresses old files with gzip, in a goroutine.
	//
	// Optional. Default: false
	Compress bool
}

// RotatingFile is a log file that is rotated when it gets too large or too old.
// access.log becomes access-2006-01-02T15-04-05.000000-size.log, or -age.log, with
// the UTC time of the rotation, and .gz added if compressed. A Write never spans
// two files.
//
// If a rotation fails, the current file stays in use, and Write returns the error
// with the count of bytes written. timberjack reports failures to compress or
// delete old files on standard error.
//
// No other process may rotate or write the same name. It is safe for concurrent
// use; the zero value is not usable, see NewRotatingFile.
type RotatingFile struct {
	name   string
	config RotateConfig

	mu     sync.Mutex
	file   *os.File // nil if closed, or if opening failed after a rotation
	began  time.Time
	mover  *timberjack.Logger
	closed bool
}

// NewRotatingFile opens name for appending, and creates it if needed, readable by
// owner and group; an unfinished line is ended. It fails if name is not a regular file or config has a negative
// limit.
func NewRotatingFile(name string, config RotateConfig) (*RotatingFile, error) {
	if config.MaxSize < 0 || config.MaxAge < 0 || config.Keep < 0 {
		return nil, fmt.Errorf("rotate %s: negative limit", name)
	}
	// Checked before opening: opening a named pipe would wait for a reader.
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("rotate %s: not a regular file", name)
	}
	f := &RotatingFile{name: name, config: config}
	if err := f.open(); err != nil {
		return nil, err
	}
	f.mover = f.newMover()
	return f, nil
}

func (f *RotatingFile) newMover() *timberjack.Logger {
	compression := "none"
	if f.config.Compress {
		compression = "gzip"
	}
	return &timberjack.Logger{
		Filename:         f.name,
		MaxBackups:       f.config.Keep,
		Compression:      compression,
		BackupTimeFormat: backupTime,
	}
}

// open opens the name. On failure the current file, if any, stays in use.
func (f *RotatingFile) open() error {
	fresh, err := os.OpenFile(f.name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	info, err := fresh.Stat()
	if err != nil {
		return errors.Join(err, fresh.Close())
	}
	old := f.file
	f.file = fresh
	if old == nil {
		endLine(fresh)
		f.began = info.ModTime()
		return nil
	}
	if was, err := old.Stat(); err != nil || !os.SameFile(was, info) {
		f.began = info.ModTime()
	}
	return old.Close()
}

// Write appends p, after a rotation if one is due. If only the rotation failed, all
// of p was written. After Close it fails with os.ErrClosed.
func (f *RotatingFile) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return 0, os.ErrClosed
	}
	rotated := f.rotateIfDue(len(p))
	if f.file == nil {
		if err := f.open(); err != nil {
			return 0, errors.Join(rotated, err)
		}
	}
	n, err := f.file.Write(p)
	return n, errors.Join(rotated, err)
}

func (f *RotatingFile) rotateIfDue(more int) error {
	if f.file == nil {
		return nil
	}
	// Not counted: someone may have truncated the file.
	info, err := f.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		f.began = time.Now()
		return nil
	}
	var reason string
	switch {
	case f.config.MaxSize > 0 && info.Size()+int64(more) > f.config.MaxSize:
		reason = "size"
	case f.config.MaxAge > 0 && time.Since(f.began) >= f.config.MaxAge:
		reason = "age"
	default:
		return nil
	}
	if err := f.mover.RotateWithReason(reason); err != nil {
		return fmt.Errorf("rotate %s: %w", f.name, err) // it has restored the file's name
	}
	// Closed even if the new one does not open: it may be compressed and deleted
	// by now.
	err = f.file.Close()
	f.file = nil
	return err
}

// Reopen opens the name again, after someone moved or deleted the file. On failure
// the old file stays in use. It waits for compressions in progress. After Close it
// fails with os.ErrClosed.
func (f *RotatingFile) Reopen() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return os.ErrClosed
	}
	if err := f.open(); err != nil {
		return err
	}
	// timberjack keeps the last rotated file open, and its disk space taken even
	// if deleted.
	err := f.mover.Close()
	f.mover = f.newMover()
	return err
}

// Close closes the file and waits until old files are compressed and deleted.
// Later calls do nothing.
func (f *RotatingFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	f.closed = true
	var err error
	if f.file != nil {
		err = f.file.Close()
	}
	return errors.Join(err, f.mover.Close())
}
