package static

// This file is the body of a file response: what there is to send, how much of
// it went, and what ended it early. How its bytes get to the connection is in
// sender.go.

import (
	"fmt"
	"io"
	"sync/atomic"

	"fullbore/static/source"
)

// Body is the body stream of a file response. After the response it tells what
// was really sent. It can be sent by fasthttp, which calls WriteTo, or by
// whoever takes it over: for each segment its text, then its range of the
// descriptor, with Advance for what the kernel took, Verify before the last
// bytes, Fail if something ends it early, and Close.
//
// BytesSent and Size may be called from any goroutine; the rest is for one at a
// time.
type Body struct {
	representation
	layout   layout
	one      [1]byteRange // of layout, when it is one
	grown    bool         // the file may get longer
	retained bool         // the next Close does not count
	conn     io.Writer    // the connection that the response goes over
	sendfile bool         // conn takes files
	count    meter        // of conn; nil if it does not count
	before   int64        // what it had counted before the response
	cork     corker       // of conn; nil while it does not hold back
	sent     atomic.Int64 // what was taken
	err      error
	span     sendable         // what of the file is handed over
	limited  io.LimitedReader // of span
}

// whole makes the body the whole file.
func (b *Body) whole() {
	b.one[0] = byteRange{length: b.Size()}
	b.layout.ranges = b.one[:]
}

// BytesSent is the number of body bytes that the connection took; over one that
// does not count, those that fasthttp's buffer took.
func (b *Body) BytesSent() int64 { return b.sent.Load() }

// Size is the size of the whole file in bytes, as it was when it was opened.
func (b *Body) Size() int64 { return b.info.Size }

// Err is what ended the body early, nil if nothing did. A file that changed
// while it was sent is io.ErrUnexpectedEOF in the sense of errors.Is.
func (b *Body) Err() error { return b.err }

// Segments is the number of pieces that the body consists of.
func (b *Body) Segments() int { return b.layout.count() }

// Segment is the i-th piece: text, then length bytes of descriptor fd from
// offset on. fd is -1 if the file has no descriptor, or is closed.
func (b *Body) Segment(i int) (text string, fd int, offset, length int64) {
	s := b.layout.segment(i)
	if file, ok := b.file.(source.Descriptor); ok {
		return s.text, file.Descriptor(), s.start, s.length
	}
	return s.text, -1, s.start, s.length
}

// Memory is a range of the file that is in memory anyway; nil if it is not.
func (b *Body) Memory(offset, length int64) []byte {
	if file, ok := b.file.(source.InMemory); ok {
		if content := file.Content(); offset+length <= int64(len(content)) {
			return content[offset : offset+length]
		}
	}
	return nil
}

// Verify looks whether the file is still what it was when it was opened. If
// not, the error is io.ErrUnexpectedEOF in the sense of errors.Is.
func (b *Body) Verify() error { return b.unchanged(b.grown) }

// Advance counts n more bytes that the kernel took.
func (b *Body) Advance(n int64) { b.sent.Add(n) }

// Fail says what ended the body early. The first error stays.
func (b *Body) Fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// Delivered calls yield with each range of the file, as offset and length in
// bytes, of which something was sent, in the order sent, and as much of it as
// was. Call it after the response.
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

// Retain asks for one more Close: whoever takes the body over from its response
// needs it when that is reset.
func (b *Body) Retain() { b.retained = true }

// Close closes the file, and sends what the connection still holds back: the
// header, if the body is not wanted. A second call does nothing.
func (b *Body) Close() error {
	if b.retained {
		b.retained = false
		return nil
	}
	if b.cork != nil {
		_, err := b.cork.Uncork()
		b.cork = nil
		if err != nil {
			b.Fail(err)
		}
	}
	return b.file.Close()
}

// CloseWithError is how fasthttp tells what it met outside of WriteTo: a header
// that could not be written, or a panic.
func (b *Body) CloseWithError(err error) error {
	if err != nil {
		b.Fail(err)
	}
	return nil
}

// Read is for whoever wants the body itself, such as a middleware that
// compresses. The last bytes come only if the file is still the same.
func (b *Body) Read(p []byte) (int, error) {
	n, err := b.readAt(p, b.sent.Load())
	b.sent.Add(int64(n))
	if err != nil && err != io.EOF { //nolint:errorlint // io.Reader gives it bare
		b.Fail(err)
	}
	return n, err
}

// readAt reads from offset, counted in bytes of the body, to the end of a text
// or a range at most.
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

// readFile fills p from the file. due is how many bytes of it are still to come,
// for the message if it ends before.
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
