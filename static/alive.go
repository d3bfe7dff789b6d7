package static

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

// Alive opens what is served, as a request would, and gives what that is: the
// folder that was opened, whatever has its name now, or the file that has the
// name now. The error says why no request can be answered. It may take as long
// as the file system does.
func (h *Handler) Alive() (fs.FileInfo, error) {
	f, k, err := h.root.open(".")
	if err != nil {
		return nil, cause(err)
	}
	opened := f.osFile()
	defer closeQuietly(opened)
	switch {
	case h.root.only != "" && k == folder:
		return nil, errors.New("it is a folder now; a file was opened")
	case h.root.only != "" && k != regular:
		return nil, errors.New("it is no regular file any more")
	case h.root.only == "":
		// The kernel lists no removed folder, in whatever file system; that it
		// has no links is not true in all.
		if _, err := opened.Readdirnames(1); errors.Is(err, fs.ErrNotExist) {
			return nil, errRemoved
		} else if err != nil && !errors.Is(err, io.EOF) {
			return nil, cause(err)
		}
	}
	info, err := opened.Stat()
	if err != nil {
		return nil, cause(err)
	}
	return info, nil
}
