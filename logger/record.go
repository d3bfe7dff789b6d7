package logger

import (
	"fmt"
	"slices"
	"time"
)

// record lives from the request to the end of the response. It holds no
// *fiber.Ctx, which is released before the first body byte is sent, and the
// request's ctx only for the Observer.
type record struct {
	Result
	log   *Logger
	facts *facts

	declared  int64 // the response's Content-Length, in case it has no body
	headerLen int64 // bytes of the response's header; 0: not measured

	early     []byte  // the line without its holes; visit.line, or kept
	kept      []byte  // a detached record's own copy
	holes     []int32 // offsets in early of the second phase's tags
	errText   []byte  // the handlers' error
	refusedBy string  // see Result.Rule
	logged    bool
	skipped   bool // by Config.Next: no line is written
	panicked  bool // in the handlers
}

// Close ends a detached record.
func (r *record) Close() error {
	if r.conclude(nil) {
		r.recycle()
	}
	return nil
}

// conclude ends the record: it determines how the response went, writes the line
// and tells the Observer. v is nil if the record was detached. It returns false if
// a callback panicked.
func (r *record) conclude(v *visit) bool {
	r.logged = true
	r.finish()
	if r.Rule = r.refusedBy; r.Err != nil && r.Rule == "" {
		r.Rule = ruleOf(r.Err)
	}
	written := r.skipped || r.log.guard(func() { r.write(v) })
	o := r.log.cfg.Observer
	return (o == nil || r.log.guard(func() { o.End(&r.Result) })) && written
}

// guard runs f where no recover middleware reaches. It returns false if f
// panicked.
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
	if v != nil && v.waits {
		buffer.B = l.template.renderWhole(buffer.B, v)
	} else {
		buffer.B = l.template.renderLate(buffer.B, r)
	}
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

// detach copies what the record needs, and keeps little else: it may live for
// hours.
func (r *record) detach() {
	const spare = 256
	if n := len(r.early); cap(r.kept) < n || cap(r.kept) > n+spare {
		r.kept = make([]byte, 0, (n+63)&^63) // rounded up, so that it fits more records
	}
	r.kept = append(r.kept[:0], r.early...)
	r.early = r.kept
	if cap(r.errText) > spare {
		r.errText = slices.Clone(r.errText)
	}
	r.Ctx = nil
}

// recycle returns the record to the pool, with its buffers unless they are large.
func (r *record) recycle() {
	*r = record{
		Result: Result{Path: r.Path[:0], User: r.User[:0]},
		log:    r.log, kept: small(r.kept), holes: r.holes[:0], errText: small(r.errText),
	}
	r.log.records.Put(r)
}

// small is b emptied, or nil if it is large.
func small(b []byte) []byte {
	const much = 8 << 10
	if cap(b) > much {
		return nil
	}
	return b[:0]
}

// trouble is what went wrong, in the handlers or while sending.
func (r *record) trouble() []byte {
	if r.Err != nil {
		return []byte(r.Err.Error())
	}
	return r.errText
}

func (r *record) duration() time.Duration { return r.End.Sub(r.Start) }
func (r *record) ttfb() time.Duration     { return r.Ready.Sub(r.Start) }

// rate is in bytes per second, from the first byte to the last.
func (r *record) rate() int64 {
	if took := r.End.Sub(r.Ready); took > 0 {
		return int64(float64(r.Sent) / took.Seconds())
	}
	return 0
}
