package static

// This file is the way of a file's bytes to the client, and the truth about
// how many went. The end of a body is sent only when the file is still what
// it was when it was opened, so that a file that changes while it is read is
// never sent whole. What the kernel's queue holds by then are the file's own
// pages: a write in place can still reach those that the client has not taken,
// which only a copy through this process would prevent.

import (
	"bufio"
	"fmt"
	"io"
	"sync"
)

const (
	// smallBody, in bytes, is read and sent with the header in one piece: as
	// many system calls as the kernel's way takes, and fewer packets.
	smallBody = 64 << 10

	// lastPiece, in bytes, of a larger body is read, too, so that the file can
	// be looked at when all of the body is known and part of it is still here.
	lastPiece = 4 << 10

	// checkEvery is how many bytes the kernel sends between two looks at the
	// file. A slow client gets at most so many of a version that came later.
	checkEvery = 16 << 20
)

// Body is the body stream of a file response. After the response it tells what
// was really sent. It is for one goroutine at a time.
type Body struct {
	representation
	layout   layout
	one      [1]byteRange // of layout, when it is one
	grown    bool         // the file may get longer
	sendfile bool         // the connection takes files
	cork     corker       // the connection, if it holds back on demand
	sent     int64        // what the writer took
	gone     int64        // the part of it that is not in the writer's buffer
	err      error
	limited  io.LimitedReader // of file: what ReadFrom is given
	at       position         // of Read
}

// position is where Read goes on.
type position struct {
	segment int
	offset  int64 // in its text and range
}

// corker is a connection that can hold back what is written until it can go
// in one piece.
type corker interface {
	// Cork begins to hold back. It is false if the connection cannot now.
	Cork() bool
	// Uncork sends what was held back. The count is what the kernel took.
	Uncork() (int64, error)
	// DropCork forgets it.
	DropCork()
}

// whole makes the body the whole file.
func (b *Body) whole() {
	b.one[0] = byteRange{length: b.Size()}
	b.layout.ranges = b.one[:]
}

// over tells the body which connection it will go over.
func (b *Body) over(conn any) {
	_, b.sendfile = conn.(io.ReaderFrom)
	b.cork, _ = conn.(corker)
}

// BytesSent is the number of body bytes that the writer took.
func (b *Body) BytesSent() int64 { return b.sent }

// Size is the size of the whole file in bytes, as it was when it was opened.
func (b *Body) Size() int64 { return b.file.version.size }

// Delivered calls yield with each range of the file, as offset and length in
// bytes, of which the writer took something, in the order sent, and as much of
// it as was taken. Call it after the response.
func (b *Body) Delivered(yield func(offset, length int64)) {
	left := b.sent
	for i := 0; i < b.layout.count() && left > 0; i++ {
		s := b.layout.segment(i)
		left -= int64(len(s.text))
		if n := min(left, s.length); n > 0 {
			yield(s.start, n)
			left -= n
		}
	}
}

// Err is what ended the body early, nil if nothing did. A file that changed
// while it was sent is io.ErrUnexpectedEOF in the sense of errors.Is.
func (b *Body) Err() error { return b.err }

// Close closes the file.
func (b *Body) Close() error { return b.file.Close() }

// WriteTo sends the body. fasthttp calls it with the buffered writer that
// holds the response header. When the body is done nothing of it is left in
// the buffer: fasthttp may keep it for later, when more requests wait in the
// pipeline, and then nobody would know whether these bytes ever went.
func (b *Body) WriteTo(w io.Writer) (int64, error) {
	bw, ok := w.(*bufio.Writer)
	if !ok {
		bw = bufio.NewWriter(w)
	}
	if b.err = b.write(bw); b.err != nil {
		// What is still in the buffer will never leave it. The header may be
		// there, too, in front.
		b.sent = max(b.sent-int64(bw.Buffered()), b.gone)
	}
	return b.sent, b.err
}

func (b *Body) write(bw *bufio.Writer) error {
	n := b.layout.length()
	fits := b.layout.count() == 1 && n <= int64(bw.Available()) // and goes as one piece anyway
	if n <= smallBody && b.cork != nil && !fits && b.cork.Cork() {
		return b.writeCorked(bw)
	}
	for i := range b.layout.count() {
		s := b.layout.segment(i)
		if err := b.put(bw, []byte(s.text)); err != nil {
			return err
		}
		piece := int64(0)
		// The end of a multipart body is text, behind a range that was looked at.
		if i == b.layout.count()-1 {
			piece = b.lastPiece(s.length)
		}
		if err := b.writeRange(bw, byteRange{s.start, s.length - piece}); err != nil {
			return err
		}
		if err := b.writeLast(bw, byteRange{s.start + s.length - piece, piece}); err != nil {
			return err
		}
	}
	return b.flush(bw)
}

// lastPiece is how many of a last range's bytes are read, not handed over.
func (b *Body) lastPiece(length int64) int64 {
	if length > smallBody || b.sendfile { // no buffer is held for who takes files
		return min(length, lastPiece)
	}
	return length
}

