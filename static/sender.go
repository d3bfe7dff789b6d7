package static

// This file is the way of a file's bytes to the client. What fasthttp passes to
// WriteTo differs from one release to the next, and none tells whether what it
// took has left its buffer. So the header is sent at once, and when it is seen
// to be on a connection that counts, the body is written to the connection
// itself: no byte of the header is counted, and nothing of the body waits in a
// buffer, where fasthttp would keep it while more requests wait in the pipeline.
//
// The end of a body is sent only when the file is still what it was when it was
// opened, so that a file that changes while it is read is never sent whole.
// What the kernel's queue holds by then are the file's own pages: a write in
// place can still reach those that the client has not taken, which only a copy
// through this process would prevent.

import (
	"io"
	"net"
	"sync"
	"syscall"

	"github.com/valyala/fasthttp"

	"fullbore/static/source"
)

const (
	// smallBody, in bytes, is read and sent with the header in one piece, if
	// the connection holds back on demand: as many system calls as the kernel's
	// way takes, and fewer packets.
	smallBody = 64 << 10

	// lastPiece, in bytes, of a larger body is read, too, so that the file can
	// be looked at when all of the body is known and part of it is still here.
	lastPiece = 4 << 10

	// checkEvery is how many bytes the kernel sends between two looks at the
	// file. A slow client gets at most so many of a version that came later.
	checkEvery = 16 << 20
)

// meter is a connection that tells how many bytes the kernel took.
type meter interface{ BytesWritten() int64 }

// corker is a connection that can hold back what is written until it can go in
// one piece.
type corker interface {
	// Cork begins to hold back, at least corkRoom bytes. It is false if the
	// connection cannot now.
	Cork() bool
	// Held is how many bytes are held back.
	Held() int
	// Uncork sends what was held back. The count is what the kernel took.
	Uncork() (int64, error)
	// DropCork forgets it.
	DropCork()
}

// corkRoom is how many bytes a corker holds back: a small body with its header.
const corkRoom = 68 << 10

// within finds a connection that is a T, below TLS for example.
func within[T any](conn any) (t T, ok bool) {
	for {
		if t, ok = conn.(T); ok {
			return t, true
		}
		wrapper, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			return t, false
		}
		conn = wrapper.NetConn()
	}
}

// over prepares the body, whose response is resp, to go over conn. From here on
// the connection may hold back what is written to it, until WriteTo or Close.
func (b *Body) over(resp *fasthttp.Response, conn io.Writer) {
	_, b.sendfile = conn.(io.ReaderFrom)
	n := b.layout.length()
	if b.count, _ = within[meter](conn); b.count == nil {
		// What fits beside the header goes with it.
		resp.ImmediateHeaderFlush = n > lastPiece
		return
	}
	resp.ImmediateHeaderFlush = true
	b.conn, b.before = conn, b.count.BytesWritten()
	if n == 0 || n > smallBody {
		return
	}
	if cork, ok := within[corker](conn); ok && cork.Cork() {
		b.cork = cork
	}
}

// begun reports whether the header of the response is on the connection.
func (b *Body) begun() bool {
	return b.cork != nil && b.cork.Held() > 0 || b.count != nil && b.count.BytesWritten() > b.before
}

// WriteTo sends the body: to its connection, behind the header, or to w for
// whoever wants it elsewhere.
func (b *Body) WriteTo(w io.Writer) (int64, error) {
	before := b.sent.Load()
	var err error
	if b.begun() {
		err = b.send(b.conn)
	} else {
		err = b.sendAll(w)
	}
	if err != nil {
		b.Fail(err)
	}
	return b.sent.Load() - before, err
}

// send sends the body over its connection.
func (b *Body) send(w io.Writer) error {
	cork := b.cork
	if cork == nil {
		return b.sendAll(w)
	}
	n := b.layout.length()
	if int64(cork.Held())+n+tlsOverhead(n) <= corkRoom {
		return b.sendHeld(w, n)
	}
	b.cork = nil
	if _, err := cork.Uncork(); err != nil {
		return err
	}
	return b.sendAll(w)
}

// sendAll sends all segments.
func (b *Body) sendAll(w io.Writer) error {
	for i := range b.layout.count() {
		s := b.layout.segment(i)
		if err := b.write(w, s.text); err != nil {
			return err
		}
		piece := int64(0)
		// The end of a multipart body is text, behind a range that was looked at.
		if i == b.layout.count()-1 {
			piece = b.lastOf(s.length)
		}
		if err := b.sendRange(w, byteRange{s.start, s.length - piece}); err != nil {
			return err
		}
		if err := b.sendLast(w, byteRange{s.start + s.length - piece, piece}); err != nil {
			return err
		}
	}
	return nil
}

