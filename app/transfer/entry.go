package transfer

// This file is one request in flight: what is kept of it, in buffers of our
// own, since the request's memory is used again.

import (
	"net"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/valyala/fasthttp"

	"fullbore/app/wire"
	"fullbore/static"
)

// Sizes in bytes.
const (
	maxPath = 512
	maxUser = 256

	// large is a response whose header is measured, so that what is shown of it
	// while it lasts is exact. A smaller one is over before anybody looks.
	large = 64 << 10
)

type state int32

const (
	statePreparing state = iota
	stateSending
)

// entry is a request in flight. The fields of a group are written before what
// its comment says, and only read after it.
type entry struct {
	registry   *Registry
	prev, next *entry // under Registry.mu

	// Until it is in the list.
	id      uint64
	remote  net.Addr // see addrOf
	method  string   // a constant
	path    []byte
	conn    wire.Link // nil: the connection cannot tell
	started time.Time
	body    int64 // declared bytes of the request's body; -1: not known
	read0   int64 // conn's counter

	// Until state is sending.
	state    atomic.Int32
	status   int
	kind     static.Kind
	user     []byte
	length   int64     // of the response's body; -1: not known
	header   int64     // bytes of the response's header
	written0 int64     // conn's counter before the response
	from, to int64     // the range; to is -1 if there is none
	plain    bool      // the body is bytes of the file, in one piece
	download *download // that the request is part of; nil: none, or not yet

	// Under Registry.mu.
	ended bool // by End
	marks [2]mark

	// The connection's goroutine's own.
	part    part
	address []byte // scratch space, as text
	key     []byte // likewise

	recorded bool // in download; under table.mu
}

// begin notes the request.
func (e *entry) begin(ctx *fasthttp.RequestCtx) {
	e.started = ctx.Time()
	if e.started.IsZero() { // its client waits for "100 Continue"
		e.started = time.Now()
	}
	e.remote = ctx.RemoteAddr()
	e.method = methodOf(ctx.Method())
	e.path = append(e.path[:0], cut(ctx.Path(), maxPath)...)
	if e.conn, _ = wire.LinkOf(ctx.Conn()); e.conn != nil {
		e.read0 = e.conn.BytesRead()
	}
	e.body = int64(ctx.Request.Header.ContentLength())
	if e.body < -1 {
		e.body = 0 // fasthttp's way to say that there is none
	}
	e.marks[0] = mark{at: e.started}
	e.marks[1] = e.marks[0]
}

// respond notes the response.
func (e *entry) respond(ctx *fasthttp.RequestCtx) {
	resp := &ctx.Response
	e.status = resp.StatusCode()
	e.kind = static.KindOf(ctx)
	if user, ok := ctx.UserValue("username").(string); ok {
		e.user = append(e.user[:0], user[:min(len(user), maxUser)]...)
	}
	e.length = int64(resp.Header.ContentLength())
	switch {
	case ctx.IsHead() || resp.SkipBody || bodyless(e.status):
		e.length = 0
	case !resp.IsBodyStream():
		e.length = int64(len(resp.Body())) // in memory: nothing is read
	}
	e.length = max(e.length, -1)
	e.from, e.to = 0, -1
	if e.status == fasthttp.StatusPartialContent {
		e.from, e.to = parseContentRange(resp.Header.Peek(fasthttp.HeaderContentRange))
	}
	_, e.plain = resp.BodyStream().(*static.Body)
	e.plain = e.plain && (e.to >= 0 || e.status == fasthttp.StatusOK)
	if e.header = 0; e.length < 0 || e.length >= large {
		e.header = int64(len(resp.Header.Header()))
	}
	if e.conn != nil {
		e.written0 = e.conn.BytesWritten()
	}
}

// bodyless statuses carry no body whatever a handler set. RFC 9110 section 6.4.1.
func bodyless(status int) bool {
	return status < 200 || status == fasthttp.StatusNoContent || status == fasthttp.StatusNotModified
}

