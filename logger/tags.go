package logger

// This file is the tags: their names, and how each is found. Those above the
// blank line in the list of names are of Fiber's logger and mean the same here,
// but for the byte counts and the latency, which are true.

import (
	"fmt"
	"strconv"

	"github.com/gofiber/fiber/v2"
)

// The tags of templates. A name that ends in a colon takes a parameter, as in
// ${reqHeader:Accept}.
const (
	TagPid               = "pid"
	TagTime              = "time"
	TagReferer           = "referer"
	TagProtocol          = "protocol"
	TagPort              = "port"
	TagIP                = "ip"
	TagIPs               = "ips"
	TagHost              = "host"
	TagMethod            = "method"
	TagPath              = "path"
	TagURL               = "url"
	TagUA                = "ua"
	TagLatency           = "latency"
	TagStatus            = "status"
	TagResBody           = "resBody"
	TagReqHeaders        = "reqHeaders"
	TagQueryStringParams = "queryParams"
	TagBody              = "body"
	TagBytesSent         = "bytesSent"
	TagBytesReceived     = "bytesReceived"
	TagRoute             = "route"
	TagError             = "error"
	// TagHeader is the old name of TagReqHeader.
	//
	// Deprecated: use TagReqHeader.
	TagHeader     = "header:"
	TagReqHeader  = "reqHeader:"
	TagRespHeader = "respHeader:"
	TagLocals     = "locals:"
	TagQuery      = "query:"
	TagForm       = "form:"
	TagCookie     = "cookie:"
	TagBlack      = "black"
	TagRed        = "red"
	TagGreen      = "green"
	TagYellow     = "yellow"
	TagBlue       = "blue"
	TagMagenta    = "magenta"
	TagCyan       = "cyan"
	TagWhite      = "white"
	TagReset      = "reset"

	TagBytesWire = "bytesWire"
	TagID        = "id"
	TagOutcome   = "outcome"
	TagProto     = "proto"
	TagRange     = "range"
	TagRate      = "rate"
	TagRequestID = "requestId"
	TagSize      = "size"
	TagTTFB      = "ttfb"
	TagUser      = "user"
)

// tag appends a value. In the first phase, when the handlers are done and
// nothing was sent yet, c is the request's, or nil if it reached no
// middleware. In the second phase, after the response, there is no c; what is
// asked then is what only the end can tell.
//
// What comes from outside goes through safe, so that one request stays one
// line.
type tag struct {
	about string // for people, without a full stop
	late  bool   // belongs to the second phase
	add   func(dst []byte, r *record, c *fiber.Ctx, param string) []byte
}

