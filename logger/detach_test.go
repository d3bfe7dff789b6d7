package logger

import (
	"bytes"
	"errors"
	"io"
	"math"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"unsafe"

	"github.com/gofiber/fiber/v2"
	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"
)

// engineConn is the connection of a server that is not fasthttp's.
type engineConn struct {
	net.Conn
	written, read atomic.Int64
	err           error
}

func (c *engineConn) BytesWritten() int64 { return c.written.Load() }
func (c *engineConn) BytesRead() int64    { return c.read.Load() }
func (c *engineConn) WriteErr() error     { return c.err }
func (c *engineConn) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(9, 9, 9, 9)} // RemoteAddrPort is asked first
}
func (c *engineConn) LocalAddr() net.Addr { return &net.TCPAddr{} }
func (c *engineConn) RemoteAddrPort() netip.AddrPort {
	return netip.MustParseAddrPort("[::ffff:192.0.2.1]:7")
}

// plan is a body sent outside the handler.
type plan struct {
	io.Reader
	sent atomic.Int64
	err  error
}

func (p *plan) BytesSent() int64 { return p.sent.Load() }
func (p *plan) Size() int64      { return 1000 }
func (p *plan) Err() error       { return p.err }
func (p *plan) Range() (offset, length int64, ok bool) {
	return 100, 500, true
}

// engine runs requests as a server does that sends bodies itself.
type engine struct {
	t       *testing.T
	handler fasthttp.RequestHandler
	ctx     fasthttp.RequestCtx
}

func newEngine(t *testing.T, l *Logger) *engine {
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Use(l.Handle)
	app.Get("/plan", func(c *fiber.Ctx) error {
		c.Locals("username", strings.Clone(c.Query("user")))
		c.Locals("requestid", "r-1")
		c.Locals(KindKey, "file")
		c.Set(fiber.HeaderContentRange, "bytes 100-599/1000")
		c.Status(fiber.StatusPartialContent)
		c.Context().SetBodyStream(&plan{Reader: strings.NewReader("")}, 500)
		return nil
	})
	app.Get("/fails", func(c *fiber.Ctx) error { return errors.New(c.Query("user")) })
	app.Handler()
	l.Wrap(app.Server())
	return &engine{t: t, handler: app.Server().Handler}
}

// request runs the handlers, and returns the response's stream and the hook.
func (e *engine) request(conn net.Conn, target string) (*plan, *visit) {
	e.t.Helper()
	e.ctx.Init2(conn, nil, true)
	e.ctx.Request.Header.SetMethod("GET")
	e.ctx.Request.SetRequestURI(target)
	e.ctx.Request.Header.SetHost("h\"ost")
	e.ctx.Request.Header.SetUserAgent("agent \u202e")
	e.ctx.Request.Header.SetReferer("http://r/")
	e.ctx.Request.Header.SetCookie("c", "d")
	e.handler(&e.ctx)
	body, _ := e.ctx.Response.BodyStream().(*plan)
	var hook *visit
	e.ctx.VisitUserValuesAll(func(_, value any) {
		if v, ok := value.(*visit); ok {
			hook = v
		}
	})
	if hook == nil {
		e.t.Fatal("there is no hook")
	}
	return body, hook
}

// reset releases the ctx, and poisons what it has held.
func (e *engine) reset() {
	e.ctx.Request.Reset()
	e.ctx.Response.Reset()
	e.ctx.Request.Header.SetMethod("POISON")
	e.ctx.Request.SetRequestURI("/poison-poison-poison-poison?poison=poison-poison-poison")
	e.ctx.Request.Header.SetHost("poison.poison")
	e.ctx.Request.Header.SetUserAgent("poison poison poison")
	e.ctx.Request.Header.SetReferer("http://poison/poison")
	e.ctx.Request.Header.SetCookie("c", "poison")
	e.ctx.Response.SetStatusCode(299)
	e.ctx.Response.Header.Set("Content-Range", "bytes 66-666/6666")
	e.ctx.Response.SetBodyString(strings.Repeat("poison", 100))
}