// writeCorked sends header and body in one piece.
func (b *Body) writeCorked(bw *bufio.Writer) error {
	header := int64(bw.Buffered())
	err := bw.Flush() // to the connection, which holds it back
	for i := range b.layout.count() {
		s := b.layout.segment(i)
		if err == nil && s.text != "" {
			if _, err = bw.WriteString(s.text); err == nil {
				err = bw.Flush()
			}
		}
		if err == nil && s.length > 0 {
			err = b.readInto(bw, s.byteRange)
		}
	}
	if err == nil {
		err = b.file.unchanged(b.grown)
	}
	if err != nil {
		b.cork.DropCork() // fasthttp closes the connection, and the client sees no answer
		return err
	}
	n, err := b.cork.Uncork()
	b.sent = max(n-header, 0)
	return err
}

// put writes p through the buffer and counts what of it went on.
func (b *Body) put(bw *bufio.Writer, p []byte) error {
	n, err := bw.Write(p)
	b.sent += int64(n)
	return err
}

// flush empties the buffer.
func (b *Body) flush(bw *bufio.Writer) error {
	err := bw.Flush()
	if err == nil {
		b.gone = b.sent
	}
	return err
}

// writeRange sends a range of the file by the kernel, if it can. Only an empty
// buffer lets the file pass to the connection's ReadFrom.
func (b *Body) writeRange(bw *bufio.Writer, r byteRange) error {
	if r.length == 0 {
		return nil
	}
	if err := b.flush(bw); err != nil {
		return err
	}
	if err := b.file.seek(r.start); err != nil {
		return err
	}
	for left := r.length; left > 0; {
		n, err := b.send(bw, min(left, checkEvery))
		left -= n
		b.sent += n
		if bw.Buffered() == 0 { // a connection that takes no files gets small ranges by the buffer
			b.gone = b.sent
		}
		if err == nil {
			err = b.file.unchanged(b.grown)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readInto reads a range into a connection that holds it back.
func (b *Body) readInto(bw *bufio.Writer, r byteRange) error {
	if r.start > 0 || b.layout.count() > 1 { // an earlier part may have moved it
		if err := b.file.seek(r.start); err != nil {
			return err
		}
	}
	_, err := b.send(bw, r.length)
	return err
}

// send gives the writer n bytes from the file's position on.
func (b *Body) send(bw *bufio.Writer, n int64) (sent int64, err error) {
	b.limited = io.LimitedReader{R: b.file, N: n}
	if b.sendfile {
		sent, err = bw.ReadFrom(&b.limited)
	} else {
		sent, err = copyLarge(bw, &b.limited)
	}
	if err == nil && sent < n {
		err = b.shrunk(n - sent)
	}
	return sent, err
}

// writeLast sends what makes the body complete, if the file is still the same.
func (b *Body) writeLast(bw *bufio.Writer, r byteRange) error {
	if r.length == 0 {
		return nil
	}
	if r.length > int64(bw.Available()) {
		if err := b.flush(bw); err != nil {
			return err
		}
	}
	piece := bw.AvailableBuffer() // it is there as long as the connection, whatever its peer does
	if int64(cap(piece)) < r.length {
		buf := buffers.Get().(*[]byte) //nolint:forcetypeassert // the pool holds nothing else
		defer buffers.Put(buf)
		piece = *buf
	}
	piece = piece[:r.length]
	if n, err := b.file.ReadAt(piece, r.start); err == io.EOF { //nolint:errorlint // io.ReaderAt gives it bare
		return b.shrunk(r.length - int64(n))
	} else if err != nil {
		return err
	}
	if err := b.file.unchanged(b.grown); err != nil {
		return err
	}
	return b.put(bw, piece)
}

func (b *Body) shrunk(missing int64) error {
	return fmt.Errorf("%s has %d bytes less than when it was opened: %w", b.file.name, missing, io.ErrUnexpectedEOF)
}

var buffers = sync.Pool{New: func() any { b := make([]byte, smallBody); return &b }}

// copyLarge copies in pieces as large as a small body, for connections that
// do not take files, such as those with TLS. The methods that would let io.Copy
// choose another way are hidden from it.
func copyLarge(w io.Writer, r io.Reader) (int64, error) {
	buf := buffers.Get().(*[]byte) //nolint:forcetypeassert // the pool holds nothing else
	defer buffers.Put(buf)
	return io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, *buf)
}

// Read is for whoever wants the body itself, such as a middleware that
// compresses. The last bytes come only if the file is still the same.
func (b *Body) Read(p []byte) (n int, err error) {
	for n == 0 && err == nil && len(p) > 0 {
		n, err = b.read(p)
	}
	b.sent += int64(n)
	if err != nil && err != io.EOF { //nolint:errorlint // io.Reader gives it bare
		b.err = err
	}
	return n, err
}

func (b *Body) read(p []byte) (n int, err error) {
	if b.at.segment == b.layout.count() {
		return 0, io.EOF
	}
	s := b.layout.segment(b.at.segment)
	if text := int64(len(s.text)); b.at.offset < text {
		n = copy(p, s.text[b.at.offset:])
	} else if done := b.at.offset - text; done < s.length {
		piece := p[:min(int64(len(p)), s.length-done)]
		if n, err = b.file.ReadAt(piece, s.start+done); err == io.EOF { //nolint:errorlint // io.ReaderAt gives it bare
			err = b.shrunk(s.length - done - int64(n))
		}
	}
	if b.at.offset += int64(n); err == nil && b.at.offset == int64(len(s.text))+s.length {
		b.at = position{segment: b.at.segment + 1}
		if b.at.segment == b.layout.count() {
			if err = b.file.unchanged(b.grown); err != nil {
				n = 0
			}
		}
	}
	return n, err
}