// tags are all tags but the custom ones.
var tags = map[string]tag{
	TagPid:      {about: "process ID", add: func(dst []byte, r *record, _ *fiber.Ctx, _ string) []byte { return append(dst, r.log.pid...) }},
	TagReferer:  {about: "the Referer header", add: func(dst []byte, r *record, _ *fiber.Ctx, _ string) []byte { return orColumn(dst, r, r.ctx.Referer()) }},
	TagUA:       {about: "the User-Agent header", add: func(dst []byte, r *record, _ *fiber.Ctx, _ string) []byte { return orColumn(dst, r, r.ctx.UserAgent()) }},
	TagProtocol: {about: "`http` or `https`", add: withCtx((*fiber.Ctx).Protocol)},
	TagPort:     {about: "the client's port", add: withCtx((*fiber.Ctx).Port)},
	TagIP:       {about: "the client's address, or what a trusted proxy says it is", add: func(dst []byte, r *record, _ *fiber.Ctx, _ string) []byte { return safe(dst, r, r.ip) }},
	TagIPs:      {about: "the X-Forwarded-For header", add: header(fiber.HeaderXForwardedFor)},
	TagHost:     {about: "the host asked for", add: withCtx((*fiber.Ctx).Hostname)},
	TagPath: {about: "the path, as Fiber's `c.Path()`", add: func(dst []byte, r *record, c *fiber.Ctx, _ string) []byte {
		if c == nil {
			return orDash(dst, r, r.path())
		}
		return safe(dst, r, c.Path())
	}},
	TagURL:   {about: "path and query as they were sent; `-` if the request could not be parsed", add: func(dst []byte, r *record, _ *fiber.Ctx, _ string) []byte { return orDash(dst, r, r.url()) }},
	TagProto: {about: "`HTTP/1.1` or `HTTP/1.0`", add: func(dst []byte, r *record, _ *fiber.Ctx, _ string) []byte { return orDash(dst, r, r.proto()) }},
	TagRoute: {about: "the path of the route that matched", add: withCtx(func(c *fiber.Ctx) string { return c.Route().Path })},
	TagQueryStringParams: {about: "the query", add: func(dst []byte, r *record, _ *fiber.Ctx, _ string) []byte {
		return safe(dst, r, r.ctx.QueryArgs().QueryString())
	}},
	TagBody: {about: "the request's body, if it is in memory, else `[stream]`", add: func(dst []byte, r *record, c *fiber.Ctx, _ string) []byte {
		if r.ctx.Request.IsBodyStream() {
			return append(dst, streamMark...)
		}
		if c == nil {
			return dst
		}
		return safe(dst, r, c.Body())
	}},
	TagResBody: {about: "the response's body, if it is in memory, else `[stream]`", add: func(dst []byte, r *record, _ *fiber.Ctx, _ string) []byte {
		if r.isStream {
			return append(dst, streamMark...)
		}
		return safe(dst, r, r.ctx.Response.Body())
	}},
	TagReqHeaders: {about: "all request headers, as `name=value` joined by `&`", add: func(dst []byte, r *record, _ *fiber.Ctx, _ string) []byte { return requestHeaders(dst, r) }},
	TagReqHeader: {about: "a request header", add: func(dst []byte, r *record, _ *fiber.Ctx, name string) []byte {
		return safe(dst, r, r.ctx.Request.Header.Peek(name))
	}},
	TagHeader: {about: "the old name of `reqHeader:`", add: func(dst []byte, r *record, _ *fiber.Ctx, name string) []byte {
		return safe(dst, r, r.ctx.Request.Header.Peek(name))
	}},
	TagRespHeader: {about: "a response header", add: func(dst []byte, r *record, _ *fiber.Ctx, name string) []byte {
		return safe(dst, r, r.ctx.Response.Header.Peek(name))
	}},
	TagQuery: {about: "a parameter of the query", add: func(dst []byte, r *record, _ *fiber.Ctx, name string) []byte {
		return safe(dst, r, r.ctx.QueryArgs().Peek(name))
	}},
	TagCookie: {about: "a cookie", add: func(dst []byte, r *record, _ *fiber.Ctx, name string) []byte {
		return safe(dst, r, r.ctx.Request.Header.Cookie(name))
	}},
	TagForm: {about: "a value of a form in memory", add: func(dst []byte, r *record, c *fiber.Ctx, name string) []byte {
		if c == nil || r.ctx.Request.IsBodyStream() { // parsing it would read the stream
			return dst
		}
		return safe(dst, r, c.FormValue(name))
	}},
	TagLocals: {about: "a local of the request", add: func(dst []byte, r *record, _ *fiber.Ctx, key string) []byte { return local(dst, r, key) }},
	TagUser:   {about: "the user that authentication found (the local `username`); `-` if none", add: func(dst []byte, r *record, _ *fiber.Ctx, _ string) []byte { return orDash(dst, r, r.user) }},
	TagRequestID: {about: "the ID that Fiber's requestid middleware gave (the local `requestid`); `-` if none", add: func(dst []byte, r *record, _ *fiber.Ctx, _ string) []byte {
		return orDash(dst, r, r.requestID)
	}},
	TagID:     {about: "an ID of the logger's own, unique to the request", add: func(dst []byte, r *record, _ *fiber.Ctx, _ string) []byte { return append(dst, r.id()...) }},
	TagStatus: {about: "the status", late: true, add: func(dst []byte, r *record, _ *fiber.Ctx, _ string) []byte { return coloredStatus(dst, r) }},
	TagMethod: {about: "the method; `-` if the request could not be parsed", add: func(dst []byte, r *record, _ *fiber.Ctx, _ string) []byte { return coloredMethod(dst, r) }},
	TagRange:  {about: "the byte range sent, as in `0-99`; `-` if none", add: func(dst []byte, r *record, _ *fiber.Ctx, _ string) []byte { return orDash(dst, r, r.servedRange()) }},
	TagTTFB:   {about: "time from the request to when the response could begin", add: func(dst []byte, r *record, _ *fiber.Ctx, _ string) []byte { return appendDuration(dst, r.ttfb()) }},

	TagBlack:   {about: "color of the app's scheme", add: color(func(s *fiber.Colors) string { return s.Black })},
	TagRed:     {about: "color", add: color(func(s *fiber.Colors) string { return s.Red })},
	TagGreen:   {about: "color", add: color(func(s *fiber.Colors) string { return s.Green })},
	TagYellow:  {about: "color", add: color(func(s *fiber.Colors) string { return s.Yellow })},
	TagBlue:    {about: "color", add: color(func(s *fiber.Colors) string { return s.Blue })},
	TagMagenta: {about: "color", add: color(func(s *fiber.Colors) string { return s.Magenta })},
	TagCyan:    {about: "color", add: color(func(s *fiber.Colors) string { return s.Cyan })},
	TagWhite:   {about: "color", add: color(func(s *fiber.Colors) string { return s.White })},
	TagReset:   {about: "end of a color", add: color(func(s *fiber.Colors) string { return s.Reset })},

	TagTime: {about: "when the response ended, in TimeFormat", late: true, add: func(dst []byte, r *record, _ *fiber.Ctx, _ string) []byte {
		return append(dst, r.log.clock.now().text...)
	}},
	TagLatency: {about: "time from the request to the last byte", late: true, add: func(dst []byte, r *record, _ *fiber.Ctx, _ string) []byte { return padLeft(dst, 13, r.duration()) }},
	TagBytesSent: {about: "bytes of the response's body that were sent", late: true, add: func(dst []byte, r *record, _ *fiber.Ctx, _ string) []byte {
		return strconv.AppendInt(dst, r.sent, 10)
	}},
	TagBytesReceived: {about: "bytes of the request's body", late: true, add: func(dst []byte, r *record, _ *fiber.Ctx, _ string) []byte {
		return strconv.AppendInt(dst, r.received(), 10)
	}},
	TagBytesWire: {about: "bytes of the whole response, with header and framing", late: true, add: func(dst []byte, r *record, _ *fiber.Ctx, _ string) []byte {
		return strconv.AppendInt(dst, r.wire(), 10)
	}},
	TagSize: {about: "bytes of the whole file or body, of which a range may be sent; -1 if not known", late: true, add: func(dst []byte, r *record, _ *fiber.Ctx, _ string) []byte { return strconv.AppendInt(dst, r.size, 10) }},
	TagRate: {about: "bytes of the body a second, from the first to the last", late: true, add: func(dst []byte, r *record, _ *fiber.Ctx, _ string) []byte {
		return strconv.AppendInt(dst, r.rate(), 10)
	}},
	TagOutcome: {about: "`complete`, `aborted`, `timeout`, `source_changed` or `error`", late: true, add: func(dst []byte, r *record, _ *fiber.Ctx, _ string) []byte { return append(dst, r.outcome...) }},
	TagError:   {about: "what went wrong, in the handlers or on the way to the client; `-` if nothing", late: true, add: func(dst []byte, r *record, _ *fiber.Ctx, _ string) []byte { return coloredError(dst, r) }},
}