// tlsOverhead is the most that TLS adds to n bytes: crypto/tls begins with
// records as small as a packet.
func tlsOverhead(n int64) int64 { return n/32 + 256 }

// lastOf is how many of the last range's bytes are read, not handed over.
func (b *Body) lastOf(length int64) int64 {
	if length > smallBody || b.sendfile { // no large buffer is held for what takes files
		return min(length, lastPiece)
	}
	return length
}

// sendHeld sends a body of n bytes in one piece with the header, which the
// connection holds back already.
func (b *Body) sendHeld(w io.Writer, n int64) (err error) {
	cork := b.cork
	for i := 0; i < b.layout.count() && err == nil; i++ {
		s := b.layout.segment(i)
		if s.text != "" {
			_, err = io.WriteString(w, s.text)
		}
		if err == nil && s.length > 0 {
			_, err = b.hand(w, s.byteRange)
		}
	}
	if err == nil {
		err = b.Verify()
	}
	b.cork = nil
	if err != nil {
		cork.DropCork() // fasthttp closes the connection, and the client sees no answer
		return err
	}
	held := int64(cork.Held())
	taken, err := cork.Uncork()
	b.Advance(max(n-(held-taken), 0)) // the header is in front
	return err
}

// write sends text that is ours.
func (b *Body) write(w io.Writer, text string) error {
	if text == "" {
		return nil
	}
	n, err := io.WriteString(w, text)
	b.Advance(int64(n))
	return err
}

// sendRange sends a range of the file, by the kernel if the connection can, and
// looks at the file behind each piece of it.
func (b *Body) sendRange(w io.Writer, r byteRange) error {
	for r.length > 0 {
		n, err := b.hand(w, byteRange{r.start, min(r.length, checkEvery)})
		b.Advance(n)
		if err == nil {
			err = b.Verify()
		}
		if err != nil {
			return err
		}
		r.start += n
		r.length -= n
	}
	return nil
}

// hand gives w a range of the file. The count is what w took.
func (b *Body) hand(w io.Writer, r byteRange) (n int64, err error) {
	b.span = sendable{span{b.file, r.start}}
	b.limited = io.LimitedReader{R: &b.span.span, N: r.length}
	if _, ok := b.file.(source.Descriptor); ok {
		b.limited.R = &b.span
	}
	if files, ok := w.(io.ReaderFrom); ok && b.sendfile {
		n, err = files.ReadFrom(&b.limited)
	} else {
		n, err = copyLarge(w, &b.limited)
	}
	if err == nil && n < r.length {
		err = b.shrunk(r.length - n)
	}
	return n, err
}

// sendLast sends what makes the body complete, if the file is still the same.
func (b *Body) sendLast(w io.Writer, r byteRange) error {
	if r.length == 0 {
		return nil
	}
	pool := &buffers
	if r.length <= lastPiece {
		pool = &pieces
	}
	buf := pool.Get().(*[]byte) //nolint:forcetypeassert // the pools hold nothing else
	defer pool.Put(buf)
	piece := (*buf)[:r.length]
	if _, err := b.readFile(piece, r.start, r.length); err != nil {
		return err
	}
	if err := b.Verify(); err != nil {
		return err
	}
	n, err := w.Write(piece)
	b.Advance(int64(n))
	return err
}

var (
	buffers = sync.Pool{New: func() any { b := make([]byte, smallBody); return &b }}
	pieces  = sync.Pool{New: func() any { b := make([]byte, lastPiece); return &b }}
)

// copyLarge copies in pieces as large as a small body, for connections that
// do not take files, such as those with TLS. The methods that would let io.Copy
// choose another way are hidden from it.
func copyLarge(w io.Writer, r io.Reader) (int64, error) {
	buf := buffers.Get().(*[]byte) //nolint:forcetypeassert // the pool holds nothing else
	defer buffers.Put(buf)
	return io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, *buf)
}

// span is what is left of a file from an offset on.
type span struct {
	file source.File
	at   int64
}

// Read reads on.
func (s *span) Read(p []byte) (int, error) {
	n, err := s.file.ReadAt(p, s.at)
	s.at += int64(n)
	return n, err
}

// sendable is a span of a source.Descriptor, for a connection's ReadFrom: to be
// read, or to be handed to the kernel.
type sendable struct{ span }

// SyscallConn makes the descriptor known, at the span's position.
func (s *sendable) SyscallConn() (syscall.RawConn, error) {
	file := s.file.(source.Descriptor) //nolint:forcetypeassert // see hand
	if _, err := file.Seek(s.at, io.SeekStart); err != nil {
		return nil, err
	}
	return file.SyscallConn()
}
