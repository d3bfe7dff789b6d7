package static

import (
	"fmt"
	"io"
	"time"

	"fullbore/static/source"
)

// closeQuietly closes what was only read; there is nothing to lose.
func closeQuietly(c io.Closer) { _ = c.Close() }

// unchanged looks whether the file is still the version that was opened. grown
// says that one that got longer counts as the same, which it is if it was
// appended to. While that goes on it can be seen with its new time and still its
// old size, so it is looked at again.
func (r *representation) unchanged(grown bool) error {
	for range appendLooks {
		now, err := r.file.Stat()
		switch {
		case err != nil:
			return err
		case now == r.info, grown && now.Size > r.info.Size:
			return nil
		case !grown || now.Size < r.info.Size:
			return &changedError{r.name, r.info, now}
		}
		time.Sleep(appendPause)
	}
	return &changedError{r.name, r.info, r.info}
}

// How often, and with which pause, a file is looked at that seems to be in the
// middle of being appended to.
const (
	appendLooks = 5
	appendPause = time.Millisecond
)

// changedError says that a file is not what it was when it was opened. It is
// io.ErrUnexpectedEOF in the sense of errors.Is: the source did not hold what
// the response promised.
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
