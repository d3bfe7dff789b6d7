package logger

// Counting the body streams that do not count themselves (Config.CountStreams),
// where that costs nothing: those that fasthttp reads in pieces through a buffer
// anyway.

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/valyala/fasthttp"
)

// countStream puts a counter around the response's body stream, whose declared
// length is want, -1 if there is none. It leaves alone what fasthttp sends in a
// faster way (files, and what has a WriteTo), unless the length is not known:
// then the response is chunked, goes through a buffer whatever it is, and not
// even the connection's counter could tell its bytes from the framing. An
// io.LimitedReader tells fasthttp the length.
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
	swapResponseStream(resp, &countedStream{r: stream, want: want})
}

// countRequest puts a counter around the request's body stream and gives it;
// nil if the body is in memory.
func countRequest(req *fasthttp.Request) *countedStream {
	if !req.IsBodyStream() {
		return nil
	}
	counted := &countedStream{r: req.BodyStream(), want: -1}
	if !swapRequestStream(req, counted) {
		return nil
	}
	return counted
}

// countedStream is a BodyStream that counts what is read from it.
type countedStream struct {
	r       io.Reader
	want    int64
	read    int64
	reading bool // or it panicked
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

// Close closes the stream, if it can be.
func (s *countedStream) Close() error {
	if c, ok := s.r.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// CloseWithError tells the stream what became of it, if it wants to know.
func (s *countedStream) CloseWithError(err error) error {
	if c, ok := s.r.(fasthttp.ReadCloserWithError); ok {
		return c.CloseWithError(err)
	}
	return nil
}

// BytesSent is what was taken from the stream: the last piece of a response
// that was cut may be part of it without having been sent.
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
