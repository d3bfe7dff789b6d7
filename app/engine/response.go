//go:build linux && (amd64 || arm64)

package engine

import (
	"io"
	"sync"

	"github.com/valyala/fasthttp"

	"fullbore/app/deadline"
)

// Body is what a response's body stream implements so that a loop can send it:
// text, and ranges of files that the kernel sends. It says what goes next, and
// when a file has to be verified. Any other stream is read on a goroutine.
// The methods are called by one goroutine at a time.
type Body interface {
	// Plan is the length in bytes, and whether all of it is direct: text, or of
	// files that have a descriptor. If not, the body is read.
	Plan() (length int64, direct bool)
	// AppendTo appends the whole body to p if that has to wait for no disk; else
	// it returns p as it is. The error is that of Verify, for any of the files.
	AppendTo(p []byte) ([]byte, error)
	// Next is what goes next, which Advance moves on: text, or if it is "",
	// length bytes of the descriptor fd from offset on, or if length is 0,
	// nothing. With look, Verify comes first. Text is valid until Close.
	Next() (text string, fd int, offset, length int64, look bool)
	// Verify asks whether the file that Next is about is what it was when the
	// header was made. If not, the response is broken off with this error.
	Verify() error
	// Advance says that the kernel took n more bytes of the body.
	Advance(n int64)
	// Fail says what ended the body early.
	Fail(err error)
	// Retain asks for one more Close before anything is given up: that of the
	// RequestCtx comes when the loop takes the body over.
	Retain()
	io.Closer
}

// Detacher is a user value of a request that wants to know when the response is
// over, and need not keep the request alive for that. fasthttp closes every
// user value that is an io.Closer when it resets a request; what Detach returns
// is closed when the response is over, and then the user value's own Close
// does nothing. Detach may return nil: then the request is kept.
type Detacher interface {
	io.Closer
	Detach() io.Closer
}

// response is an answer on its way.
type response struct {
	buf  *[]byte // what head is part of; from the pool
	head []byte  // what is left of the header, and what was put behind it
	tail int64   // how much of head is the body's

	body  Body   // nil: head and text are all
	text  string // what is left of a body that ctx has in memory
	total int64  // bytes of body or text that are not sent yet, those in head included

	unasked int64  // bytes that go before it is asked again whether they are cached
	piece   int64  // what a cold reader sends at once; 0: the least
	on      device // of what a cold reader has sent

	ctx   *fasthttp.RequestCtx // what owns body and hooks; nil: the response does
	bound bool                 // ctx is needed until the end
	after []io.Closer          // to be closed at the end
	close bool                 // the connection, too
	cork  bool                 // the socket is corked
	cold  bool                 // the file system cannot tell what is cached

	streamed bool // the body has to be read

	track deadline.Track // how fast the peer takes it, if that matters
}

var responses = sync.Pool{New: func() any { return &response{} }}

func newResponse() *response {
	return responses.Get().(*response) //nolint:forcetypeassert // the pool holds nothing else
}

// part is what goes next. See Body.Next.
type part struct {
	text           string
	fd             int
	offset, length int64
	look           bool
}

// next is what goes behind the header.
func (r *response) next() (p part) {
	if r.body == nil {
		return part{text: r.text}
	}
	p.text, p.fd, p.offset, p.length, p.look = r.body.Next()
	return p
}

// left is how many bytes are still to be sent, those of the header included.
func (r *response) left() int64 { return int64(len(r.head)) + r.total - r.tail }

// Reusable is a Body that is told when its last user is done, hooks included.
type Reusable interface{ Reuse() }

// advance counts what the kernel took of the body.
func (r *response) advance(n int64) {
	r.total -= n
	if r.body == nil {
		r.text = r.text[n:]
	} else if n > 0 {
		r.body.Advance(n)
	}
}

// finish ends the response and runs its hooks.
func (r *response) finish(err error) {
	if r.body != nil && err != nil {
		r.body.Fail(err)
	}
	if ctx := r.ctx; ctx != nil {
		finishCtx(ctx)
		contexts.Put(ctx)
	} else if r.body != nil {
		_ = r.body.Close() // nothing was written to it
	}
	for _, after := range r.after {
		_ = after.Close() // a hook; its error has no recipient
	}
	if reusable, ok := r.body.(Reusable); ok {
		reusable.Reuse()
	}
	r.dropHead()
	after := r.after[:0]
	clear(r.after)
	*r = response{after: after}
	responses.Put(r)
}

func (r *response) dropHead() {
	if r.buf != nil {
		putBuffer(r.buf)
		r.buf, r.head = nil, nil
	}
}

// shrink moves what is left of the header to a buffer that fits, if its own is much
// larger.
func (r *response) shrink() {
	if r.buf == nil || cap(*r.buf) <= bufferSizes[0] || len(r.head) > cap(*r.buf)/4 {
		return
	}
	old := r.buf
	r.buf = getBuffer(len(r.head))
	*r.buf = append(*r.buf, r.head...)
	r.head = *r.buf
	putBuffer(old)
}

// The sizes of buffers that are kept for what waits: what has arrived of a
// head, or what a socket had no room for.
var bufferSizes = [...]int{1 << 10, 4 << 10, 16 << 10, 64 << 10}

var buffers [len(bufferSizes)]sync.Pool

// getBuffer returns an empty buffer with room for n bytes.
func getBuffer(n int) *[]byte {
	for i, size := range bufferSizes {
		if n > size {
			continue
		}
		if b, ok := buffers[i].Get().(*[]byte); ok {
			return b
		}
		b := make([]byte, 0, size)
		return &b
	}
	b := make([]byte, 0, n)
	return &b
}

// putBuffer returns a buffer to its pool. One of another size is left to the collector.
func putBuffer(b *[]byte) {
	for i, size := range bufferSizes {
		if cap(*b) == size {
			*b = (*b)[:0]
			buffers[i].Put(b)
			return
		}
	}
}

var contexts = sync.Pool{New: func() any { return &fasthttp.RequestCtx{} }}

func acquireCtx() *fasthttp.RequestCtx {
	return contexts.Get().(*fasthttp.RequestCtx) //nolint:forcetypeassert // the pool holds nothing else
}

// finishCtx ends a request whose response is over: hooks run when its body
// is closed, as fasthttp's own loop does it.
func finishCtx(ctx *fasthttp.RequestCtx) {
	_ = ctx.Response.CloseBodyStream() // nothing was written to it
	reset(ctx)
}

func reset(ctx *fasthttp.RequestCtx) {
	ctx.Request.Reset()
	ctx.Response.Reset()
}
