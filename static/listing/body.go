package listing

// A page is written row by row: what a slow client holds in memory is the
// packed rows, not the text.

import (
	"bufio"
	"cmp"
	"io"
)

// body is the body stream of a page. It is for one goroutine at a time.
type body struct {
	before, after [][]byte
	rows          int
	// appendRow appends the text of row i.
	appendRow func(dst []byte, i int) []byte
	// refill replaces rows that are written by more rows, and gives how many; 0 at
	// the end. nil: there are no more.
	refill func() (rows int, err error)
	held   *held
	source io.Closer // to close with the body; nil for none

	length  int    // in bytes; 0 if not measured, -1 if unknown
	next    int    // piece: before, rows, after
	pending []byte // of Read
	scratch []byte
	pause   pause
	sent    int64
	err     error
}

// ofRows is a body of rows that are held, each written by appendRow.
func ofRows(rows rows, appendRow func(dst []byte, r row, i int) []byte) *body {
	return &body{rows: len(rows.list), appendRow: func(dst []byte, i int) []byte {
		return appendRow(dst, rows.at(i), i)
	}}
}

func (b *body) pieces() int { return len(b.before) + b.rows + len(b.after) }

// piece is the piece with that index. It may use dst, from its beginning.
func (b *body) piece(dst []byte, i int) []byte {
	if i < len(b.before) {
		return b.before[i]
	}
	i -= len(b.before)
	if i < b.rows {
		return b.appendRow(dst[:0], i)
	}
	return b.after[i-b.rows]
}

// more reports whether there is a next piece. It refills when the rows are written.
func (b *body) more() bool {
	if b.refill != nil && b.next == len(b.before)+b.rows {
		var rows int
		if rows, b.err = b.refill(); rows > 0 {
			b.rows, b.next = rows, len(b.before)
		} else {
			b.refill = nil
		}
	}
	return b.err == nil && b.next < b.pieces()
}

// measure is the number of bytes of the page, -1 if unknown. It makes every row once
// more, which takes less than a chunked response with its many small writes.
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

// Close gives back the memory, and closes the source. A second call does nothing.
func (b *body) Close() error {
	b.held.shrink(0)
	return b.closeSource()
}

func (b *body) closeSource() error {
	source := b.source
	b.source = nil
	if source == nil {
		return nil
	}
	return source.Close()
}

// Read is for writers that do not use WriteTo.
func (b *body) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) { // full, since a chunked response makes a chunk of each
		if len(b.pending) == 0 {
			if !b.more() {
				break
			}
			b.scratch = b.piece(b.scratch, b.next)
			b.pending = b.scratch
			b.next++
			b.pause.tick()
		}
		copied := copy(p[n:], b.pending)
		b.pending = b.pending[copied:]
		n += copied
	}
	b.sent += int64(n)
	if n == 0 && len(p) > 0 {
		return 0, cmp.Or(b.err, io.EOF)
	}
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
	for ; b.more(); b.next++ {
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
