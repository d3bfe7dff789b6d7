package logger

// This file is the record as JSON. zerolog escapes what clients sent.

import (
	"fmt"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

// field is one member of the JSON object.
type field struct {
	name string
	add  func(e *zerolog.Event, name string, r *record)
}

// allFields is the record, in its order. The names are stable.
var allFields = []field{
	{"time", func(e *zerolog.Event, k string, r *record) {
		r.text = r.end.UTC().AppendFormat(r.text[:0], "2006-01-02T15:04:05.000Z07:00")
		e.Bytes(k, r.text)
	}},
	{"id", func(e *zerolog.Event, k string, r *record) { e.Bytes(k, r.id()) }},
	{"remote", func(e *zerolog.Event, k string, r *record) { r.add(e, k, r.ip) }},
	{"user", func(e *zerolog.Event, k string, r *record) { r.add(e, k, r.user) }},
	{"method", func(e *zerolog.Event, k string, r *record) { r.add(e, k, r.method()) }},
	{"host", func(e *zerolog.Event, k string, r *record) { r.add(e, k, r.ctx.Host()) }},
	{"path", func(e *zerolog.Event, k string, r *record) { r.add(e, k, r.path()) }},
	{"query", func(e *zerolog.Event, k string, r *record) { r.add(e, k, r.ctx.URI().QueryString()) }},
	{"proto", func(e *zerolog.Event, k string, r *record) { r.add(e, k, r.proto()) }},
	{"status", func(e *zerolog.Event, k string, r *record) { e.Int(k, r.status) }},
	{"range", func(e *zerolog.Event, k string, r *record) { r.add(e, k, r.servedRange()) }},
	{"size", func(e *zerolog.Event, k string, r *record) { e.Int64(k, r.size) }},
	{"bytes_sent", func(e *zerolog.Event, k string, r *record) { e.Int64(k, r.sent) }},
	{"bytes_received", func(e *zerolog.Event, k string, r *record) { e.Int64(k, r.received()) }},
	{"ttfb_ms", func(e *zerolog.Event, k string, r *record) { e.Float64(k, milliseconds(r.ttfb())) }},
	{"duration_ms", func(e *zerolog.Event, k string, r *record) { e.Float64(k, milliseconds(r.duration())) }},
	{"outcome", func(e *zerolog.Event, k string, r *record) { e.Str(k, string(r.outcome)) }},
	{"referer", func(e *zerolog.Event, k string, r *record) { r.add(e, k, r.ctx.Referer()) }},
	{"user_agent", func(e *zerolog.Event, k string, r *record) { r.add(e, k, r.ctx.UserAgent()) }},
	{"error", func(e *zerolog.Event, k string, r *record) { r.add(e, k, r.trouble()) }},
}

// moreFields are there for those who choose them.
var moreFields = []field{
	{"bytes_wire", func(e *zerolog.Event, k string, r *record) { e.Int64(k, r.wire()) }},
	{"rate", func(e *zerolog.Event, k string, r *record) { e.Int64(k, r.rate()) }},
	{"request_id", func(e *zerolog.Event, k string, r *record) { r.add(e, k, r.requestID) }},
	{"url", func(e *zerolog.Event, k string, r *record) { r.add(e, k, r.url()) }},
}

// Fields lists the names that Config.Fields may have. Without a choice, those
// up to error are logged.
func Fields() []string {
	var names []string
	for _, f := range append(allFields[:len(allFields):len(allFields)], moreFields...) {
		names = append(names, f.name)
	}
	return names
}

// fieldsOf finds the chosen fields.
func fieldsOf(names []string) ([]field, error) {
	if len(names) == 0 {
		return allFields, nil
	}
	var chosen []field
next:
	for _, name := range names {
		for _, f := range append(allFields[:len(allFields):len(allFields)], moreFields...) {
			if f.name == name {
				chosen = append(chosen, f)
				continue next
			}
		}
		return nil, fmt.Errorf("no field %q; there are %s", name, strings.Join(Fields(), " "))
	}
	return chosen, nil
}

func (r *record) writeJSON(e *zerolog.Event) {
	for _, f := range r.log.fields {
		f.add(e, f.name, r)
	}
	e.Send()
}

// add adds a value that came from outside, or its beginning if it is too long
// for a log. zerolog writes what is ordinary text; it would leave alone those
// control characters that JSON allows, C1 and the marks that turn the direction
// of text, which must not reach a terminal either.
func (r *record) add(e *zerolog.Event, name string, value []byte) {
	if limit := r.log.cfg.MaxValue; len(value) > limit {
		r.text = append(append(r.text[:0], value[:limit]...), cutMark...)
		value = r.text
	}
	if ordinary(value) {
		e.Bytes(name, value)
		return
	}
	r.quoted = appendQuoted(r.quoted[:0], value)
	e.RawJSON(name, r.quoted)
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}