// streamMark stands for a body that is not in memory.
const streamMark = "[stream]"

// withCtx makes a tag of what a *fiber.Ctx tells.
func withCtx(ask func(*fiber.Ctx) string) func([]byte, *record, *fiber.Ctx, string) []byte {
	return func(dst []byte, r *record, c *fiber.Ctx, _ string) []byte {
		if c == nil {
			return append(dst, '-')
		}
		return safe(dst, r, ask(c))
	}
}

func header(name string) func([]byte, *record, *fiber.Ctx, string) []byte {
	return func(dst []byte, r *record, _ *fiber.Ctx, _ string) []byte {
		return safe(dst, r, r.ctx.Request.Header.Peek(name))
	}
}

func color(choose func(*fiber.Colors) string) func([]byte, *record, *fiber.Ctx, string) []byte {
	return func(dst []byte, r *record, _ *fiber.Ctx, _ string) []byte {
		return append(dst, choose(&r.facts.colors)...)
	}
}

func requestHeaders(dst []byte, r *record) []byte {
	first := true
	for name, value := range r.ctx.Request.Header.All() {
		if !first {
			dst = append(dst, '&')
		}
		first = false
		dst = append(safe(dst, r, name), '=')
		dst = safe(dst, r, value)
	}
	return dst
}

func local(dst []byte, r *record, key string) []byte {
	switch value := r.ctx.UserValue(key).(type) {
	case nil:
		return dst
	case []byte:
		return safe(dst, r, value)
	case string:
		return safe(dst, r, value)
	default:
		return safe(dst, r, fmt.Sprint(value))
	}
}

func coloredStatus(dst []byte, r *record) []byte {
	if !r.log.cfg.enableColors {
		return strconv.AppendInt(dst, int64(r.status), 10)
	}
	colors := &r.facts.colors
	dst = append(dst, statusColor(r.status, colors)...)
	dst = strconv.AppendInt(dst, int64(r.status), 10)
	return append(dst, colors.Reset...)
}

func statusColor(status int, colors *fiber.Colors) string {
	switch status / 100 {
	case 2:
		return colors.Green
	case 3:
		return colors.Blue
	case 4:
		return colors.Yellow
	default:
		return colors.Red
	}
}

func coloredMethod(dst []byte, r *record) []byte {
	if !r.log.cfg.enableColors {
		return orDash(dst, r, r.method())
	}
	colors := &r.facts.colors
	dst = append(dst, methodColor(string(r.method()), colors)...)
	dst = orDash(dst, r, r.method())
	return append(dst, colors.Reset...)
}

func methodColor(method string, colors *fiber.Colors) string {
	switch method {
	case fiber.MethodGet:
		return colors.Cyan
	case fiber.MethodPost:
		return colors.Green
	case fiber.MethodPut:
		return colors.Yellow
	case fiber.MethodDelete:
		return colors.Red
	case fiber.MethodPatch:
		return colors.White
	case fiber.MethodHead:
		return colors.Magenta
	case fiber.MethodOptions:
		return colors.Blue
	default:
		return colors.Reset
	}
}

func coloredError(dst []byte, r *record) []byte {
	text := r.trouble()
	switch {
	case len(text) == 0:
		return append(dst, '-')
	case !r.log.cfg.enableColors:
		return safe(dst, r, text)
	}
	dst = append(dst, r.facts.colors.Red...)
	dst = safe(dst, r, text)
	return append(dst, r.facts.colors.Reset...)
}
