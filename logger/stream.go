package logger

// This file counts the body streams that do not count themselves, where that
// costs nothing: those that fasthttp reads in pieces through a buffer anyway.

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"syscall"
	"unsafe"

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
	if responseStream >= 0 {
		*streamOf(unsafe.Pointer(resp), responseStream) = &countedStream{r: stream, want: want}
	}
}

// countRequest puts a counter around the request's body stream and gives it;
// nil if the body is in memory.
func countRequest(req *fasthttp.Request) *countedStream {
	if !req.IsBodyStream() || requestStream < 0 {
		return nil
	}
	counted := &countedStream{r: req.BodyStream(), want: -1}
	*streamOf(unsafe.Pointer(req), requestStream) = counted
	return counted
}

// Where in fasthttp's messages their body streams are, -1 if that cannot be
// told. SetBodyStream would close the stream that is there, and there is no
// other way to it. If a coming fasthttp has other fields, counts fall back to
// what the connection or the header tells.
var (
	responseStream = streamOffset(reflect.TypeFor[fasthttp.Response]())
	requestStream  = streamOffset(reflect.TypeFor[fasthttp.Request]())
)

func streamOffset(message reflect.Type) int {
	field, ok := message.FieldByName("bodyStream")
	if !ok || len(field.Index) != 1 || field.Type != reflect.TypeFor[io.Reader]() {
		return -1
	}
	return int(field.Offset)
}

func streamOf(message unsafe.Pointer, offset int) *io.Reader {
	return (*io.Reader)(unsafe.Add(message, offset))
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
