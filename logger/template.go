package logger

// This file is the template: text with ${tag}s, compiled once and rendered
// after the response.

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/bytebufferpool"
)

// lines is the pool of rendered lines.
var lines bytebufferpool.Pool

// combinedTime is the time layout of the Common Log Format.
const combinedTime = "02/Jan/2006:15:04:05 -0700"

// named gives the template and the time layout of a format with a name; other
// formats are templates themselves.
func named(format string) (text, timeLayout string) {
	const common = `${ip} - ${user} [${time}] "${method} ${url} ${protocol}" ${status} ${bytesSent}`
	switch format {
	case FormatCommon:
		return common, combinedTime
	case FormatCombined:
		return common + ` "${referer}" "${ua}"`, combinedTime
	case FormatConsole:
		return "${time} ${status} ${method} ${url} ${bytesSent} B ${latency} ${outcome} ${ip} ${error}", "15:04:05"
	default:
		return format, time.RFC3339
	}
}

// tag appends one value. Values that come from outside must go through
// appendSafe, so that one request stays one line.
type tag func(dst []byte, r *record, param string) []byte

// tags are the names known in templates. Those of Fiber's logger mean the
// same here, but for the byte counts and the latency, which are true.
var tags = map[string]tag{
	"time":      func(dst []byte, r *record, _ string) []byte { return r.end.AppendFormat(dst, r.log.timeFormat) },
	"id":        func(dst []byte, r *record, _ string) []byte { return append(dst, r.id()...) },
	"ip":        func(dst []byte, r *record, _ string) []byte { return append(dst, r.remote()...) },
	"user":      func(dst []byte, _ *record, _ string) []byte { return append(dst, '-') },
	"method":    func(dst []byte, r *record, _ string) []byte { return appendOr(dst, r.method()) },
	"host":      func(dst []byte, r *record, _ string) []byte { return appendSafe(dst, r.ctx.Request.Header.Host()) },
	"url":       func(dst []byte, r *record, _ string) []byte { return appendOr(dst, r.url()) },
	"path":      func(dst []byte, r *record, _ string) []byte { return appendOr(dst, r.path()) },
	"protocol":  func(dst []byte, r *record, _ string) []byte { return appendOr(dst, r.protocol()) },
	"status":    func(dst []byte, r *record, _ string) []byte { return strconv.AppendInt(dst, int64(r.status), 10) },
	"bytesSent": func(dst []byte, r *record, _ string) []byte { return strconv.AppendInt(dst, r.sent, 10) },
	"bytesReceived": func(dst []byte, r *record, _ string) []byte {
		return strconv.AppendInt(dst, r.received(), 10)
	},
	"size":    func(dst []byte, r *record, _ string) []byte { return strconv.AppendInt(dst, r.size, 10) },
	"range":   func(dst []byte, r *record, _ string) []byte { return appendOr(dst, r.servedRange()) },
	"latency": func(dst []byte, r *record, _ string) []byte { return appendDuration(dst, r.duration()) },
	"ttfb":    func(dst []byte, r *record, _ string) []byte { return appendDuration(dst, r.ttfb()) },
	"outcome": func(dst []byte, r *record, _ string) []byte { return append(dst, r.outcome...) },
	"referer": func(dst []byte, r *record, _ string) []byte { return appendOr(dst, r.ctx.Referer()) },
	"ua":      func(dst []byte, r *record, _ string) []byte { return appendOr(dst, r.ctx.UserAgent()) },
	"error":   func(dst []byte, r *record, _ string) []byte { return appendSafe(dst, []byte(r.errText())) },
	"queryParams": func(dst []byte, r *record, _ string) []byte {
		return appendSafe(dst, r.ctx.URI().QueryString())
	},
	"query": func(dst []byte, r *record, name string) []byte {
		return appendSafe(dst, r.ctx.QueryArgs().Peek(name))
	},
	"reqHeader": func(dst []byte, r *record, name string) []byte {
		return appendSafe(dst, r.ctx.Request.Header.Peek(name))
	},
	"respHeader": func(dst []byte, r *record, name string) []byte {
		return appendSafe(dst, r.ctx.Response.Header.Peek(name))
	},
	"cookie": func(dst []byte, r *record, name string) []byte {
		return appendSafe(dst, r.ctx.Request.Header.Cookie(name))
	},
}

// parameterized are the tags that are written ${tag:name}.
var parameterized = []string{"query", "reqHeader", "respHeader", "cookie"}

// Tags lists the tags that a template may use, sorted.
func Tags() []string {
	names := slices.Sorted(maps.Keys(tags))
	for i, name := range names {
		if slices.Contains(parameterized, name) {
			names[i] += ":NAME"
		}
	}
	return names
}

// piece is text to copy, or a tag to ask.
type piece struct {
	text  string
	tag   tag
	param string
}

type template struct{ pieces []piece }

// compile reads a template. A tag that is not known is an error that lists
// those that are: logging nothing in its place would be found out too late.
func compile(text string) (*template, error) {
	if !strings.Contains(text, "${") {
		return nil, fmt.Errorf("%q is neither json, combined, common or console nor a template with a ${tag}", text)
	}
	t := &template{}
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	for {
		literal, rest, found := strings.Cut(text, "${")
		if literal != "" {
			t.pieces = append(t.pieces, piece{text: literal})
		}
		if !found {
			return t, nil
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return nil, fmt.Errorf("${%s has no closing }", strings.TrimSuffix(rest, "\n"))
		}
		p, err := parseTag(name)
		if err != nil {
			return nil, err
		}
		t.pieces = append(t.pieces, p)
		text = after
	}
}

func parseTag(spec string) (piece, error) {
	name, param, hasParam := strings.Cut(spec, ":")
	f, known := tags[name]
	if !known || hasParam != slices.Contains(parameterized, name) {
		return piece{}, fmt.Errorf("no tag ${%s}; there are %s", spec, strings.Join(Tags(), " "))
	}
	return piece{tag: f, param: param}, nil
}

func (t *template) render(buf *bytebufferpool.ByteBuffer, r *record) {
	for _, p := range t.pieces {
		if p.tag == nil {
			buf.B = append(buf.B, p.text...)
			continue
		}
		buf.B = p.tag(buf.B, r, p.param)
	}
}

// appendOr appends a value, or a dash for none, as the Common Log Format does.
func appendOr(dst, value []byte) []byte {
	if len(value) == 0 {
		return append(dst, '-')
	}
	return appendSafe(dst, value)
}

func appendDuration(dst []byte, d time.Duration) []byte {
	dst = strconv.AppendFloat(dst, milliseconds(d), 'f', -1, 64)
	return append(dst, "ms"...)
}

// appendSafe appends what a client sent so that it can neither end the line,
// nor leave its quotes, nor command a terminal: control characters, quotes,
// backslashes and every byte beyond ASCII become \xHH, as nginx does.
func appendSafe(dst, value []byte) []byte {
	const hex = "0123456789abcdef"
	for _, b := range value {
		if b < 0x20 || b >= 0x7f || b == '"' || b == '\\' {
			dst = append(dst, '\\', 'x', hex[b>>4], hex[b&15])
			continue
		}
		dst = append(dst, b)
	}
	return dst
}
