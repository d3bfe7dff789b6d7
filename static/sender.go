package static

// This file is the way of a file's bytes to the client. What fasthttp passes to
// WriteTo differs from one release to the next, and none tells whether what it
// took has left its buffer. So the header is sent at once, and when it is seen
// to be on a connection that counts, the body is written to the connection
// itself: no byte of the header is counted, and nothing of the body waits in a
// buffer, where fasthttp would keep it while more requests wait in the pipeline.

import (
	"io"
	"net"
	"sync"
	"syscall"

	"github.com/valyala/fasthttp"

	"fullbore/static/source"
)

// smallBody, in bytes, is read and sent with the header in one piece, if the connection
// holds back on demand: as many system calls as the kernel's way takes, and fewer packets.
const smallBody = 64 << 10

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
	n := b.length
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
	if int64(cork.Held())+b.length+tlsOverhead(b.length) <= corkRoom {
		return b.sendHeld(w)
	}
	b.cork = nil
	if _, err := cork.Uncork(); err != nil {
		return err
	}
	return b.sendAll(w)
}

// tlsOverhead is the most that TLS adds to n bytes: crypto/tls begins with
// records as small as a packet.
func tlsOverhead(n int64) int64 { return n/32 + 256 }

// sendHeld sends the body in one piece with the header, which the connection holds back
// already.
func (b *Body) sendHeld(w io.Writer) error {
	cork, ahead := b.cork, b.cursor.ahead()
	for s := ahead.next(); !s.empty(); s = ahead.next() {
		n, err := b.hand(w, &s)
		if err == nil && s.look {
			err = s.of.unchanged()
		}
		if err != nil {
			b.cork = nil
			cork.DropCork() // fasthttp closes the connection, and the client sees no answer
			return err
		}
		ahead.advance(n)
	}
	b.cork = nil
	held := int64(cork.Held())
	taken, err := cork.Uncork()
	b.Advance(max(b.length-(held-taken), 0)) // the header is in front
	return err
}

// sendAll sends what is left of the body step by step.
func (b *Body) sendAll(w io.Writer) (err error) {
	for err == nil {
		var n int64
		switch s := b.cursor.next(); {
		case s.empty():
			return nil
		case s.look && s.length > lastPiece:
			err = b.Verify()
		case s.look:
			n, err = b.sendLast(w, &s)
		default:
			n, err = b.hand(w, &s)
		}
		b.Advance(n)
	}
	return err
}

// hand gives w a text or a range of a file, by the kernel if the connection can. The
// count is what w took.
func (b *Body) hand(w io.Writer, s *step) (n int64, err error) {
	if s.of == nil {
		n, err := io.WriteString(w, s.text)
		return int64(n), err
	}
	b.span = sendable{span{s.of.file, s.start}}
	b.limited = io.LimitedReader{R: &b.span.span, N: s.length}
	if _, ok := s.of.file.(source.Descriptor); ok {
		b.limited.R = &b.span
	}
	if files, ok := w.(io.ReaderFrom); ok && b.sendfile {
		n, err = files.ReadFrom(&b.limited)
	} else {
		n, err = copyLarge(w, &b.limited)
	}
	if err == nil && n < s.length {
		err = s.of.ended()
	}
	return n, err
}

// sendLast sends what makes a file complete, if it is still the same when all of it is
// known and part of it is still here.
func (b *Body) sendLast(w io.Writer, s *step) (int64, error) {
	buf := pieces.Get().(*[]byte) //nolint:forcetypeassert // the pool holds nothing else
	defer pieces.Put(buf)
	piece := (*buf)[:s.length]
	if _, err := s.of.read(piece, s.start); err != nil {
		return 0, err
	}
	if err := b.Verify(); err != nil {
		return 0, err
	}
	n, err := w.Write(piece)
	return int64(n), err
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
