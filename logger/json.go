package logger

// JSON is a template like the others, so that it, too, is rendered while the
// request is alive. What clients sent is escaped.

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
)

// field is one member of the JSON object.
type field struct {
	name string
	tag  tag
}

// sparse are fields that most records lack: they are left out where they are empty,
// unless they are the first.
var sparse = []string{"peer", "rule"}

// defaultFields is how many of allFields are logged unless others are selected.
const defaultFields = 22

// allFields is the record, in its order. The names are stable.
var allFields = []field{
	{"time", tag{late: func(dst []byte, r *record) []byte {
		return append(r.log.seconds.appendTime(append(dst, '"'), r.End), '"')
	}}},
	{"id", tag{early: func(dst []byte, v *visit, _ *fiber.Ctx, _ string) []byte {
		return append(v.appendID(append(dst, '"')), '"')
	}}},
	{"remote", tag{early: func(dst []byte, v *visit, c *fiber.Ctx, _ string) []byte {
		if v.proxied(c) {
			return quote(dst, v.log, c.IP())
		}
		return append(v.record.AppendRemote(append(dst, '"')), '"')
	}}},
	{"peer", quoted((*visit).peer)},
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
	{"rule", tag{late: func(dst []byte, r *record) []byte { return quote(dst, r.log, r.Rule) }}},
	{"bytes_wire", tags[TagBytesWire]},
	{"rate", tags[TagRate]},
	{"request_id", quoted((*visit).requestID)},
	{"url", quoted((*visit).url)},
}

// Fields lists the names that Config.Fields may have. Those up to rule are the
// default.
func Fields() []string {
	var names []string
	for _, f := range allFields {
		names = append(names, f.name)
	}
	return names
}

// fieldsOf returns the named fields, or the default ones.
func fieldsOf(names []string) ([]field, error) {
	if len(names) == 0 {
		return allFields[:defaultFields], nil
	}
	known := Fields()
	var chosen []field
	for _, name := range names {
		i := slices.Index(known, name)
		if i < 0 {
			return nil, fmt.Errorf("no field %q; there are %s", name, strings.Join(known, " "))
		}
		chosen = append(chosen, allFields[i])
	}
	return chosen, nil
}

// jsonTemplate renders the fields as an object. For a zerolog logger, which makes
// an event of them, it renders their values, one per line.
func jsonTemplate(fields []field, event bool) *template {
	t := &template{bare: true}
	before := "{"
	for _, f := range fields {
		switch name := before + strconv.Quote(f.name) + ":"; {
		case event:
		case before == "," && slices.Contains(sparse, f.name):
			f.tag = orNothing(name, f.tag)
		default:
			t.add(name)
		}
		before = ","
		t.use(f.name, usage{tag: f.tag})
		if event {
			t.add("\n")
		}
	}
	if !event {
		t.add("}\n")
	}
	return t
}

// orNothing is a tag that writes a name and a quoted value, or nothing if the value is
// empty.
func orNothing(name string, value tag) tag {
	if value.late == nil {
		return tag{early: func(dst []byte, v *visit, c *fiber.Ctx, param string) []byte {
			return orWithout(dst, value.early(append(dst, name...), v, c, param), name)
		}}
	}
	return tag{late: func(dst []byte, r *record) []byte {
		return orWithout(dst, value.late(append(dst, name...), r), name)
	}}
}

// orWithout is longer, which is dst with a name and a value, or dst if the value is empty.
func orWithout(dst, longer []byte, name string) []byte {
	if string(longer[len(dst)+len(name):]) == noText {
		return dst
	}
	return longer
}

// noText is an empty string in JSON.
const noText = `""`

// writeEvent sends the values to the zerolog logger, at the level for a status.
func (l *Logger) writeEvent(status int, values []byte) {
	e := l.cfg.Logger.Info()
	switch {
	case status >= fiber.StatusInternalServerError:
		e = l.cfg.Logger.Error()
	case status >= fiber.StatusBadRequest:
		e = l.cfg.Logger.Warn()
	}
	for i, f := range l.fields {
		var value []byte
		value, values, _ = bytes.Cut(values, []byte{'\n'}) // escaped within values
		if i == 0 || string(value) != noText || !slices.Contains(sparse, f.name) {
			e.RawJSON(f.name, value)
		}
	}
	e.Send()
}

// quoted is a field of text.
func quoted[T string | []byte](ask func(*visit) T) tag {
	return tag{early: func(dst []byte, v *visit, _ *fiber.Ctx, _ string) []byte { return quote(dst, v.log, ask(v)) }}
}

func milliseconds(ask func(*record) time.Duration) late {
	return func(dst []byte, r *record) []byte {
		return appendMilliseconds(dst, ask(r))
	}
}

// seconds keeps the text of the latest second: the records of one second share it.
type seconds struct{ latest atomic.Pointer[second] }

type second struct {
	unix int64
	text string
}

// appendTime appends t as RFC 3339 has it, in UTC with milliseconds.
func (s *seconds) appendTime(dst []byte, t time.Time) []byte {
	now := s.latest.Load()
	if now == nil || now.unix != t.Unix() {
		now = &second{t.Unix(), t.UTC().Format("2006-01-02T15:04:05.")}
		s.latest.Store(now)
	}
	return append(digits(append(dst, now.text...), t.Nanosecond()/int(time.Millisecond), 3), 'Z')
}

// digits appends the last n decimal digits of a number.
func digits(dst []byte, number, n int) []byte {
	for range n {
		dst = append(dst, '0')
	}
	for i := len(dst) - 1; number > 0 && n > 0; i, n = i-1, n-1 {
		dst[i] = byte('0' + number%10)
		number /= 10
	}
	return dst
}

// appendMilliseconds appends d to the microsecond, as the shortest decimal.
func appendMilliseconds(dst []byte, d time.Duration) []byte {
	us := int64(d.Round(time.Microsecond) / time.Microsecond)
	if us < 0 {
		dst, us = append(dst, '-'), -us
	}
	dst = strconv.AppendInt(dst, us/1000, 10)
	part := int(us % 1000)
	if part == 0 {
		return dst
	}
	return bytes.TrimRight(digits(append(dst, '.'), part, 3), "0")
}
