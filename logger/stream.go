package logger

// Config.CountStreams counts the streams that fasthttp reads through a buffer
// anyway, where counting costs nothing.

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"unsafe"

	"github.com/valyala/fasthttp"
)

// countStream wraps the response's body stream in a counter. want is its declared
// length, -1 if there is none. What fasthttp sends in a faster way (files, and
// whatever has a WriteTo) is left alone unless the length is unknown: a chunked
// response goes through a buffer anyway, and the connection cannot tell its bytes
// from the framing. An io.LimitedReader tells fasthttp the length.
func countStream(resp *fasthttp.Response, want int64) {
	stream := resp.BodyStream()
	switch stream.(type) {
	case BodyStream, *io.LimitedReader:
		return
	case *os.File, io.WriterTo:
		if want >= 0 {
			return
		}
	}
	swapStream(unsafe.Pointer(resp), responseStream, &countedStream{r: stream, want: want})
}

// countRequest wraps the request's body stream in a counter, which it returns; nil
// if the body is in memory.
func countRequest(req *fasthttp.Request) *countedStream {
	if !req.IsBodyStream() {
		return nil
	}
	counted := &countedStream{r: req.BodyStream(), want: -1}
	if !swapStream(unsafe.Pointer(req), requestStream, counted) {
		return nil
	}
	return counted
}

// countedStream is a BodyStream that counts what is read from it.
type countedStream struct {
	r       io.Reader
	want    int64
	read    int64
	reading bool // in Read, or it panicked there
	ended   bool
	err     error
}

// Read reads and counts.
func (s *countedStream) Read(p []byte) (int, error) {
	s.reading = true
	n, err := s.r.Read(p)
	s.reading = false
	s.read += int64(n)
	switch {
	case errors.Is(err, io.EOF):
		s.ended = true
	case err != nil:
		s.err = err
	}
	return n, err
}

// Close closes the stream if it is an io.Closer.
func (s *countedStream) Close() error {
	if c, ok := s.r.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// CloseWithError passes the error on if the stream takes one.
func (s *countedStream) CloseWithError(err error) error {
	if c, ok := s.r.(fasthttp.ReadCloserWithError); ok {
		return c.CloseWithError(err)
	}
	return nil
}

// BytesSent is what was read from the stream. If the response was cut short, the
// last piece may not have been sent.
func (s *countedStream) BytesSent() int64 { return s.read }

// Err is what ended the stream early, as far as the stream can tell.
func (s *countedStream) Err() error {
	switch {
	case s.reading:
		return errors.New("panic in the body stream")
	case s.err != nil:
		return s.err
	case s.ended && s.read < s.want:
		return fmt.Errorf("body stream had %d of %d bytes: %w", s.read, s.want, io.ErrUnexpectedEOF)
	case !s.ended && (s.want < 0 || s.read < s.want):
		return fmt.Errorf("response was cut: %w", syscall.EPIPE)
	}
	return nil
}

// Size is the declared length.
func (s *countedStream) Size() int64 { return s.want }
