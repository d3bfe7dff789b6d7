//go:build linux && (amd64 || arm64)

package engine

// Aside: what is not for a loop is done on a goroutine, with the connection in
// its hands, and the loop gets it back.

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"

	"fullbore/app/head"
	"fullbore/app/wire"
)

// handOver has requests of which p has arrived served by fasthttp: those with a
// body, and whatever else the loop does not answer itself.
func (l *loop) handOver(c *Conn, p []byte) {
	c.requests++
	l.release(c)
	go l.engine.serveAside(c, slices.Clone(p))
}

func (e *Engine) serveAside(c *Conn, read []byte) {
	w, err := e.adopt(c)
	if err != nil {
		e.lost(c, err)
		return
	}
	v := &visit{Conn: head.NewConn(w, read, e.headLimit), below: w}
	v.Limits = e.listener.Limits()
	v.AtRest = func() error { v.resting = true; return io.EOF }
	v.giveBack = func() { e.giveBack(c, w, !v.resting) }
	_ = e.server.ServeConn(v) // what went wrong was told to its handlers
	v.over()
}

// visit is a connection while fasthttp serves it. It ends for fasthttp when it
// rests, so that it need not hold a goroutine until the next request.
type visit struct {
	*head.Conn
	below    *wire.Conn
	giveBack func()
	resting  bool        // fasthttp was told that it ends, since it rests
	closed   atomic.Bool // by fasthttp, a hijacker or a handler
	half     atomic.Bool // either fasthttp has returned, or it was closed
}

// ReadFrom sends files by sendfile.
func (v *visit) ReadFrom(r io.Reader) (int64, error) { return v.below.ReadFrom(r) }

// Close closes the connection unless it rests; then it is only released.
// It may be called twice.
func (v *visit) Close() error {
	if v.closed.Swap(true) {
		return nil
	}
	var err error
	if !v.resting {
		err = v.below.Close()
	}
	v.over()
	return err
}

// over is called twice, when fasthttp has returned and when the connection was
// closed, in whatever order. The second time it is given back.
func (v *visit) over() {
	if v.half.Swap(true) {
		v.giveBack()
	}
}

// adopt makes a connection that the loop has released one for a goroutine.
func (e *Engine) adopt(c *Conn) (*wire.Conn, error) {
	conn, err := e.goConn(c)
	if err != nil {
		return nil, err
	}
	stream, ok := conn.(wire.Stream)
	if !ok {
		_ = conn.Close()
		return nil, fmt.Errorf("not a stream connection but %T", conn)
	}
	w := e.listener.Adopt(stream, c)
	c.handed.Store(w)
	if reason := c.cutFor.Load(); reason != nil { // it came before it could be passed on
		w.Cut(*reason)
	}
	return w, nil
}

// goConn hands the connection's socket to Go. It takes a second descriptor for a
// moment: if there is none it waits for one, as a client in the backlog does.
func (e *Engine) goConn(c *Conn) (conn net.Conn, err error) {
	file := os.NewFile(uintptr(c.fd), "")
	defer file.Close() // conn has a descriptor of its own
	pause := adoptPause
	for deadline := time.Now().Add(e.limits().Head); ; pause = min(2*pause, time.Second) {
		conn, err = net.FileConn(file)
		short := errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE)
		if !short || c.cutFor.Load() != nil || time.Now().After(deadline) {
			return conn, err
		}
		time.Sleep(pause)
	}
}

// adoptPause is the first wait for a descriptor; it doubles.
const adoptPause = 5 * time.Millisecond

// giveBack ends a goroutine's work for a connection.
func (e *Engine) giveBack(c *Conn, w *wire.Conn, closes bool) {
	if !closes && w.WriteErr() == nil {
		if fd, err := takeDescriptor(w); err == nil {
			c.loop.tell(message{conn: c, what: cameBack, fd: fd})
			return
		}
	}
	_ = w.Close() // the sender has already seen its error
	c.loop.tell(message{conn: c, what: wentAway})
}

// lost ends a connection that could not be adopted, and so has no descriptor
// any more.
func (e *Engine) lost(c *Conn, err error) {
	e.logger.Printf("error when serving connection %q: %v", c.RemoteAddr(), err)
	c.fail(err)
	e.listener.Remove(c)
	c.loop.tell(message{conn: c, what: wentAway})
}

