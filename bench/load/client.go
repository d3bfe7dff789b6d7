//go:build linux

package load

// This file is one client: one connection, one request at a time. It exists
// instead of net/http's because that copies every byte through user space, which
// costs more than the server under test, and cannot say what was in flight.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	headerWithin   = 120 * time.Second // a server that reads the file first takes long
	progressWithin = 60 * time.Second  // longest pause between two pieces of a body

	// Small enough that a stalled reader closes its window at once, large
	// enough for full speed until then.
	abortReceiveBuffer = 256 << 10

	headerBuffer = 4096
)

// Client downloads one file again and again. Not safe for concurrent use.
type Client struct {
	URL  *url.URL
	Size int64 // of the whole file, for checking answers

	// PID is the server's process, whose /proc/PID/net/tcp shows its side of
	// the connection even in another network namespace.
	//
	// Optional. Default: 0, the server shares this process's namespace.
	PID int

	// Received grows by every body byte as it arrives, for a progress display.
	//
	// Optional. Default: nil, no display.
	Received *atomic.Int64

	deep chan<- func() // see deeply; nil outside of Run
	conn *net.TCPConn
	raw  syscall.RawConn
	br   *bufio.Reader
}

// Do performs the request. A context that ends cuts the connection and leaves
// its error in the result.
func (c *Client) Do(ctx context.Context, request Request) Result {
	result := &Result{Request: request}
	c.do(ctx, result)
	return *result
}

// do fills in the rest of a result. It takes a pointer, as everything below it
// does, because the stacks of thousands of waiting clients are what this process
// is made of.
func (c *Client) do(ctx context.Context, result *Result) {
	if result.Kind == Resumed {
		c.resume(ctx, result)
		return
	}
	begin := time.Now()
	result.Length = -1
	result.Err = c.perform(ctx, result)
	if result.Err != nil || result.CutShort() {
		c.reset()
	}
	c.release()
	result.Duration = time.Since(begin)
}

// Close ends the connection, if there is one.
func (c *Client) Close() {
	if c.conn != nil {
		_ = c.conn.Close() // nothing was written that could be lost
		c.conn = nil
	}
}

func (c *Client) connect(ctx context.Context, smallBuffer bool) error {
	if c.conn != nil {
		return nil
	}
	dialer := net.Dialer{Timeout: 10 * time.Second}
	if smallBuffer {
		dialer.Control = func(_, _ string, raw syscall.RawConn) error {
			var set error
			err := raw.Control(func(fd uintptr) {
				set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, abortReceiveBuffer)
			})
			return errors.Join(err, set)
		}
	}
	port := c.URL.Port()
	if port == "" {
		port = "80"
	}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(c.URL.Hostname(), port))
	if err != nil {
		return err
	}
	c.conn = conn.(*net.TCPConn)
	c.raw, err = c.conn.SyscallConn()
	return err
}

// ask sends the request and returns the header of the answer to accept, on a
// goroutine with a deep stack. The body stays where it is: in the socket, but for
// what the buffered reader already holds.
func (c *Client) ask(ctx context.Context, request *Request, accept func(*http.Response) error) error {
	if err := c.deeply(func() error { return c.send(ctx, request) }); err != nil {
		return err
	}
	if err := c.await(); err != nil {
		return fmt.Errorf("read response header: %w", err)
	}
	return c.deeply(func() error {
		method := http.MethodGet
		if request.Kind == Head {
			method = http.MethodHead
		}
		response, err := http.ReadResponse(c.br, &http.Request{Method: method})
		if err != nil {
			return fmt.Errorf("read response header: %w", err)
		}
		return accept(response) // its Body is left alone: closing it would read the file
	})
}

func (c *Client) send(ctx context.Context, request *Request) error {
	if err := c.conn.SetDeadline(time.Now().Add(headerWithin)); err != nil {
		return err
	}
	if ctx.Err() != nil { // the interruption's deadline may just have been replaced
		return ctx.Err()
	}
	if _, err := c.conn.Write([]byte(request.head(c.URL))); err != nil {
		return fmt.Errorf("send request: %w", err)
	}
	return nil
}

// deeply does work that needs a deep stack on one of Run's few goroutines for
// that: the thousands that wait for bytes keep their small ones.
func (c *Client) deeply(work func() error) error {
	if c.deep == nil {
		return work()
	}
	done := make(chan error, 1)
	c.deep <- func() { done <- work() }
	return <-done
}

// readers are the buffers that headers are read into. They are shared because
// thousands of clients wait at a time and few read.
var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, headerBuffer) }}

// await waits for the first byte of the answer and only then takes a buffer.
func (c *Client) await() error {
	var peeked [1]byte
	var failed error
	err := c.raw.Read(func(fd uintptr) bool {
		for {
			_, _, failed = unix.Recvfrom(int(fd), peeked[:], unix.MSG_PEEK)
			if failed != unix.EINTR {
				return failed != unix.EAGAIN
			}
		}
	})
	if err = errors.Join(err, failed); err != nil {
		return err
	}
	c.br = readers.Get().(*bufio.Reader)
	c.br.Reset(c.conn)
	return nil
}

// release returns the buffer to its pool. What is left in it is lost.
func (c *Client) release() {
	if c.br != nil && c.br != nobody {
		c.br.Reset(nil)
		readers.Put(c.br)
	}
	c.br = nil
}

// nobody is an empty reader: it stands for "no buffer held".
var nobody = bufio.NewReaderSize(nil, 16)

// drained returns the buffer to its pool while the body is still to come: a slow reader
// would hold it for long.
func (c *Client) drained() {
	if c.buffered() == 0 {
		c.release()
		c.br = nobody
	}
}

// buffered is how much of the body arrived together with the header.
func (c *Client) buffered() int64 {
	if c.br == nil {
		return 0
	}
	return int64(c.br.Buffered())
}

// reset closes the connection with a RST: what is in flight is thrown away by
// both kernels, as when a user closes the browser.
func (c *Client) reset() {
	if c.conn != nil {
		_ = c.conn.SetLinger(0) // fails only on a connection that is gone already
		c.Close()
	}
}

// cause prefers "interrupted" to the deadline error that an interruption makes.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
