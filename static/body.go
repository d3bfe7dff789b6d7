package static

// This file is the way of a file's bytes to the client, and the truth about
// how many went.

import (
	"bufio"
	"fmt"
	"io"
	"os"
)

// Body is the body stream of a file response. After the response it tells what
// was really sent. It is for one goroutine at a time.
type Body struct {
	file io.LimitedReader // of f
	f    *os.File
	size int64
	sent int64
	err  error
}

// newBody takes over f and positions it.
func newBody(f *os.File, part byteRange, size int64) (*Body, error) {
	if part.start > 0 {
		if _, err := f.Seek(part.start, io.SeekStart); err != nil {
			return nil, err
		}
	}
	return &Body{f: f, size: size, file: io.LimitedReader{R: f, N: part.length}}, nil
}

// BytesSent is the number of body bytes that the writer took.
func (b *Body) BytesSent() int64 { return b.sent }

// Size is the size of the whole file in bytes, as it was when it was opened.
func (b *Body) Size() int64 { return b.size }

// Err is what ended the body early, nil if nothing did. A file with fewer
// bytes than it had when it was opened is io.ErrUnexpectedEOF.
func (b *Body) Err() error { return b.err }

// Close closes the file.
func (b *Body) Close() error { return b.f.Close() }

// Read is for writers that cannot take the file itself.
func (b *Body) Read(p []byte) (int, error) {
	n, err := b.file.Read(p)
	b.sent += int64(n)
	if err == io.EOF && b.file.N > 0 { //nolint:errorlint // io.Reader gives it bare
		err = b.shrunk()
	}
	if err != nil && err != io.EOF { //nolint:errorlint // likewise
		b.err = err
	}
	return n, err
}

// WriteTo sends the file. fasthttp calls it with the buffered writer that
// holds the response header. A file that fits into what is left of the buffer
// goes out with the header in one write; for a larger one the header is
// flushed first, since only an empty buffer lets the file pass to the
// connection's ReadFrom, and so to sendfile.
func (b *Body) WriteTo(w io.Writer) (int64, error) {
	want := b.file.N
	bw, buffered := w.(*bufio.Writer)
	if buffered && want > int64(bw.Available()) {
		if b.err = bw.Flush(); b.err != nil {
			return 0, b.err
		}
	}
	// Not io.Copy: it would look for a WriteTo first, and *os.File has one
	// that takes the long way round for a writer it does not know.
	if rf, ok := w.(io.ReaderFrom); ok {
		b.sent, b.err = rf.ReadFrom(&b.file)
	} else {
		b.sent, b.err = io.Copy(w, &b.file)
	}
	if b.err == nil && b.sent < want {
		b.err = b.shrunk()
	}
	// fasthttp may leave the buffer for later, when more requests wait in the
	// pipeline; then nobody would know whether these bytes ever went.
	if buffered && bw.Buffered() > 0 {
		if err := bw.Flush(); err != nil {
			b.sent = max(b.sent-int64(bw.Buffered()), 0)
			b.err = err
		}
	}
	return b.sent, b.err
}

func (b *Body) shrunk() error {
	return fmt.Errorf("%s: file has %d bytes less than when it was opened: %w", b.f.Name(), b.file.N, io.ErrUnexpectedEOF)
}
