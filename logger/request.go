package logger

import (
	"bytes"
	"strconv"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// What could not be parsed of the request line is empty, where fasthttp would
// return defaults.

func (v *visit) method() []byte { return v.parsed(v.ctx.Method(), v.noMethod) }
func (v *visit) path() []byte   { return v.parsed(v.ctx.Path(), v.noTarget) }
func (v *visit) url() []byte    { return v.parsed(v.ctx.RequestURI(), v.noTarget) }
func (v *visit) proto() []byte  { return v.parsed(v.ctx.Request.Header.Protocol(), v.noProto) }

func (v *visit) parsed(value []byte, missing bool) []byte {
	if missing || v.record.Unread && !v.told && len(v.ctx.Request.Header.Host()) == 0 {
		return nil
	}
	return value
}

// hear notes what an error tells of the request line; nil if it tells nothing.
func (v *visit) hear(line requestLine) {
	if v.told = line != nil; v.told {
		method, target, proto := line.RequestLine()
		v.noMethod, v.noTarget, v.noProto = method == "", target == "", proto == ""
	}
}

func (v *visit) referer() []byte   { return v.ctx.Referer() }
func (v *visit) userAgent() []byte { return v.ctx.UserAgent() }
func (v *visit) user() string      { return v.local("username") } // where Fiber's basicauth puts it
func (v *visit) requestID() string { return v.local("requestid") }

func (v *visit) local(key string) string {
	text, _ := v.ctx.UserValue(key).(string)
	return text
}

// servedRange is the byte range of the response, as in "0-99", or empty.
func (v *visit) servedRange() []byte {
	if v.ctx.Response.StatusCode() != fasthttp.StatusPartialContent { // to look for a header takes long
		return nil
	}
	contentRange := v.ctx.Response.Header.Peek(fasthttp.HeaderContentRange)
	span, _, _ := bytes.Cut(bytes.TrimPrefix(contentRange, []byte("bytes ")), []byte("/"))
	return span
}

// appendID appends the request's ID, unique as long as no two processes start in
// the same millisecond.
func (v *visit) appendID(dst []byte) []byte {
	if v.number == 0 {
		v.number = v.log.lastID.Add(1)
	}
	return strconv.AppendUint(append(dst, v.log.idPrefix...), v.number, 36)
}

// proxied reports whether the client's address comes from a header that Fiber reads.
func (v *visit) proxied(c *fiber.Ctx) bool {
	return c != nil && v.record.facts.proxied && v.log.cfg.Client == nil
}

// unixPeer stands for the address of who is on a Unix socket, as nginx has it.
const unixPeer = "unix:"

// peer is the address of the connection's peer if that is not the client, or empty.
func (v *visit) peer() []byte {
	v.scratch = v.record.Peer.AppendTo(v.scratch[:0])
	return v.scratch
}

// AppendRemote appends the client's address, without the port: "unix:" on a Unix socket,
// whose peers have none.
func (r *Result) AppendRemote(dst []byte) []byte {
	switch {
	case r.Remote.IsValid():
		return r.Remote.AppendTo(dst)
	case r.Unix:
		return append(dst, unixPeer...)
	}
	return append(dst, "0.0.0.0"...) // as fasthttp does
}
