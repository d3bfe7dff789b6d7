package logger

// The record as JSON. It is a template like the others, so that it too is
// rendered while the request is alive. What clients sent is escaped.

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
)

// field is one member of the JSON object.
type field struct {
	name string
	tag  tag
}

// allFields is the record, in its order. The names are stable.
var allFields = []field{
	{"time", tag{late: func(dst []byte, r *record) []byte {
		return r.End.UTC().AppendFormat(dst, `"2006-01-02T15:04:05.000Z07:00"`)
	}}},
	{"id", tag{early: func(dst []byte, v *visit, _ *fiber.Ctx, _ string) []byte {
		return append(v.appendID(append(dst, '"')), '"')
	}}},
	{"remote", tag{early: func(dst []byte, v *visit, c *fiber.Ctx, _ string) []byte {
		if v.proxied(c) {
			return quote(dst, v.log, c.IP())
		}
		return append(v.appendPeer(append(dst, '"')), '"')
	}}},
	{"user", quoted((*visit).user)},
	{"method", quoted((*visit).method)},
	{"host", quoted(func(v *visit) []byte { return v.ctx.Host() })},
	{"path", quoted((*visit).path)},
	{"query", quoted(func(v *visit) []byte { return v.ctx.URI().QueryString() })},
	{"proto", quoted((*visit).proto)},
	{"status", tag{late: number(func(r *record) int64 { return int64(r.Status) })}},
	{"range", quoted((*visit).servedRange)},
	{"size", tags[TagSize]},
	{"bytes_sent", tags[TagBytesSent]},
	{"bytes_received", tags[TagBytesReceived]},
	{"ttfb_ms", tag{late: milliseconds((*record).ttfb)}},
	{"duration_ms", tag{late: milliseconds((*record).duration)}},
	{"outcome", tag{late: func(dst []byte, r *record) []byte { return quote(dst, r.log, string(r.Outcome)) }}},
	{"referer", quoted((*visit).referer)},
	{"user_agent", quoted((*visit).userAgent)},
	{"error", tag{late: func(dst []byte, r *record) []byte { return quote(dst, r.log, r.trouble()) }}},
}

// moreFields are there for those who choose them.
var moreFields = []field{
	{"bytes_wire", tags[TagBytesWire]},
	{"rate", tags[TagRate]},
	{"request_id", quoted((*visit).requestID)},
	{"url", quoted((*visit).url)},
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

// jsonTemplate makes the object of the fields. For a zerolog logger, which makes
// an event of them, it is their values, each on a line.
func jsonTemplate(fields []field, event bool) *template {
	t := &template{}
	before := "{"
	for _, f := range fields {
		if !event {
			t.add(piece{text: before + strconv.Quote(f.name) + ":"})
		}
		before = ","
		t.use(f.name, piece{tag: f.tag})
		if event {
			t.add(piece{text: "\n"})
		}
	}
	if !event {
		t.add(piece{text: "}\n"})
	}
	return t
}

// writeEvent hands the values to the zerolog logger, at the level of a status.
func (l *Logger) writeEvent(status int, values []byte) {
	e := l.cfg.Logger.Info()
	switch {
	case status >= fiber.StatusInternalServerError:
		e = l.cfg.Logger.Error()
	case status >= fiber.StatusBadRequest:
		e = l.cfg.Logger.Warn()
	}
	for _, f := range l.fields {
		var value []byte
		value, values, _ = bytes.Cut(values, []byte{'\n'}) // which no value has in it
		e.RawJSON(f.name, value)
	}
	e.Send()
}

// quoted makes a field of text.
func quoted[T string | []byte](ask func(*visit) T) tag {
	return tag{early: func(dst []byte, v *visit, _ *fiber.Ctx, _ string) []byte { return quote(dst, v.log, ask(v)) }}
}

func milliseconds(ask func(*record) time.Duration) late {
	return func(dst []byte, r *record) []byte {
		ms := float64(ask(r).Round(time.Microsecond)) / float64(time.Millisecond)
		return strconv.AppendFloat(dst, ms, 'f', -1, 64)
	}
}
