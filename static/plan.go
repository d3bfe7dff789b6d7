package static

import (
	"fmt"
	"io"

	"github.com/gofiber/fiber/v2/utils"

	"fullbore/static/source"
)

const (
	// lastPiece, in bytes, is how much of a file's end is held back until the file was
	// looked at for the last time: a client gets all that it was promised only if all of
	// it is of one version. What the kernel's queue holds by then are the file's own
	// pages: a write in place can still reach those that the client has not taken, which
	// only a copy through this process would prevent.
	lastPiece = 4 << 10

	// lookEvery is how many bytes of a file go between two looks at it. A slow client
	// gets at most so many of a version that came later.
	lookEvery = 16 << 20
)

// version is an open file, in the version that the response describes.
type version struct {
	file    source.File
	name    string      // the last part, for messages
	info    source.Info // when opened
	growing bool        // it may grow
	closed  bool
}

// memory is a range of the file, if its content is in memory and so cannot change; else
// "".
func (v *version) memory(r byteRange) string {
	if file, ok := v.file.(source.InMemory); ok {
		if content := file.Content(); r.end() <= int64(len(content)) {
			return utils.UnsafeString(content[r.start:r.end()])
		}
	}
	return ""
}

// descriptor is -1 if the file has none or is closed.
func (v *version) descriptor() int {
	if file, ok := v.file.(source.Descriptor); ok {
		return file.Descriptor()
	}
	return -1
}

// read fills p from offset on.
func (v *version) read(p []byte, offset int64) (int, error) {
	n, err := v.file.ReadAt(p, offset)
	if err == io.EOF { //nolint:errorlint // io.ReaderAt gives it bare
		err = nil
		if n < len(p) {
			err = v.ended()
		}
	}
	return n, err
}

// ended is the error for a file that has ended too early.
func (v *version) ended() error {
	now, err := v.file.Stat()
	if err != nil {
		return err
	}
	if missing := v.info.Size - now.Size; missing > 0 {
		return fmt.Errorf("%s has %d bytes less than when it was opened: %w", v.name, missing, io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("%s ended too early: %w", v.name, io.ErrUnexpectedEOF)
}

// segment is a piece of a body: text, then a range of a file.
type segment struct {
	text string
	of   *version // nil: there is only text
	byteRange
}

// plan is the segments of a body, in the order in which they are sent.
type plan interface {
	count() int
	segment(i int) segment
	// last reports whether no later segment has more of the i-th one's file.
	last(i int) bool
}

// segments is a plan of one file or many that is written out.
type segments []segment

func (p segments) count() int            { return len(p) }
func (p segments) segment(i int) segment { return p[i] }

func (p segments) last(i int) bool {
	for _, later := range p[i+1:] {
		if later.of != nil {
			return later.of != p[i].of
		}
	}
	return true
}

// lengthOf is the number of bytes of all segments.
func lengthOf(p plan) (n int64) {
	for i := range p.count() {
		s := p.segment(i)
		n += int64(len(s.text)) + s.length
	}
	return n
}

// cursor is how far a plan is done. It alone decides what goes next, and when a file is
// looked at: whoever sends only does it.
type cursor struct {
	plan
	gathers bool     // nothing goes out before all was looked at
	number  int      // of the next segment
	at      segment  // what is left of the current one
	ends    bool     // with it, its file
	file    *version // the last one, of which
	trusted int64    // bytes may go before the next look at it
}

// step is what goes next: text, or if that is "", a range of a file. It is empty at the
// end.
type step struct {
	segment
	look bool // only if the file is unchanged: see Body.Verify
}

func (s *step) empty() bool { return s.text == "" && s.length == 0 }

// next is the next step.
func (c *cursor) next() (s step) {
	if !c.move() {
		return step{}
	}
	if s.text = c.at.text; s.text != "" {
		return s
	}
	if s.text = c.at.of.memory(c.at.byteRange); s.text != "" {
		return s
	}
	s.of, s.byteRange, s.look = c.at.of, c.at.byteRange, c.trusted <= 0
	room := c.trusted
	if s.look {
		room = lookEvery
	}
	switch {
	case c.ends && !c.gathers && s.length > lastPiece:
		room = min(room, s.length-lastPiece)
	case c.ends:
		s.look = true
	}
	s.length = min(s.length, room)
	return s
}

// ahead is a copy for gathering what is left in memory. With look, the file must be
// unchanged after the step, not before.
func (c cursor) ahead() cursor {
	c.gathers = true
	return c
}

// move goes to the next segment if nothing is left of the current one; false at the end.
func (c *cursor) move() bool {
	for c.at.text == "" && c.at.length == 0 {
		if c.number == c.count() {
			return false
		}
		c.at, c.ends = c.segment(c.number), c.last(c.number)
		c.number++
		if c.at.of != nil && c.at.of != c.file {
			c.file, c.trusted = c.at.of, lookEvery
		}
	}
	return true
}

// advance goes on behind the next n bytes.
func (c *cursor) advance(n int64) {
	for n > 0 && c.move() {
		done := min(n, int64(len(c.at.text)))
		c.at.text = c.at.text[done:]
		if done == 0 {
			done = min(n, c.at.length)
			c.at.start += done
			c.at.length -= done
			c.trusted -= done
		}
		n -= done
	}
}
