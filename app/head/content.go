package head

import (
	"errors"
	"io"
	"time"

	"fullbore/app/deadline"
)

// content is what is known of a request whose content is being read, for the
// refusal that there may be. Its text is reused, so that a request with content
// does not allocate.
type content struct {
	line     []byte // the method, and behind it the target, at most 4 KiB of it
	method   int    // bytes of line
	way      []byte // see Refusal.Way
	received int64  // bytes of content
	since    time.Time
	body     deadline.Body
}

// maxLine is how many bytes of text are kept for the next request.
const maxLine = 512

// begin takes note of the request whose head is in buf.
func (c *content) begin(h *Head, buf []byte) {
	if cap(c.line) > maxLine {
		c.line = nil
	}
	if cap(c.way) > maxLine {
		c.way = nil
	}
	c.way = appendWay(c.way[:0], buf[:h.Length])
	method, target := h.Method(buf), h.Target(buf)
	c.line = append(append(c.line[:0], method...), target[:min(len(target), maxRecorded)]...)
	c.method, c.received, c.since, c.body = len(method), 0, time.Now(), deadline.Body{}
}

// refusal refuses the request for its content.
func (c *content) refusal(status int, reason string, err error) *Refusal {
	return &Refusal{
		Status: status, Reason: reason, Err: err, InBody: true,
		Method: string(c.line[:c.method]), Target: string(c.line[c.method:]), Way: string(c.way),
		received: c.received, since: c.since,
	}
}

// ended refuses a request whose content ended with err before it was whole.
func (c *content) ended(err error) *Refusal {
	switch {
	case isTimeout(err):
		return c.refusal(408, "the content did not come in time", err)
	case errors.Is(err, io.EOF):
		return c.refusal(400, "the connection ended within the content", io.ErrUnexpectedEOF)
	}
	return c.refusal(400, "the content could not be read", err)
}