// volatile is what differs between two requests.
var volatile = regexp.MustCompile(`[0-9a-z]{8,}-[0-9a-z]+|"(ttfb|duration)_ms":[0-9.]+|"rate":[0-9]+|"time":"[^"]*"| *[0-9.]+(ns|µs|ms) *`)

// A record that is detached says what one says that ends with its ctx.
func TestDetachedRecordIsTheSameLine(t *testing.T) {
	every := ""
	for _, name := range Tags() {
		switch {
		case name == TagForm || name == TagTime || name == TagRate: // a form's value may not be asked of GET; time goes on
		case strings.HasSuffix(name, ":"):
			every += "${" + name + "c}|"
		default:
			every += "${" + name + "}|"
		}
	}
	events := &output{}
	zl := zerolog.New(events)
	for name, cfg := range map[string]Config{
		"json":     {Format: FormatJSON},
		"fields":   {Format: FormatJSON, Fields: Fields()},
		"combined": {Format: FormatCombined}, "common": {Format: FormatCommon}, "console": {Format: FormatConsole, TimeFormat: "2006"},
		"default": {TimeFormat: "2006"}, "every tag": {Format: every + "\n"}, "early only": {Format: "${path}\n"},
		"zerolog": {Logger: &zl, Fields: Fields()},
	} {
		for _, failure := range []error{nil, syscall.EPIPE, io.ErrUnexpectedEOF} {
			for _, target := range []string{"/plan?user=an%22na", "/fails?user=%01", "/none"} {
				log := &output{}
				if cfg.Logger != nil {
					log = events
				}
				cfg.Output, cfg.TimeZone = log, "UTC"
				l, err := NewLogger(cfg)
				if err != nil {
					t.Fatal(err)
				}
				l.idPrefix = "idididididid-"
				e := newEngine(t, l)
				var lines [2]string
				for i, detach := range []bool{false, true} {
					conn := &engineConn{}
					body, hook := e.request(conn, target)
					var last io.Closer = hook
					if detach {
						if last = hook.Detach(); last == nil {
							t.Fatal("it is not detached")
						}
						e.reset()
					}
					if body != nil {
						body.sent.Store(321)
						body.err = failure
					}
					conn.written.Store(777)
					conn.err = failure
					if last.Close() != nil {
						t.Error("it is not closed")
					}
					if !detach {
						e.ctx.Request.ResetUserValues()
						e.ctx = fasthttp.RequestCtx{}
					}
					log.mu.Lock()
					lines[i] = volatile.ReplaceAllString(log.buf.String(), "~")
					log.buf.Reset()
					log.mu.Unlock()
				}
				if lines[0] != lines[1] || strings.Count(lines[0], "\n") != 1 {
					t.Errorf("%s, %s, %v: with its ctx\n%s\ndetached\n%s", name, target, failure, lines[0], lines[1])
				}
			}
		}
	}
}

// A hook whose record was taken does nothing when its ctx is reset, also if the
// record has ended before and serves another request.
func TestResetAfterDetachIsNotTheEnd(t *testing.T) {
	log := &output{}
	l, err := NewLogger(Config{Format: "${path} ${bytesSent}\n", Output: log})
	if err != nil {
		t.Fatal(err)
	}
	e := newEngine(t, l)
	body, hook := e.request(&engineConn{}, "/plan")
	last := hook.Detach()
	if hook.Detach() != nil {
		t.Error("it was detached twice")
	}
	body.sent.Store(5)
	_ = last.Close()
	e.reset()
	if log.String() != "/plan 5\n" {
		t.Errorf("logged %q", log.String())
	}
	e = newEngine(t, l)
	l.cfg.Done = func(*fiber.Ctx, []byte) {}
	if _, hook = e.request(&engineConn{}, "/plan"); hook.Detach() != nil {
		t.Error("a record with Done was detached")
	}
}