// takeDescriptor takes the socket out of a connection, which is closed.
func takeDescriptor(w *wire.Conn) (fd int, err error) {
	stream, ok := w.NetConn().(wire.Stream)
	if !ok {
		return -1, fmt.Errorf("not a stream connection but %T", w.NetConn())
	}
	raw, err := stream.SyscallConn()
	if err != nil {
		return -1, err
	}
	controlErr := raw.Control(func(old uintptr) { fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) })
	if controlErr != nil {
		return -1, controlErr
	}
	if err == nil {
		_ = stream.Close() // fd keeps the connection
	}
	return fd, err
}

// takeBack carries a connection on that has come back.
func (l *loop) takeBack(c *Conn, fd int) {
	w := c.handed.Load()
	c.received.Store(w.BytesRead())
	c.sent.Store(w.BytesWritten())
	l.engine.listener.Replace(w, c)
	c.handed.Store(nil)
	if reason := w.CutFor(); reason != nil { // the registry did, when it was w that it knew
		c.cutFor.CompareAndSwap(nil, &reason)
	}
	c.comeBack()
	c.fd = fd
	if !l.carry(c) {
		c.is |= closed
		c.dropIn()
		closeFD(fd)
		l.forget(c)
		return
	}
	l.rested(c)
}

// answerAside is the end of a request whose handler took so long that the loop
// has gone on without it.
func (e *Engine) answerAside(c *Conn, ctx *fasthttp.RequestCtx, persists bool) {
	if c.postponed != nil {
		c.loop.tell(message{conn: c, what: postponedAside, ctx: ctx, persists: persists})
		return
	}
	ctx = e.timedOut(c, ctx)
	r := newResponse()
	r.ctx = ctx
	r.close = e.finishHeader(ctx, persists)
	m := message{conn: c, what: answered, response: r}
	body, kind := bodyOf(ctx)
	if kind == streamed {
		r.streamed = true
		c.loop.tell(m)
		return
	}
	if err := r.put(kind, body); err != nil {
		c.fail(err)
		m.progress = broken
	}
	r.detach()
	c.loop.tell(m)
}

// timedOut returns the context of the response that fasthttp's TimeoutHandler has
// left. The other one is its handler's, which may still run.
func (e *Engine) timedOut(c *Conn, ctx *fasthttp.RequestCtx) *fasthttp.RequestCtx {
	timeout := ctx.LastTimeoutErrorResponse()
	if timeout == nil {
		return ctx
	}
	fresh := acquireCtx()
	fresh.Init2(c, e.logger, true)
	fresh.Request.Header.SetMethodBytes(ctx.Request.Header.Method()) // HEAD has no body,
	fresh.Request.Header.SetProtocolBytes(ctx.Request.Header.Protocol())
	timeout.CopyTo(&fresh.Response)
	return fresh
}

// streamAside lets a goroutine send a response.
func (l *loop) streamAside(c *Conn, r *response) {
	l.release(c)
	go l.engine.stream(c, r.ctx, r.close)
}

// stream sends a response whose body has to be read. The loop has
// released the connection.
func (e *Engine) stream(c *Conn, ctx *fasthttp.RequestCtx, closes bool) {
	w, err := e.adopt(c)
	if err == nil {
		err = write(ctx, w)
		closes = closes || ctx.Response.ConnectionClose() // since that is its end
	}
	if err != nil {
		c.fail(err)
	}
	finishCtx(ctx)
	contexts.Put(ctx)
	if w == nil {
		e.lost(c, err)
		return
	}
	e.giveBack(c, w, closes || err != nil)
}

// streamBuffer is what a streamed response is gathered in, in bytes.
const streamBuffer = 4 << 10

// write writes a response. A client of HTTP/1.0 gets no chunks: what has no
// known length ends with the connection. RFC 9112 section 6.1.
func write(ctx *fasthttp.RequestCtx, w io.Writer) error {
	bw := bufio.NewWriterSize(w, streamBuffer)
	resp := &ctx.Response
	if resp.Header.ContentLength() >= 0 || ctx.Request.Header.IsHTTP11() {
		if err := resp.Write(bw); err != nil {
			return err
		}
		return bw.Flush()
	}
	resp.Header.SetContentLength(-2)
	resp.Header.Del(fasthttp.HeaderTransferEncoding) // which the unknown length has set
	resp.Header.Del(fasthttp.HeaderConnection)       // the keep-alive that the client asked for
	resp.SetConnectionClose()
	if err := resp.Header.Write(bw); err != nil {
		return err
	}
	if err := copyStream(bw, resp.BodyStream()); err != nil {
		return err
	}
	return bw.Flush()
}

// copyStream copies a body stream. A panic in it is an error, as where fasthttp writes
// the response.
func copyStream(w io.Writer, body io.Reader) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic while writing body stream: %v", cause)
		}
	}()
	_, err = io.Copy(w, body)
	return err
}
