package static

import (
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"fullbore/static/source"
)

// Body is the body stream of a file response: a plan of texts and ranges of files. After
// the response it knows what was really sent. It is sent by fasthttp, which calls WriteTo
// (see sender.go), or by whoever takes it over: as Next says, with Verify where it asks
// for that, Advance for what the kernel took, Fail if something ends it early, and Close.
//
// BytesSent and Size are safe for concurrent use; the rest is not.
type Body struct {
	representation
	cursor   cursor
	files    segments     // the plan, or what owns the files of one that is made of them
	one      [1]segment   // backs files if there is one
	length   int64        // bytes of the plan
	retained bool         // the next Close is ignored
	conn     io.Writer    // the response's connection
	sendfile bool         // conn has ReadFrom
	count    meter        // of conn; nil if it does not count
	before   int64        // its count before the response
	cork     corker       // of conn; nil unless it is corked
	sent     atomic.Int64 // bytes taken by the connection
	err      error
	span     sendable         // the part of a file being handed over
	limited  io.LimitedReader // of span
}

// bodies are those that Reuse was called for.
var bodies = sync.Pool{New: func() any { return &Body{} }}

// newBody is the whole of a file, which it takes over.
func newBody(f source.File, info source.Info) *Body {
	b := bodies.Get().(*Body) //nolint:forcetypeassert // the pool holds nothing else
	b.file, b.info = f, info
	b.only(byteRange{length: info.Size})
	return b
}

// Reuse says that nobody uses the closed body any more: it serves another response.
func (b *Body) Reuse() {
	*b = Body{}
	bodies.Put(b)
}

// only makes the body a range of its representation's file.
func (b *Body) only(r byteRange) {
	b.one[0] = segment{of: &b.version, byteRange: r}
	b.files = b.one[:]
	b.follow(&b.files)
}

// follow makes a plan the body's.
func (b *Body) follow(p plan) {
	b.cursor, b.length = cursor{plan: p}, lengthOf(p)
}

// BytesSent is the number of body bytes that the connection took, or, if it does not
// count, fasthttp's buffer.
func (b *Body) BytesSent() int64 { return b.sent.Load() }

// Size is the size of the whole file in bytes when it was opened; that of the body, if
// it is not of one file.
func (b *Body) Size() int64 {
	if b.file == nil {
		return b.length
	}
	return b.info.Size
}

// Err is what ended the body early, nil if nothing did. It wraps io.ErrUnexpectedEOF
// if a file changed while it was sent.
func (b *Body) Err() error { return b.err }

// Plan is the length of the body in bytes, and whether all of it is direct: text, or of
// files that have a descriptor.
func (b *Body) Plan() (length int64, direct bool) {
	for i := range b.files {
		s := &b.files[i]
		if s.length > 0 && s.of.descriptor() < 0 && s.of.memory(s.byteRange) == "" {
			return b.length, false
		}
	}
	return b.length, true
}

// Range is the piece of its file that the body is; ok is false if it is anything else.
func (b *Body) Range() (offset, length int64, ok bool) {
	if b.file == nil || b.cursor.count() != 1 {
		return 0, 0, false
	}
	return b.one[0].start, b.one[0].length, true
}

// Next is what is to be sent next: text, or if it is "", length bytes of descriptor fd
// from offset on, or if length is 0, nothing more. With look, Verify comes first. fd is
// -1 if the file has none or is closed. Text is valid until Close.
func (b *Body) Next() (text string, fd int, offset, length int64, look bool) {
	s := b.cursor.next()
	if s.of == nil {
		return s.text, -1, 0, 0, false
	}
	return "", s.of.descriptor(), s.start, s.length, s.look
}

// AppendTo appends the whole body to p if that has to wait for no disk; else it returns
// p as it is. The error is that of Verify.
func (b *Body) AppendTo(p []byte) ([]byte, error) {
	whole := p
	ahead := b.cursor.ahead()
	for s := ahead.next(); !s.empty(); s = ahead.next() {
		if s.text != "" {
			whole = append(whole, s.text...)
			ahead.advance(int64(len(s.text)))
			continue
		}
		file, ok := s.of.file.(source.NoWaiter)
		if !ok {
			return p, nil
		}
		at := len(whole)
		whole = slices.Grow(whole, int(s.length))[:at+int(s.length)]
		n, err := file.ReadAtNoWait(whole[at:], s.start)
		if n == 0 || err != nil {
			return p, nil //nolint:nilerr // whoever sends it finds out why
		}
		whole = whole[:at+n]
		if s.look && int64(n) == s.length {
			if err := s.of.unchanged(); err != nil {
				return p, err
			}
		}
		ahead.advance(int64(n))
	}
	return whole, nil
}

// Verify fails with an error that wraps io.ErrUnexpectedEOF if the file that Next is
// about changed since it was opened.
func (b *Body) Verify() error {
	if b.cursor.file == nil {
		return nil
	}
	err := b.cursor.file.unchanged()
	if err == nil {
		b.cursor.trusted = lookEvery
	}
	return err
}

// Advance counts n more bytes that the kernel took.
func (b *Body) Advance(n int64) {
	b.sent.Add(n)
	b.cursor.advance(n)
}

// Fail records what ended the body early. The first error is kept.
func (b *Body) Fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// Delivered calls yield with each part of the file that was sent, as offset and length
// in bytes, in the order sent; with those of the body, if it is not of one file. Call it
// after the response.
func (b *Body) Delivered(yield func(offset, length int64)) {
	left := b.sent.Load()
	if b.file == nil && left > 0 {
		yield(0, left)
		return
	}
	for i := 0; i < b.cursor.count() && left > 0; i++ {
		s := b.cursor.segment(i)
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

// Close closes the files and uncorks the connection, which still holds the header if
// no body was sent. A second call does nothing.
func (b *Body) Close() (err error) {
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
	for i := range b.files {
		if of := b.files[i].of; of != nil && !of.closed {
			of.closed = true
			err = errors.Join(err, of.file.Close())
		}
	}
	return err
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
func (b *Body) Read(p []byte) (n int, err error) {
	switch s := b.cursor.next(); {
	case len(p) == 0:
		return 0, nil
	case s.empty():
		return 0, io.EOF
	case s.text != "":
		n = copy(p, s.text)
	default:
		n, err = s.of.read(p[:min(int64(len(p)), s.length)], s.start)
		if err == nil && s.look {
			err = b.Verify()
		}
		if err != nil {
			b.Fail(err)
			return 0, err
		}
	}
	b.Advance(int64(n))
	return n, nil
}