// Close removes the entry: fasthttp closes user values when it resets the
// request, on every way out.
func (e *entry) Close() error {
	e.registry.remove(e)
	return nil
}

// reset makes the entry ready for another request.
func (e *entry) reset() {
	e.conn, e.remote, e.download, e.part, e.recorded = nil, nil, nil, partNone, false
	e.state.Store(int32(statePreparing))
	e.status, e.kind, e.user, e.length, e.ended = 0, "", e.user[:0], 0, false
}

// snapshot copies the entry. The registry is locked.
func (e *entry) snapshot(now time.Time) Transfer {
	t := Transfer{
		ID: e.id, Remote: addrOf(e.remote), Method: e.method, Path: string(e.path), Kind: string(static.KindOther),
		State: Preparing, Length: -1, ETA: -1, Started: e.started, Age: max(now.Sub(e.started).Seconds(), 0),
	}
	if e.conn != nil && e.body != 0 {
		t.Received = max(e.conn.BytesRead()-e.read0, 0)
		if e.body > 0 {
			t.Received = min(t.Received, e.body)
		}
	}
	if state(e.state.Load()) == stateSending {
		e.snapshotResponse(&t, now)
	}
	if e.ended {
		t.State = Ending
	}
	return t
}

func (e *entry) snapshotResponse(t *Transfer, now time.Time) {
	t.State, t.Status, t.Kind, t.User, t.Length = Sending, e.status, string(e.kind), string(e.user), e.length
	if e.to >= 0 {
		t.Range = strconv.FormatInt(e.from, 10) + "-" + strconv.FormatInt(e.to, 10)
	}
	t.Sent = e.sent()
	t.Rate = e.rate(now, t.Sent)
	switch {
	case e.length == t.Sent:
		t.ETA = 0
	case e.length > 0 && t.Rate > 0:
		t.ETA = float64(e.length-t.Sent) / t.Rate
	}
}

// sent is what is known of the body's bytes that the kernel took, while it is
// being sent.
func (e *entry) sent() (n int64) {
	if e.conn != nil {
		n = max(e.conn.BytesWritten()-e.written0-e.header, 0)
	}
	if e.length >= 0 {
		n = min(n, e.length)
	}
	return n
}

// cut shortens text to n bytes at most, and not within a character.
func cut(text []byte, n int) []byte {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// addrOf is the client's address. It is not needed for most requests.
func addrOf(remote net.Addr) netip.Addr {
	if tcp, ok := remote.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// methodOf is a constant of the same text. A middleware is reached only by the
// methods that Fiber knows.
func methodOf(method []byte) string {
	switch string(method) {
	case fasthttp.MethodGet:
		return fasthttp.MethodGet
	case fasthttp.MethodHead:
		return fasthttp.MethodHead
	case fasthttp.MethodPost:
		return fasthttp.MethodPost
	case fasthttp.MethodPut:
		return fasthttp.MethodPut
	case fasthttp.MethodDelete:
		return fasthttp.MethodDelete
	case fasthttp.MethodOptions:
		return fasthttp.MethodOptions
	case fasthttp.MethodPatch:
		return fasthttp.MethodPatch
	case fasthttp.MethodConnect:
		return fasthttp.MethodConnect
	case fasthttp.MethodTrace:
		return fasthttp.MethodTrace
	}
	return "other"
}

// parseContentRange reads what static writes: "bytes 0-99/1000". What is no
// such range, as with several, is -1 for to.
func parseContentRange(value []byte) (from, to int64) {
	const unit = "bytes "
	if len(value) <= len(unit) || string(value[:len(unit)]) != unit {
		return 0, -1
	}
	numbers := [2]int64{}
	which := 0
	for _, c := range value[len(unit):] {
		switch {
		case c >= '0' && c <= '9':
			numbers[which] = numbers[which]*10 + int64(c-'0')
		case c == '-' && which == 0:
			which = 1
		case c == '/' && which == 1:
			return numbers[0], numbers[1]
		default:
			return 0, -1
		}
	}
	return 0, -1
}
