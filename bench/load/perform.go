//go:build linux

package load

// This file is how each kind of download goes, and what its answer must be. It
// exists apart from the connection so that a new kind is one more case here.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

// slowPieces is in how many pieces a slow reader takes its bytes.
const slowPieces = 20

func (c *Client) perform(ctx context.Context, result *Result) error {
	request := &result.Request
	if request.CutShort() {
		c.Close() // it wants its own receive buffer, which is set before connecting
	}
	if err := c.deeply(func() error { return c.connect(ctx, request.CutShort()) }); err != nil {
		return err
	}
	// An interrupted context makes every read fail at once.
	conn := c.conn
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	answer, err := c.answer(ctx, result)
	if err != nil {
		return cause(ctx, err)
	}
	if err := c.take(ctx, answer, result); err != nil {
		return cause(ctx, err)
	}
	if request.CutShort() {
		return nil
	}
	if extra := c.buffered(); extra > 0 {
		return fmt.Errorf("%d bytes follow the body", extra)
	}
	if answer.close {
		c.Close()
	}
	return nil
}

// expected is what is left of a header once it has been checked.
type expected struct {
	length int64         // -1 if unknown
	body   io.ReadCloser // only of a body that is read through user space
	close  bool
}

func (c *Client) answer(ctx context.Context, result *Result) (answer expected, err error) {
	asked := time.Now()
	err = c.ask(ctx, &result.Request, func(response *http.Response) error {
		result.FirstByte = time.Since(asked)
		result.Status, result.Length = response.StatusCode, response.ContentLength
		if err := c.check(&result.Request, response); err != nil {
			return err
		}
		if tag := response.Header.Get("ETag"); strings.HasPrefix(tag, `"`) { // strong, as If-Range wants it
			result.ifRange = strings.Clone(tag)
		}
		answer = expected{length: response.ContentLength, close: response.Close}
		if answer.length < 0 || result.Kind == Missing || result.Kind == Listing {
			answer.body = response.Body
		}
		return nil
	})
	return answer, err
}

// take takes as much of the body as the kind of download does.
func (c *Client) take(ctx context.Context, answer expected, result *Result) (err error) {
	request, want := &result.Request, answer.length
	switch {
	case request.Kind == Head:
		return nil
	case answer.body != nil:
		result.Received, err = c.read(answer.body)
		if err != nil {
			err = fmt.Errorf("body ended after %d bytes: %w", result.Received, err)
		}
		return err
	case request.Kind == Slow:
		want = min(request.Take, want)
		result.Received, err = c.sip(ctx, want, request.Over)
	case request.Kind == Aborted:
		want = min(request.Take, want)
		fallthrough
	default:
		result.Received, err = c.discard(ctx, want)
	}
	if err != nil {
		return fmt.Errorf("body ended after %d of %d bytes: %w", result.Received, want, err)
	}
	if request.CutShort() {
		return c.stall(ctx, result)
	}
	return nil
}

// read takes a body of unknown length through user space.
func (c *Client) read(body io.Reader) (int64, error) {
	received, err := io.Copy(io.Discard, body)
	c.count(received)
	return received, err
}

// sip discards n bytes evenly over the given time.
func (c *Client) sip(ctx context.Context, n int64, over time.Duration) (received int64, err error) {
	for i := range int64(slowPieces) {
		c.drained()
		piece, err := c.discard(ctx, n*(i+1)/slowPieces-received)
		received += piece
		if err != nil {
			return received, err
		}
		select {
		case <-ctx.Done():
			return received, ctx.Err()
		case <-time.After(over / slowPieces):
		}
	}
	return received, nil
}

// resume cuts a download and fetches the rest of it on a new connection, as
// download managers do (RFC 9110 section 13.1.5). The parts have the request's
// ID with "a" and "b" appended.
func (c *Client) resume(ctx context.Context, result *Result) {
	before := &Result{Request: result.Request}
	before.ID, before.Kind = result.ID+"a", Aborted
	c.do(ctx, before)
	if before.Err != nil || before.Received >= c.Size { // there is no rest to fetch
		*result = *before
		result.Kind = Aborted
		return
	}
	result.ID, result.Kind, result.ifRange = result.ID+"b", Ranged, before.ifRange
	result.First, result.Last = before.Received, c.Size-1
	c.do(ctx, result)
	result.Kind, result.Before = Resumed, before
}

// check compares the answer's header with what the request must get.
func (c *Client) check(request *Request, response *http.Response) error {
	status, length, contentRange := http.StatusOK, c.Size, ""
	switch request.Kind {
	case Ranged:
		status, length = http.StatusPartialContent, request.Last-request.First+1
		contentRange = fmt.Sprintf("bytes %d-%d/%d", request.First, request.Last, c.Size)
	case Ranges:
		return checkRanges(request, response)
	case Missing:
		status, length = http.StatusNotFound, response.ContentLength
	case Listing:
		length = response.ContentLength
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

// checkRanges wants parts that together are at least as long as the spans (RFC
// 9110 section 14.6).
func checkRanges(request *Request, response *http.Response) error {
	var least int64
	for _, span := range request.Spans {
		least += span.Last - span.First + 1
	}
	kind, parameters, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	switch {
	case response.StatusCode != http.StatusPartialContent:
		return fmt.Errorf("status %d, want %d", response.StatusCode, http.StatusPartialContent)
	case err != nil || kind != "multipart/byteranges" || parameters["boundary"] == "":
		return fmt.Errorf("Content-Type %q, want multipart/byteranges with a boundary", response.Header.Get("Content-Type"))
	case response.ContentLength >= 0 && response.ContentLength <= least:
		return fmt.Errorf("Content-Length %d of %d parts with %d bytes", response.ContentLength, len(request.Spans), least)
	}
	return nil
}

// errNothing is an answer with no file in it.
var errNothing = errors.New("no size of a non-empty file in the answer")
