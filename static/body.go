package static

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"fullbore/static/source"
)

// Body is the body stream of a file response. After the response it knows what was
// really sent. It is sent by fasthttp, which calls WriteTo (see sender.go), or by
// whoever takes it over: for each segment first the text, then the descriptor's
// range, with Advance for what the kernel took, Verify before the last bytes, Fail if
// something ends it early, and Close.
//
// BytesSent and Size are safe for concurrent use; the rest is not.
type Body struct {
	representation
	layout   layout
	one      [1]byteRange // backs layout if there is one range
	grown    bool         // the file may grow
	retained bool         // the next Close is ignored
	closed   bool
	conn     io.Writer    // the response's connection
	sendfile bool         // conn has ReadFrom
	count    meter        // of conn; nil if it does not count
	before   int64        // its count before the response
	cork     corker       // of conn; nil unless it is corked
	sent     atomic.Int64 // bytes taken by the connection
	err      error
	span     sendable         // the part of the file being handed over
	limited  io.LimitedReader // of span
}

// bodies are those that Reuse was called for.
var bodies = sync.Pool{New: func() any { return &Body{} }}

// newBody is the whole of a file, which it takes over.
func newBody(f source.File, info source.Info) *Body {
	b := bodies.Get().(*Body) //nolint:forcetypeassert // the pool holds nothing else
	b.file, b.info = f, info
	b.whole()
	return b
}

// Reuse says that nobody uses the closed body any more: it serves another response.
func (b *Body) Reuse() {
	*b = Body{}
	bodies.Put(b)
}

// whole makes the body the whole file.
func (b *Body) whole() {
	b.one[0] = byteRange{length: b.Size()}
	b.layout.ranges = b.one[:]
}

// BytesSent is the number of body bytes that the connection took, or, if it does not
// count, fasthttp's buffer.
func (b *Body) BytesSent() int64 { return b.sent.Load() }

// Size is the size of the whole file in bytes when it was opened.
func (b *Body) Size() int64 { return b.info.Size }

// Err is what ended the body early, nil if nothing did. It wraps io.ErrUnexpectedEOF
// if the file changed while it was sent.
func (b *Body) Err() error { return b.err }

// Segments is the number of segments of the body.
func (b *Body) Segments() int { return b.layout.count() }

// Segment is the i-th segment: text, then length bytes of descriptor fd from offset
// on. fd is -1 if the file has no descriptor or is closed.
func (b *Body) Segment(i int) (text string, fd int, offset, length int64) {
	s := b.layout.segment(i)
	if file, ok := b.file.(source.Descriptor); ok {
		return s.text, file.Descriptor(), s.start, s.length
	}
	return s.text, -1, s.start, s.length
}

// Memory is a range of the file, if it is in memory; else nil.
func (b *Body) Memory(offset, length int64) []byte {
	if file, ok := b.file.(source.InMemory); ok {
		if content := file.Content(); offset+length <= int64(len(content)) {
			return content[offset : offset+length]
		}
	}
	return nil
}

// Verify fails with an error that wraps io.ErrUnexpectedEOF if the file changed since
// it was opened.
func (b *Body) Verify() error { return b.unchanged(b.grown) }

// Advance counts n more bytes that the kernel took.
func (b *Body) Advance(n int64) { b.sent.Add(n) }

// Fail records what ended the body early. The first error is kept.
func (b *Body) Fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// Delivered calls yield with each part of the file that was sent, as offset and
// length in bytes, in the order sent. Call it after the response.
func (b *Body) Delivered(yield func(offset, length int64)) {
	left := b.sent.Load()
	for i := 0; i < b.layout.count() && left > 0; i++ {
		s := b.layout.segment(i)
		left -= int64(len(s.text))
		if n := min(left, s.length); n > 0 {
			yield(s.start, n)
			left -= n
		}
	}
}

// Retain makes the next Close a no-op: whoever takes the body over outlives the
// response, whose reset closes it.
func (b *Body) Retain() { b.retained = true }

// Close closes the file and uncorks the connection, which still holds the header if
// no body was sent. A second call does nothing.
func (b *Body) Close() error {
	if b.retained {
		b.retained = false
		return nil
	}
	if b.closed {
		return nil
	}
	b.closed = true
	if b.cork != nil {
		_, err := b.cork.Uncork()
		b.cork = nil
		if err != nil {
			b.Fail(err)
		}
	}
	return b.file.Close()
}

// CloseWithError is how fasthttp reports an error outside of WriteTo: a header that
// could not be written, or a panic.
func (b *Body) CloseWithError(err error) error {
	if err != nil {
		b.Fail(err)
	}
	return nil
}

// Read is for those who want the body itself, such as compressing middleware. The
// last bytes are returned only if the file is unchanged.
func (b *Body) Read(p []byte) (int, error) {
	n, err := b.readAt(p, b.sent.Load())
	b.sent.Add(int64(n))
	if err != nil && err != io.EOF { //nolint:errorlint // io.Reader gives it bare
		b.Fail(err)
	}
	return n, err
}

// readAt reads from offset in the body, to the end of a text or a range at most.
func (b *Body) readAt(p []byte, offset int64) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	for i := range b.layout.count() {
		s := b.layout.segment(i)
		text, size := int64(len(s.text)), int64(len(s.text))+s.length
		if offset >= size {
			offset -= size
			continue
		}
		if offset < text {
			n = copy(p, s.text[offset:])
		} else {
			done := offset - text
			n, err = b.readFile(p[:min(int64(len(p)), s.length-done)], s.start+done, s.length-done)
		}
		if err == nil && i == b.layout.count()-1 && offset+int64(n) == size {
			err = b.Verify()
		}
		if err != nil {
			return 0, err
		}
		return n, nil
	}
	return 0, io.EOF
}

// readFile fills p from the file. due is how many bytes are still to come, for the
// error if it ends before.
func (b *Body) readFile(p []byte, offset, due int64) (int, error) {
	n, err := b.file.ReadAt(p, offset)
	if err == io.EOF { //nolint:errorlint // io.ReaderAt gives it bare
		err = b.shrunk(due - int64(n))
	}
	return n, err
}

func (b *Body) shrunk(missing int64) error {
	return fmt.Errorf("%s has %d bytes less than when it was opened: %w", b.name, missing, io.ErrUnexpectedEOF)
}
