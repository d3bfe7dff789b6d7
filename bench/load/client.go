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
	// Optional. Default: nil, nobody is watching.
	Received *atomic.Int64

	conn *net.TCPConn
	raw  syscall.RawConn
	br   *bufio.Reader
}

// Do performs the request. A context that ends cuts the connection and leaves
// its error in the result.
func (c *Client) Do(ctx context.Context, request Request) Result {
	begin := time.Now()
	result := Result{Request: request, Length: -1}
	result.Err = c.perform(ctx, request, &result)
	if result.Err != nil || request.Kind == Aborted {
		c.reset()
	}
	result.Duration = time.Since(begin)
	return result
}

// Close ends the connection, if there is one.
func (c *Client) Close() {
	if c.conn != nil {
		_ = c.conn.Close() // nothing was written that could be lost
		c.conn = nil
	}
}

func (c *Client) perform(ctx context.Context, request Request, result *Result) error {
	if request.Kind == Aborted {
		c.Close() // it wants its own receive buffer, which is set before connecting
	}
	if err := c.connect(ctx, request.Kind == Aborted); err != nil {
		return err
	}
	// An interrupted context makes every read fail at once.
	conn := c.conn
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	response, err := c.ask(ctx, request)
	if err != nil {
		return cause(ctx, err)
	}
	result.Status, result.Length = response.StatusCode, response.ContentLength
	if err := c.check(request, response); err != nil {
		return err
	}
	want := response.ContentLength
	if request.Kind == Aborted {
		want = min(request.Take, want)
	}
	if result.Received, err = c.discard(ctx, want); err != nil {
		return cause(ctx, fmt.Errorf("body ended after %d of %d bytes: %w", result.Received, want, err))
	}
	if request.Kind == Aborted {
		return c.stall(ctx, result)
	}
	if c.br.Buffered() > 0 {
		return fmt.Errorf("%d bytes follow the body", c.br.Buffered())
	}
	if response.Close {
		c.Close()
	}
	return nil
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
	c.br = bufio.NewReaderSize(c.conn, 4096)
	c.raw, err = c.conn.SyscallConn()
	return err
}

// ask sends the request and reads the header of the answer. The body stays where
// it is: in the socket, but for what the buffered reader already holds.
func (c *Client) ask(ctx context.Context, request Request) (*http.Response, error) {
	if err := c.conn.SetDeadline(time.Now().Add(headerWithin)); err != nil {
		return nil, err
	}
	if ctx.Err() != nil { // the interruption's deadline may just have been replaced
		return nil, ctx.Err()
	}
	if _, err := c.conn.Write([]byte(request.head(c.URL))); err != nil {
		return nil, fmt.Errorf("send request: %w", err)
	}
	response, err := http.ReadResponse(c.br, &http.Request{Method: http.MethodGet})
	if err != nil {
		return nil, fmt.Errorf("read response header: %w", err)
	}
	return response, nil // its Body is left alone: closing it would read the file
}

// check compares the answer's header with what the request must get.
func (c *Client) check(request Request, response *http.Response) error {
	status, length, contentRange := http.StatusOK, c.Size, ""
	if request.Kind == Ranged {
		status, length = http.StatusPartialContent, request.Last-request.First+1
		contentRange = fmt.Sprintf("bytes %d-%d/%d", request.First, request.Last, c.Size)
	}
	switch got := response.Header.Get("Content-Range"); {
	case response.StatusCode != status:
		return fmt.Errorf("status %d, want %d", response.StatusCode, status)
	case response.ContentLength != length:
		return fmt.Errorf("Content-Length %d, want %d", response.ContentLength, length)
	case got != contentRange:
		return fmt.Errorf("Content-Range %q, want %q", got, contentRange)
	}
	return nil
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
