package logger

import (
	"fmt"
	"slices"
	"time"
)

// record lives from the request to the end of the response. It holds no
// *fiber.Ctx, since that is released before the first body byte is sent, and the
// request's ctx only as an Observer's to look at.
type record struct {
	Result
	log   *Logger
	facts *facts

	declared  int64 // the Content-Length of the response, for one without body
	headerLen int64 // bytes of the response's header; 0: not needed

	early    []byte  // the line, as far as the request could tell it; visit.line, or kept
	kept     []byte  // of a detached record
	holes    []int32 // where in early the tags of the second phase belong
	errText  []byte  // of what the handlers returned
	logged   bool
	skipped  bool // by Config.Next: no line is written
	panicked bool // the handlers have
}

// Close ends a detached record.
func (r *record) Close() error {
	if r.conclude(nil) {
		r.recycle()
	}
	return nil
}

// conclude ends the record: it finds out how the response went, writes the line
// and tells the Observer. v is nil if it was detached. It is false if something
// panicked on the way.
func (r *record) conclude(v *visit) bool {
	r.logged = true
	r.finish()
	written := r.skipped || r.log.guard(func() { r.write(v) })
	o := r.log.cfg.Observer
	return (o == nil || r.log.guard(func() { o.End(&r.Result) })) && written
}

// guard runs what is called where no recover middleware reaches. It is false if
// that panicked.
func (l *Logger) guard(f func()) (ok bool) {
	defer func() {
		if cause := recover(); cause != nil {
			l.trouble(fmt.Errorf("panic while a request was logged: %v", cause))
			ok = false
		}
	}()
	f()
	return true
}

// write renders the second phase and writes the line.
func (r *record) write(v *visit) {
	l := r.log
	buffer := l.lines.Get()
	defer l.lines.Put(buffer)
	buffer.B = l.template.renderLate(buffer.B, r)
	line := buffer.B
	if l.cfg.Logger != nil {
		l.writeEvent(r.Status, line)
		line = line[:0]
	} else {
		l.output(line)
	}
	if l.cfg.Done != nil && v != nil {
		v.callDone(line)
	}
}

// detach makes the record hold all of it itself, and little besides: it may wait
// for hours.
func (r *record) detach() {
	const spare = 256
	if n := len(r.early); cap(r.kept) < n || cap(r.kept) > n+spare {
		r.kept = make([]byte, 0, (n+63)&^63) // more than needed, or it would seldom do for the next one
	}
	r.kept = append(r.kept[:0], r.early...)
	r.early = r.kept
	if cap(r.errText) > spare {
		r.errText = slices.Clone(r.errText)
	}
	r.Ctx = nil
}

// recycle gives the record back, and keeps its buffers unless a request made
// them large.
func (r *record) recycle() {
	*r = record{
		Result: Result{Path: r.Path[:0], User: r.User[:0]},
		log:    r.log, kept: small(r.kept), holes: r.holes[:0], errText: small(r.errText),
	}
	r.log.records.Put(r)
}

// small is an empty buffer with the memory of b, if that is not much.
func small(b []byte) []byte {
	const much = 8 << 10
	if cap(b) > much {
		return nil
	}
	return b[:0]
}

// trouble is what went wrong, in the handlers or on the way to the client.
func (r *record) trouble() []byte {
	if r.Err != nil {
		return []byte(r.Err.Error())
	}
	return r.errText
}

func (r *record) duration() time.Duration { return r.End.Sub(r.Start) }
func (r *record) ttfb() time.Duration     { return r.Ready.Sub(r.Start) }

// rate is in bytes a second, from the first byte to the last.
func (r *record) rate() int64 {
	if took := r.End.Sub(r.Ready); took > 0 {
		return int64(float64(r.Sent) / took.Seconds())
	}
	return 0
}
