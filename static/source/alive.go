package source

// This file is for health checks: a folder that was removed while it is open
// answers nothing any more, also when another one has its name by now.

import (
	"errors"
	"io"
	"io/fs"
)

// errRemoved says that a folder is open and in no other folder any more. It is
// fs.ErrNotExist in the sense of errors.Is.
var errRemoved = &removedError{}

type removedError struct{}

func (*removedError) Error() string { return "the folder that is open was removed" }
func (*removedError) Unwrap() error { return fs.ErrNotExist }

// Alive gives the folder that was opened, whatever has its name now, or the file
// that has the name now. It may take as long as the file system does.
func (d *Disk) Alive() (fs.FileInfo, error) {
	f, info, err := d.Open(".", MayWait)
	if err != nil {
		return nil, cause(err)
	}
	opened := f.(*file).osFile() //nolint:forcetypeassert // Open gives no other
	defer closeQuietly(opened)
	switch {
	case d.only != "" && info.Kind == Directory:
		return nil, errors.New("it is a folder now; a file was opened")
	case d.only != "" && info.Kind != Regular:
		return nil, errors.New("it is no regular file any more")
	case d.only == "":
		// The kernel lists no removed folder, in whatever file system; that it
		// has no links is not true in all.
		if _, err := opened.Readdirnames(1); errors.Is(err, fs.ErrNotExist) {
			return nil, errRemoved
		} else if err != nil && !errors.Is(err, io.EOF) {
			return nil, cause(err)
		}
	}
	is, err := opened.Stat()
	if err != nil {
		return nil, cause(err)
	}
	return is, nil
}
