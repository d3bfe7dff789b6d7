package static

import (
	"fmt"
	"io"
	"time"

	"fullbore/static/source"
)

// closeQuietly closes what was only read, where errors lose nothing.
func closeQuietly(c io.Closer) { _ = c.Close() }

// unchanged fails unless the file is still this version. One that is growing counts as
// the same. During an append it can be seen with the new time but still the old size, so
// it is checked again.
func (v *version) unchanged() error {
	for range appendLooks {
		now, err := v.file.Stat()
		switch {
		case err != nil:
			return err
		case now == v.info, v.growing && now.Size > v.info.Size:
			return nil
		case !v.growing || now.Size < v.info.Size:
			return &changedError{v.name, v.info, now}
		}
		time.Sleep(appendPause)
	}
	return &changedError{v.name, v.info, v.info}
}

// How often, and with which pause, a file that seems to be in the middle of an append
// is checked.
const (
	appendLooks = 5
	appendPause = time.Millisecond
)

// changedError says that a file changed since it was opened. It wraps
// io.ErrUnexpectedEOF: the source did not have what the response promised.
type changedError struct {
	name     string
	was, now source.Info
}

func (e *changedError) Error() string {
	if e.now.Size != e.was.Size {
		return fmt.Sprintf("%s changed while it was sent: it had %d bytes, now %d", e.name, e.was.Size, e.now.Size)
	}
	return e.name + " changed while it was sent: it was written to"
}

func (e *changedError) Unwrap() error { return io.ErrUnexpectedEOF }
