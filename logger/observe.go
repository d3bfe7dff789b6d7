package logger

// This file is what the logger tells programs, as a line tells people: the same
// truth, so that metrics and log agree to the byte.

import (
	"time"

	"github.com/valyala/fasthttp"
)

// Result is what became of one request.
type Result struct {
	// Ctx has the request and the response's header still whole, and what
	// handlers left in its user values. Its body streams are gone.
	Ctx *fasthttp.RequestCtx

	// Stream is the response's body stream, closed already, if it can tell what
	// was sent of it; else nil.
	Stream BodyStream

	Unread   bool  // the request could not be read; method and path are not known
	Status   int   // of the response
	Sent     int64 // bytes of the body that the kernel took
	Received int64 // bytes of the request's body that were read
	Size     int64 // bytes of the whole representation; -1: not known
	Outcome  Outcome
	Err      error // what ended the response early; nil if nothing did

	Start time.Time // when the request came
	Ready time.Time // when the response could begin
	End   time.Time // when the last byte was taken, or the transfer ended
}

// observe hands the result on.
func (r *record) observe() {
	r.result = Result{
		Ctx:      r.ctx,
		Stream:   r.stream,
		Unread:   r.unread,
		Status:   r.status,
		Sent:     r.sent,
		Received: r.received(),
		Size:     r.size,
		Outcome:  r.outcome,
		Err:      r.failure,
		Start:    r.start,
		Ready:    r.readyAt,
		End:      r.end,
	}
	r.log.cfg.Observe(&r.result)
}
