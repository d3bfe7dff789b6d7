package listing

// A page is written row by row: what a slow client holds in memory is the
// packed rows, not the text.

import (
	"bufio"
	"io"
)

// body is the body stream of a page. It is for one goroutine at a time.
type body struct {
	before, after [][]byte
	rows          rows
	// appendRow appends the text of row i.
	appendRow func(dst []byte, r row, i int) []byte
	held      *held

	length  int    // in bytes; 0 if not measured
	next    int    // piece: before, rows, after
	pending []byte // of Read
	scratch []byte
	pause   pause
	sent    int64
	err     error
}

func (b *body) pieces() int { return len(b.before) + len(b.rows.list) + len(b.after) }

// piece is the piece with that index. It may use dst, from its beginning.
func (b *body) piece(dst []byte, i int) []byte {
	if i < len(b.before) {
		return b.before[i]
	}
	i -= len(b.before)
	if i < len(b.rows.list) {
		return b.appendRow(dst[:0], b.rows.at(i), i)
	}
	return b.after[i-len(b.rows.list)]
}

// measure is the number of bytes of the page. It makes every row once more,
// which takes less than a chunked response with its many small writes.
func (b *body) measure() int {
	if b.length == 0 {
		scratch := make([]byte, 0, 4<<10)
		for i := range b.pieces() {
			b.length += len(b.piece(scratch, i))
			b.pause.tick()
		}
	}
	return b.length
}

// BytesSent is the number of bytes that the writer took.
func (b *body) BytesSent() int64 { return b.sent }

// Size is -1: a page is not part of something larger.
func (b *body) Size() int64 { return -1 }

// Err is what ended the page early, nil if nothing did.
func (b *body) Err() error { return b.err }

// Close gives back the memory.
func (b *body) Close() error {
	b.held.shrink(0)
	return nil
}

// Read is for writers that do not use WriteTo.
func (b *body) Read(p []byte) (int, error) {
	for len(b.pending) == 0 {
		if b.next == b.pieces() {
			return 0, io.EOF
		}
		b.scratch = b.piece(b.scratch, b.next)
		b.pending = b.scratch
		b.next++
	}
	n := copy(p, b.pending)
	b.pending = b.pending[n:]
	b.sent += int64(n)
	return n, nil
}

// WriteTo writes the page. fasthttp calls it with the buffered writer that
// holds the header; rows are made in its buffer. Nothing is left there: fasthttp
// may keep it for later, when more requests wait in the pipeline, and then
// nobody would know whether these bytes ever went.
func (b *body) WriteTo(w io.Writer) (int64, error) {
	bw, ok := w.(*bufio.Writer)
	if !ok {
		bw = bufio.NewWriter(w)
	}
	for ; b.next < b.pieces() && b.err == nil; b.next++ {
		var n int
		n, b.err = bw.Write(b.piece(bw.AvailableBuffer(), b.next))
		b.sent += int64(n)
		b.pause.tick()
	}
	if b.err == nil {
		b.err = bw.Flush()
	}
	if b.err != nil {
		b.sent = max(b.sent-int64(bw.Buffered()), 0)
	}
	return b.sent, b.err
}
