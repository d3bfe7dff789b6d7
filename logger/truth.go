package logger

// How a response went is decided when it is over, from the most reliable source
// there is.

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

// Outcome says how a response ended.
type Outcome string

// The outcomes.
const (
	Complete      Outcome = "complete"       // the kernel took every byte of the response
	Aborted       Outcome = "aborted"        // the client went away
	Timeout       Outcome = "timeout"        // the client took nothing for too long
	SourceChanged Outcome = "source_changed" // the source had less than it promised
	Failed        Outcome = "error"          // anything else
)

// finish determines how the response went: by the stream's word if it counts, else
// the connection's, else what was declared.
func (r *record) finish() {
	r.End = time.Now()
	if r.Conn != nil {
		r.Err = r.Conn.WriteErr()
	}
	switch {
	case r.Stream != nil:
		r.askStream()
	case r.streamed && !r.bodyless:
		r.Sent = max(r.length, 0)
		if r.Conn != nil {
			r.askConn()
		}
	case !r.streamed:
		r.askMemory()
	}
	if r.Outcome = outcomeOf(r.Err); r.panicked {
		r.Outcome = Failed
	}
}

// askMemory is for a body in memory. An intact connection took it whole, or will
// with the next flush if requests are pipelined. It is a whole representation
// unless the status is a redirect or an error.
func (r *record) askMemory() {
	if r.Status < fasthttp.StatusMultipleChoices && !bodyless(r.Status) {
		r.Size = r.length
	}
	if r.bodyless {
		if r.Size == 0 && r.declared > 0 {
			r.Size = r.declared // HEAD, where the body was never made
		}
		return
	}
	r.Sent = r.length
	if r.Err != nil {
		r.Sent = min(r.sentOnConn(), r.length)
	}
}

// askStream takes a stream's word for what was sent. A countedStream only knows
// what was read from it: on any error fasthttp discards what is in its buffer.
func (r *record) askStream() {
	if r.bodyless {
		return
	}
	r.Sent = r.Stream.BytesSent()
	err := r.Stream.Err()
	if _, ours := r.Stream.(*countedStream); ours && r.Conn != nil && (err != nil || r.Err != nil) {
		r.Sent = min(r.Sent, r.sentOnConn())
		if r.Err != nil {
			return
		}
	}
	if err != nil {
		r.Err = err
	}
}

// askConn determines what was sent of a stream that does not count, by what the
// connection took. If requests are pipelined, the end of a complete response may
// still be in fasthttp's buffer.
func (r *record) askConn() {
	sent := r.sentOnConn()
	switch {
	case r.length < 0:
		r.Sent = sent
	case r.Err != nil || sent+r.facts.writeBuffer < r.length:
		r.Sent = min(sent, r.length)
		if r.Err == nil {
			r.Err = fmt.Errorf("body stream had fewer bytes than declared: %w", io.ErrUnexpectedEOF)
		}
	}
}

// sentOnConn is what the connection took since the handlers were done, less the
// header.
func (r *record) sentOnConn() int64 {
	return max(r.Conn.BytesWritten()-r.written0-r.headerLen, 0)
}

// wire is the number of bytes of the whole response, header and framing included,
// that the connection took; header and body if it does not count.
func (r *record) wire() int64 {
	if r.Conn != nil {
		return r.Conn.BytesWritten() - r.written0
	}
	return r.headerLen + r.Sent
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

// noLength is fasthttp's content length of a request that has none and is not
// chunked. It has no body: RFC 9112 section 6.3.
const noLength = -2

// received is the number of bytes of the request's body that were read: from the
// stream, or by fasthttp into memory. Never negative.
func (v *visit) received() int64 {
	req := &v.ctx.Request
	declared := int64(req.Header.ContentLength())
	switch {
	case v.record.Unread:
		return v.arrived
	case declared == noLength:
		return 0
	case v.body != nil:
		return v.body.read
	case req.IsBodyStream() && !v.log.cfg.CountStreams:
		return max(declared, 0)
	case req.IsBodyStream():
		return 0 // a handler replaced the stream; what it had read is unknown
	case declared > 0 && !req.MayContinue():
		return declared // fasthttp read it before it called the handlers
	case len(req.Header.MultipartFormBoundary()) > 0:
		// Body would marshal a parsed form again. If bodies are streams and this
		// one is not, the client was told not to send it.
		if v.record.facts.streams {
			return 0
		}
		return max(declared, 0)
	}
	return int64(len(req.Body()))
}
