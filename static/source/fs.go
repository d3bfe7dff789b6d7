package source

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"sync"
	"sync/atomic"
	"time"
)

// FS makes a Source of a zip.Reader, an embed.FS or any other fs.FS. Its files have no
// descriptors, so they are read and copied, and Open with NoWait is ErrWouldBlock.
//
// A file that is neither an io.ReaderAt nor an io.Seeker, such as a compressed one, is
// read from its start for each range. One without a modification time, as in an embed.FS,
// counts as modified when FS was called. Close leaves fsys to its owner, who may close it
// when all files are closed. Links lead wherever fsys follows them: for a folder on disk,
// OpenDisk is safer than os.DirFS. A panic of fsys, as of a library that reads a damaged
// archive, is an error.
func FS(fsys fs.FS) Source { return &fsSource{fsys: fsys, made: time.Now()} }

type fsSource struct {
	fsys   fs.FS
	made   time.Time
	closed atomic.Bool
}

// Open implements Source.
func (s *fsSource) Open(name string, wait Wait) (File, Info, error) {
	if wait == NoWait {
		return nil, Info{}, ErrWouldBlock
	}
	f := &fsFile{source: s, name: name}
	if err := f.open(); err != nil {
		return nil, Info{}, err
	}
	info, err := f.Stat()
	if err != nil {
		closeQuietly(f)
		return nil, Info{}, err
	}
	return f, info, nil
}

// List implements Source.
func (s *fsSource) List(folder File, name string) Folder {
	return &fsFolder{folder.(*fsFile), name} //nolint:forcetypeassert // the caller opened it here
}

// Alive implements Source.
func (s *fsSource) Alive() (replaced bool, err error) {
	f, _, err := s.Open(".", MayWait)
	if err == nil {
		err = f.Close()
	}
	return false, err
}

// Close implements Source.
func (s *fsSource) Close() error {
	s.closed.Store(true)
	return nil
}

func (s *fsSource) infoOf(info fs.FileInfo) Info {
	is := Info{Kind: kindOf(info), Size: info.Size(), ModTime: info.ModTime()}
	if is.ModTime.IsZero() {
		is.ModTime = s.made
	}
	return is
}

// fsFile is an open file of an fs.FS.
type fsFile struct {
	source *fsSource
	name   string

	mu   sync.Mutex // serializes reads of a file that has a position
	file fs.File    // nil once closed
	at   int64      // its position
}

func (f *fsFile) open() (err error) {
	defer Caught(&err)
	switch {
	case f.source.closed.Load():
		return &fs.PathError{Op: "open", Path: f.name, Err: fs.ErrClosed}
	case !fs.ValidPath(f.name): // such as a name that is not UTF-8
		return &fs.PathError{Op: "open", Path: f.name, Err: fs.ErrNotExist}
	}
	f.file, err = f.source.fsys.Open(f.name)
	f.at = 0
	return err
}

// Stat implements File.
func (f *fsFile) Stat() (info Info, err error) {
	defer Caught(&err)
	if f.file == nil {
		return Info{}, fs.ErrClosed
	}
	found, err := f.file.Stat()
	if err != nil {
		return Info{}, err
	}
	return f.source.infoOf(found), nil
}

// ReadAt implements File.
func (f *fsFile) ReadAt(p []byte, offset int64) (n int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer Caught(&err)
	if f.file == nil {
		return 0, fs.ErrClosed
	}
	if file, ok := f.file.(io.ReaderAt); ok {
		return file.ReadAt(p, offset)
	}
	if err := f.seek(offset); err != nil {
		return 0, err
	}
	n, err = io.ReadFull(f.file, p)
	f.at += int64(n)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	if err == nil {
		err = f.atEnd()
	}
	return n, err
}

// seek goes to an offset, if need be by reading the file anew.
func (f *fsFile) seek(offset int64) (err error) {
	if file, ok := f.file.(io.Seeker); ok {
		f.at, err = file.Seek(offset, io.SeekStart)
		return err
	}
	if offset < f.at {
		closeQuietly(f.file)
		if err = f.open(); err != nil {
			f.file = nil
			return err
		}
	}
	n, err := io.CopyN(io.Discard, f.file, offset-f.at)
	f.at += n
	return err
}

// atEnd reads on behind the last byte, where an archive says that its checksum is wrong.
func (f *fsFile) atEnd() error {
	info, err := f.file.Stat()
	if err != nil || f.at != info.Size() {
		return err
	}
	n, err := f.file.Read(make([]byte, 1))
	f.at += int64(n)
	if err == io.EOF { //nolint:errorlint // io.Reader gives it bare
		return nil
	}
	return err
}

// Close implements File.
func (f *fsFile) Close() error {
	if f.file == nil {
		return nil
	}
	file := f.file
	f.file = nil
	return file.Close()
}

// fsFolder is an open folder of an fs.FS.
type fsFolder struct {
	*fsFile
	name string
}

// ReadDir implements Folder.
func (d *fsFolder) ReadDir(n int) (entries []fs.DirEntry, err error) {
	defer Caught(&err)
	if dir, ok := d.file.(fs.ReadDirFile); ok {
		return dir.ReadDir(n)
	}
	return nil, &fs.PathError{Op: "readdir", Path: d.name, Err: errors.ErrUnsupported}
}

// Look implements Folder.
func (d *fsFolder) Look(base string) (info Info, err error) {
	defer Caught(&err)
	found, err := fs.Stat(d.source.fsys, path.Join(d.name, base))
	if err != nil {
		return Info{}, err
	}
	return d.source.infoOf(found), nil
}
