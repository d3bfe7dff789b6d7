package logger

// This file is how the truth about a response is found when it is over: whom
// to ask, whom to believe, and what to call it.

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

// BodyStream is what a response body stream may implement to be logged with
// certainty. Each method is asked after the stream was closed.
type BodyStream interface {
	// BytesSent is the number of body bytes the kernel took.
	BytesSent() int64
	// Err is what ended the body early, nil if nothing did: an error that is
	// os.ErrDeadlineExceeded for a client that took nothing for too long,
	// io.ErrUnexpectedEOF for a source that had less than it promised, or
	// whatever reading or writing gave.
	Err() error
	// Size is the whole representation's size in bytes, of which a range may
	// be sent; negative if it is not known.
	Size() int64
}

// Conn is what a connection may implement so that bodies without a counter of
// their own are logged with certainty too.
type Conn interface {
	// BytesWritten is the number of bytes the kernel took on this connection.
	BytesWritten() int64
	// WriteErr is the first error of a write, nil if there was none.
	WriteErr() error
}

// Outcome says how a response ended.
type Outcome string

// The outcomes.
const (
	Complete      Outcome = "complete"       // all bytes of the response were taken
	Aborted       Outcome = "aborted"        // the client went away
	Timeout       Outcome = "timeout"        // the client took nothing for too long
	SourceChanged Outcome = "source_changed" // the source had less than it promised
	Failed        Outcome = "error"          // anything else
)

// finish finds out how the response went. Of the answers that there are the
// most certain one wins: the stream's own, then the connection's, then what
// was declared.
func (r *record) finish() {
	if r.log.needs.end {
		r.end = time.Now()
	}
	r.sent, r.size = 0, -1
	if r.conn != nil {
		r.failure = r.conn.WriteErr()
	}
	switch {
	case r.stream != nil:
		r.askStream()
	case r.isStream && !r.noBody:
		r.sent = max(r.bodyLen, 0)
		if r.conn != nil {
			r.askConn()
		}
	case !r.isStream:
		r.askMemory()
	}
	r.outcome = outcomeOf(r.failure)
}

// askMemory is for a body in memory. An intact connection took it whole, or
// will with the next flush when requests are pipelined. It is a whole
// representation unless it says what went wrong.
func (r *record) askMemory() {
	if r.status < fasthttp.StatusMultipleChoices && !bodyless(r.status) {
		r.size = r.bodyLen
	}
	if r.noBody {
		if declared := int64(r.ctx.Response.Header.ContentLength()); r.size == 0 && declared > 0 {
			r.size = declared // HEAD, where the body was never made
		}
		return
	}
	r.sent = r.bodyLen
	if r.failure != nil {
		r.sent = min(r.sentOnConn(), r.bodyLen)
	}
}

// askStream takes a stream's word for what was sent. A stream that we count
// ourselves knows what was read from it, not what became of that: when anything
// goes wrong, fasthttp throws away what waits in its buffer.
func (r *record) askStream() {
	r.size = r.stream.Size()
	if r.noBody {
		return
	}
	r.sent = r.stream.BytesSent()
	err := r.stream.Err()
	if _, ours := r.stream.(*countedStream); ours && r.conn != nil && (err != nil || r.failure != nil) {
		r.sent = min(r.sent, r.sentOnConn())
		if r.failure != nil {
			return
		}
	}
	if err != nil {
		r.failure = err
	}
}

// askConn finds what was sent of a stream that does not count, by what the
// connection took. Of a complete response as much as fasthttp's buffer holds
// may wait to be flushed, when requests are pipelined.
func (r *record) askConn() {
	sent := r.sentOnConn()
	switch {
	case r.bodyLen < 0:
		r.sent = sent
	case r.failure != nil || sent+r.facts.writeBuffer < r.bodyLen:
		r.sent = min(sent, r.bodyLen)
		if r.failure == nil {
			r.failure = fmt.Errorf("body stream had fewer bytes than declared: %w", io.ErrUnexpectedEOF)
		}
	}
}

// sentOnConn is what the connection took since the handlers were done, less
// the header.
func (r *record) sentOnConn() int64 {
	return max(r.conn.BytesWritten()-r.written0-r.headerLen(), 0)
}

func (r *record) headerLen() int64 { return int64(len(r.ctx.Response.Header.Header())) }

// wire is the number of bytes of the whole response, header and framing
// included, that the connection took; if it cannot tell, header and body.
func (r *record) wire() int64 {
	if r.conn != nil {
		return r.conn.BytesWritten() - r.written0
	}
	return r.headerLen() + r.sent
}

func outcomeOf(err error) Outcome {
	switch {
	case err == nil:
		return Complete
	case errors.Is(err, os.ErrDeadlineExceeded):
		return Timeout
	case errors.Is(err, io.ErrUnexpectedEOF):
		return SourceChanged
	case errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET), errors.Is(err, net.ErrClosed):
		return Aborted
	default:
		return Failed
	}
}

// noLength is fasthttp's content length of a request without one that is not
// chunked either. It has no body. RFC 9112 section 6.3.
const noLength = -2

// received is the number of bytes of the request's body that were read: of a
// stream what was taken from it, else what fasthttp has in memory. Never
// negative.
func (r *record) received() int64 {
	req := &r.ctx.Request
	declared := int64(req.Header.ContentLength())
	switch {
	case r.unread, declared == noLength:
		return 0
	case r.request != nil:
		return r.request.read
	case req.IsBodyStream():
		return 0 // a handler's own; what was there before is not known any more
	case declared > 0 && !req.MayContinue():
		return declared // or the handlers would not have been called
	case len(req.Header.MultipartFormBoundary()) > 0:
		// Body would write a parsed form out again. Where bodies are streams
		// and there is none, the client was told not to send it.
		if r.facts.streams {
			return 0
		}
		return max(declared, 0)
	}
	return int64(len(req.Body()))
}
