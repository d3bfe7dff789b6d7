package head

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"
)

// maxRecorded is how many bytes of a refused target are kept.
const maxRecorded = 4 << 10

// Refusal is why a request was refused. It is the error of a [Reader], and of
// a [Conn] towards fasthttp, which wraps it for Server.ErrorHandler. The
// connection has to be closed after the answer.
type Refusal struct {
	Status int    // to answer with
	Reason string // for the log; quotes nothing from the client
	// Method and Target are what the client sent, as far as it could be read;
	// of a target at most 4 KiB. They may have any octet but line ends.
	Method, Target string
	// Proto is the HTTP-version of the request; empty if the request line was not whole.
	Proto string
	// Way is those field lines of the head that tell of the request's way here by proxies,
	// a line each, if InBody.
	Way string
	// InBody is whether the head was in order, and the content is not or did
	// not come: then the reader of the content answers.
	InBody bool
	// Err is what ended reading a head or a content that is not whole; nil if
	// the request was refused for what it says.
	Err error

	received int64     // bytes of content
	since    time.Time // when the head was whole; zero if it never was
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("refused with %d: %s", r.Status, r.Reason)
}

// RequestLine is Method, Target and Proto, for a logger that does not know this package.
func (r *Refusal) RequestLine() (method, target, proto string) { return r.Method, r.Target, r.Proto }

// Content is how many bytes of the request's content came, and when waiting for
// them began: the zero time if the head was not whole.
func (r *Refusal) Content() (received int64, since time.Time) { return r.received, r.since }

func (r *Refusal) Unwrap() error { return r.Err }

// Refusal is that of a refused head whose bytes are in buf.
func (h *Head) Refusal(buf []byte) *Refusal {
	target := h.Target(buf)
	return &Refusal{
		Status: h.Status,
		Reason: h.Reason,
		Method: string(h.Method(buf)),
		Target: string(target[:min(len(target), maxRecorded)]),
		Proto:  string(h.proto.of(buf)),
	}
}

// Ended is the refusal of a head of which only buf came before err: 408 for a
// timeout, 400 for io.EOF. It is nil for other errors, after which the client
// is gone, and if no request has begun.
func (h *Head) Ended(buf []byte, err error) *Refusal {
	if len(bytes.Trim(buf, "\r\n")) == 0 {
		return nil
	}
	refusal := h.Refusal(buf)
	switch {
	case errors.Is(err, io.EOF):
		refusal.Status, refusal.Reason, refusal.Err = 400, "the connection ended within the head", io.ErrUnexpectedEOF
	case isTimeout(err):
		refusal.Status, refusal.Reason, refusal.Err = 408, "the head did not come in time", err
	default:
		return nil
	}
	return refusal
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}
