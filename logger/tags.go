package logger

import (
	"fmt"
	"strconv"

	"github.com/gofiber/fiber/v2"
)

// The tags of templates. A name that ends in a colon takes a parameter, as in
// ${reqHeader:Accept}. Those up to TagReset are Fiber's and mean the same here,
// except that byte counts and latency are those of the whole response.
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
	TagPeer      = "peer"
	TagProto     = "proto"
	TagRange     = "range"
	TagRate      = "rate"
	TagRule      = "rule"
	TagRequestID = "requestId"
	TagSize      = "size"
	TagTTFB      = "ttfb"
	TagUser      = "user"
)

// tag appends a value: early in the first phase, when the handlers are done and
// nothing was sent yet, late in the second, after the response. c is nil if the
// request reached no middleware. Values from outside go through safe, so that one
// request stays one line.
type tag struct {
	about string // documentation, without a full stop
	early early
	late  late
}

type (
	early func(dst []byte, v *visit, c *fiber.Ctx, param string) []byte
	late  func(dst []byte, r *record) []byte
)

// tags are the built-in tags.
var tags = map[string]tag{
	TagPid:      {about: "process ID", early: func(dst []byte, v *visit, _ *fiber.Ctx, _ string) []byte { return append(dst, v.log.pid...) }},
	TagReferer:  {about: "the Referer header", early: column((*visit).referer)},
	TagUA:       {about: "the User-Agent header", early: column((*visit).userAgent)},
	TagProtocol: {about: "`http` or `https`", early: withCtx((*fiber.Ctx).Protocol)},
	TagPort:     {about: "the client's port", early: withCtx((*fiber.Ctx).Port)},
	TagIP: {about: "the client's address, or what a trusted proxy says it is", early: func(dst []byte, v *visit, c *fiber.Ctx, _ string) []byte {
		if v.proxied(c) {
			return safe(dst, v.log, c.IP())
		}
		return v.record.AppendRemote(dst)
	}},
	TagIPs:  {about: "the X-Forwarded-For header", early: text(func(v *visit) []byte { return v.ctx.Request.Header.Peek(fiber.HeaderXForwardedFor) })},
	TagHost: {about: "the host asked for", early: withCtx((*fiber.Ctx).Hostname)},
	TagPath: {about: "the path, as Fiber's `c.Path()`", early: func(dst []byte, v *visit, c *fiber.Ctx, _ string) []byte {
		if c == nil {
			return orDash(dst, v.log, v.path())
		}
		return safe(dst, v.log, c.Path())
	}},
	TagURL:               {about: "path and query as they were sent; `-` if the request could not be parsed", early: dashed((*visit).url)},
	TagProto:             {about: "`HTTP/1.1` or `HTTP/1.0`", early: dashed((*visit).proto)},
	TagRoute:             {about: "the path of the route that matched", early: withCtx(func(c *fiber.Ctx) string { return c.Route().Path })},
	TagQueryStringParams: {about: "the query", early: text(func(v *visit) []byte { return v.ctx.QueryArgs().QueryString() })},
	TagBody: {about: "the request's body, if it is in memory, else `[stream]`", early: func(dst []byte, v *visit, c *fiber.Ctx, _ string) []byte {
		if v.ctx.Request.IsBodyStream() {
			return append(dst, streamMark...)
		}
		if c == nil {
			return dst
		}
		return safe(dst, v.log, c.Body())
	}},
	TagResBody: {about: "the response's body, if it is in memory, else `[stream]`", early: func(dst []byte, v *visit, _ *fiber.Ctx, _ string) []byte {
		if v.ctx.Response.IsBodyStream() {
			return append(dst, streamMark...)
		}
		return safe(dst, v.log, v.ctx.Response.Body())
	}},
	TagReqHeaders: {about: "all request headers, as `name=value` joined by `&`", early: requestHeaders},
	TagReqHeader:  {about: "a request header", early: named(func(v *visit, name string) []byte { return v.ctx.Request.Header.Peek(name) })},
	TagHeader:     {about: "the old name of `reqHeader:`", early: named(func(v *visit, name string) []byte { return v.ctx.Request.Header.Peek(name) })},
	TagRespHeader: {about: "a response header", early: named(func(v *visit, name string) []byte { return v.ctx.Response.Header.Peek(name) })},
	TagQuery:      {about: "a parameter of the query", early: named(func(v *visit, name string) []byte { return v.ctx.QueryArgs().Peek(name) })},
	TagCookie:     {about: "a cookie", early: named(func(v *visit, name string) []byte { return v.ctx.Request.Header.Cookie(name) })},
	TagForm: {about: "a value of a form in memory", early: func(dst []byte, v *visit, c *fiber.Ctx, name string) []byte {
		if c == nil || v.ctx.Request.IsBodyStream() { // parsing it would read the stream
			return dst
		}
		return safe(dst, v.log, c.FormValue(name))
	}},
	TagLocals:    {about: "a local of the request", early: local},
	TagUser:      {about: "the user that authentication found (the local `username`); `-` if none", early: dashed((*visit).user)},
	TagRequestID: {about: "the ID that Fiber's requestid middleware gave (the local `requestid`); `-` if none", early: dashed((*visit).requestID)},
	TagPeer:      {about: "the address of the connection's peer, if that is not the client but a proxy; `-` if it is the client", early: dashed((*visit).peer)},
	TagRule: {about: "the limit that refused the request (the user value `RuleKey`) or ended the response; `-` if none", late: func(dst []byte, r *record) []byte {
		return orDash(dst, r.log, r.Rule)
	}},
	TagID:     {about: "an ID of the logger's own, unique to the request", early: func(dst []byte, v *visit, _ *fiber.Ctx, _ string) []byte { return v.appendID(dst) }},
	TagStatus: {about: "the status", late: coloredStatus},
	TagMethod: {about: "the method; `-` if the request could not be parsed", early: coloredMethod},
	TagRange:  {about: "the byte range sent, as in `0-99`; `-` if none", early: dashed((*visit).servedRange)},
	TagTTFB:   {about: "time from the request to when the response could begin", early: func(dst []byte, v *visit, _ *fiber.Ctx, _ string) []byte { return appendDuration(dst, v.record.ttfb()) }},

	TagBlack:   {about: "color of the app's scheme", early: color(func(s *fiber.Colors) string { return s.Black })},
	TagRed:     {about: "color", early: color(func(s *fiber.Colors) string { return s.Red })},
	TagGreen:   {about: "color", early: color(func(s *fiber.Colors) string { return s.Green })},
	TagYellow:  {about: "color", early: color(func(s *fiber.Colors) string { return s.Yellow })},
	TagBlue:    {about: "color", early: color(func(s *fiber.Colors) string { return s.Blue })},
	TagMagenta: {about: "color", early: color(func(s *fiber.Colors) string { return s.Magenta })},
	TagCyan:    {about: "color", early: color(func(s *fiber.Colors) string { return s.Cyan })},
	TagWhite:   {about: "color", early: color(func(s *fiber.Colors) string { return s.White })},
	TagReset:   {about: "end of a color", early: color(func(s *fiber.Colors) string { return s.Reset })},

	TagTime: {about: "when the response ended, in TimeFormat", late: func(dst []byte, r *record) []byte {
		return append(dst, r.log.clock.now().text...)
	}},
	TagLatency:       {about: "time from the request to the last byte", late: func(dst []byte, r *record) []byte { return padLeft(dst, 13, r.duration()) }},
	TagBytesSent:     {about: "bytes of the response's body that were sent", late: number(func(r *record) int64 { return r.Sent })},
	TagBytesReceived: {about: "bytes of the request's body", late: number(func(r *record) int64 { return r.Received })},
	TagBytesWire:     {about: "bytes of the whole response, with header and framing", late: number((*record).wire)},
	TagSize:          {about: "bytes of the whole file or body, of which a range may be sent; -1 if not known", late: number(func(r *record) int64 { return r.Size })},
	TagRate:          {about: "bytes of the body a second, from the first to the last", late: number((*record).rate)},
	TagOutcome:       {about: "`complete`, `aborted`, `timeout`, `source_changed` or `error`", late: func(dst []byte, r *record) []byte { return append(dst, r.Outcome...) }},
	TagError:         {about: "what went wrong, in the handlers or on the way to the client; `-` if nothing", late: coloredError},
}