// What a slow download costs here.
func TestDetachedRecordIsSmall(t *testing.T) {
	l, err := NewLogger(Config{Format: FormatJSON, Output: io.Discard, Observer: &watcher{results: map[*Result]bool{}}})
	if err != nil {
		t.Fatal(err)
	}
	e := newEngine(t, l)
	_, hook := e.request(&engineConn{}, "/plan?user=me")
	r := hook.Detach().(*record)
	size := int(unsafe.Sizeof(*r)) + cap(r.kept) + 4*cap(r.holes) + cap(r.errText) + cap(r.Path) + cap(r.User)
	t.Logf("%d bytes, %d of them the struct, %d the line", size, unsafe.Sizeof(*r), cap(r.kept))
	if size > 1024 {
		t.Errorf("it holds %d bytes: early %d, holes %d, error %d, path %d, user %d", size, cap(r.kept), cap(r.holes), cap(r.errText), cap(r.Path), cap(r.User))
	}
}

func TestDetachAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, format := range []string{FormatJSON, FormatCombined} {
		l, err := NewLogger(Config{Format: format, Output: io.Discard, Observer: ended(func(*Result) {})})
		if err != nil {
			t.Fatal(err)
		}
		app := fiber.New()
		app.Use(l.Handle, func(*fiber.Ctx) error { return nil })
		app.Handler()
		l.Wrap(app.Server())
		conn := &engineConn{}
		var ctx fasthttp.RequestCtx
		ctx.Init2(conn, nil, true)
		detach := func(_, value any) {
			if v, ok := value.(*visit); ok {
				_ = v.Detach().Close()
			}
		}
		allocations := testing.AllocsPerRun(1000, func() {
			ctx.Request.Header.SetMethod("GET")
			ctx.Request.SetRequestURI("/some/path")
			app.Server().Handler(&ctx)
			ctx.VisitUserValuesAll(detach)
			ctx.Request.Reset()
			ctx.Response.Reset()
		})
		if allocations != 0 {
			t.Errorf("%s: %v allocations a request", format, allocations)
		}
	}
}

// outer hides the connection that counts, as *tls.Conn does.
type outer struct{ net.Conn }

func (o outer) NetConn() net.Conn { return o.Conn }

func TestCountingConnIsFoundInsideOthers(t *testing.T) {
	inner := &engineConn{}
	for name, c := range map[string]net.Conn{"bare": inner, "inside": outer{inner}, "twice inside": outer{outer{inner}}} {
		if connOf(c) != inner {
			t.Errorf("%s: not found", name)
		}
	}
	if connOf(nil) != nil || connOf(outer{&net.TCPConn{}}) != nil {
		t.Error("found what does not count")
	}
}

// JSON is written as zerolog writes it, but for what must not reach a terminal.
func TestJSONIsThatOfZerolog(t *testing.T) {
	l := &Logger{cfg: Config{MaxValue: math.MaxInt}}
	for b := range 0x7f {
		value := "a" + string(rune(b)) + "é漢"
		if b < ' ' { // zerolog has short names for some
			continue
		}
		var want bytes.Buffer
		log := zerolog.New(&want)
		log.Log().Str("k", value).Send()
		if got := `{"k":` + string(quote(nil, l, value)) + "}\n"; got != want.String() {
			t.Errorf("%q is %s, want %s", value, got, want.String())
		}
	}
}

// Whoever watches a slow download sees bytes of the body, and none of the header.
func TestDetachedRecordCountsTheBodyAlone(t *testing.T) {
	w := &watcher{results: map[*Result]bool{}}
	l, err := NewLogger(Config{Format: FormatJSON, Output: io.Discard, Observer: w})
	if err != nil {
		t.Fatal(err)
	}
	e := newEngine(t, l)
	conn := &engineConn{}
	_, hook := e.request(conn, "/plan")
	header := int64(len(e.ctx.Response.Header.Header()))
	r := hook.Detach().(*record)
	e.reset()
	for _, body := range []int64{0, 1, 499} {
		conn.written.Store(header + body)
		if n := r.BytesSent(); n != body {
			t.Errorf("%d of the body were taken, and BytesSent is %d", body, n)
		}
	}
	_ = r.Close()
}