// streamMark stands in for a body that is not in memory.
const streamMark = "[stream]"

// withCtx is a tag for a value of *fiber.Ctx.
func withCtx(ask func(*fiber.Ctx) string) early {
	return func(dst []byte, v *visit, c *fiber.Ctx, _ string) []byte {
		if c == nil {
			return append(dst, '-')
		}
		return safe(dst, v.log, ask(c))
	}
}

// text is a tag for a value that may be empty.
func text(ask func(*visit) []byte) early {
	return named(func(v *visit, _ string) []byte { return ask(v) })
}

// named is a tag for a value looked up by the tag's parameter.
func named(ask func(v *visit, name string) []byte) early {
	return func(dst []byte, v *visit, _ *fiber.Ctx, name string) []byte { return safe(dst, v.log, ask(v, name)) }
}

// dashed is a tag that writes a dash for an empty value.
func dashed[T string | []byte](ask func(*visit) T) early {
	return func(dst []byte, v *visit, _ *fiber.Ctx, _ string) []byte { return orDash(dst, v.log, ask(v)) }
}

// column is a tag that writes a dash for an empty value in the named formats,
// whose readers count columns, and nothing elsewhere, as in Fiber's logger.
func column(ask func(*visit) []byte) early {
	return func(dst []byte, v *visit, _ *fiber.Ctx, _ string) []byte {
		if v.log.cfg.columns {
			return orDash(dst, v.log, ask(v))
		}
		return safe(dst, v.log, ask(v))
	}
}

// number is a tag for a count.
func number(count func(*record) int64) late {
	return func(dst []byte, r *record) []byte { return strconv.AppendInt(dst, count(r), 10) }
}

func requestHeaders(dst []byte, v *visit, _ *fiber.Ctx, _ string) []byte {
	first := true
	for name, value := range v.ctx.Request.Header.All() {
		if !first {
			dst = append(dst, '&')
		}
		first = false
		dst = append(safe(dst, v.log, name), '=')
		dst = safe(dst, v.log, value)
	}
	return dst
}

func local(dst []byte, v *visit, _ *fiber.Ctx, key string) []byte {
	switch value := v.ctx.UserValue(key).(type) {
	case nil:
		return dst
	case []byte:
		return safe(dst, v.log, value)
	case string:
		return safe(dst, v.log, value)
	default:
		return safe(dst, v.log, fmt.Sprint(value))
	}
}
