// Package logger is an access log for Fiber v2 that tells what was really
// sent. It has the surface of Fiber's own logger and can be put in its place
// by changing the import path. A line is written after the response, not when
// the handlers return: its byte counts come from the body stream's and the
// connection's own counters, its latency ends with the last byte, and its
// outcome says whether the client got everything. Bodies are never buffered.
//
// It needs nothing from the rest of fullbore. What it knows better when others
// help it, it asks for through two small interfaces, BodyStream and Conn.
package logger

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/mattn/go-colorable"
	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"
)

// Logger writes one line a request. It is safe for concurrent use.
type Logger struct {
	cfg      Config
	template *template // nil: JSON
	fields   []field   // of JSON
	needs    needs
	clock    *clock
	idPrefix string
	pid      string
	lastID   atomic.Uint64
	records  sync.Pool

	lastApp atomic.Pointer[facts]
	apps    sync.Map // *fiber.App to *facts
	dones   sync.Map // finished to fasthttp.RequestHandler

	mu     sync.Mutex // around Output
	closed bool
}

// New makes a middleware, as Fiber's logger.New does. It panics when the
// format or a field is not valid.
func New(config ...Config) fiber.Handler {
	var cfg Config
	if len(config) > 0 {
		cfg = config[0]
	}
	l, err := NewLogger(cfg)
	if err != nil {
		panic(err)
	}
	return l.Handle
}

// NewLogger makes a Logger. It fails when the format or a field is not valid.
func NewLogger(cfg Config) (*Logger, error) {
	l := &Logger{
		cfg:      withDefaults(cfg),
		idPrefix: strconv.FormatInt(time.Now().UnixMilli(), 36) + "-",
		pid:      strconv.Itoa(os.Getpid()),
	}
	l.lastApp.Store(noApp)
	l.records.New = func() any { return newRecord(l) }
	l.clock = newClock(l.cfg.TimeFormat, l.cfg.TimeZone, l.cfg.TimeInterval)
	if l.cfg.enableColors {
		l.terminal()
	}
	var err error
	if l.cfg.Logger != nil || l.cfg.Format == FormatJSON {
		l.needs = everything
		l.fields, err = fieldsOf(l.cfg.Fields)
		return l, err
	}
	if l.template, err = compile(l.cfg.Format, l.cfg.CustomTags); err == nil {
		l.needs = l.template.needs
		if l.cfg.Observe != nil {
			l.needs = l.needs.and(needs{start: true, ready: true, end: true})
		}
	}
	return l, err
}

// terminal makes standard output show colors, or not have any.
func (l *Logger) terminal() {
	fd := os.Stdout.Fd()
	if os.Getenv("TERM") == "dumb" || os.Getenv("NO_COLOR") == "1" || (!isatty.IsTerminal(fd) && !isatty.IsCygwinTerminal(fd)) {
		l.cfg.Output = colorable.NewNonColorable(os.Stdout)
		return
	}
	l.cfg.Output = colorable.NewColorableStdout()
}

// CheckFormat says what is wrong with a Config.Format, nil if nothing is. It is
// stricter than New, which like Fiber's logger passes over unknown tags.
func CheckFormat(format string) error {
	text, _, named := presetOf(format)
	if named || format == "" {
		return nil
	}
	return checkTemplate(text)
}

// Handle is the middleware. Errors of the handlers below it are handed to the
// app's error handler here, as Fiber's logger does, so that the status logged
// is the one sent.
func (l *Logger) Handle(c *fiber.Ctx) error {
	if l.cfg.Next != nil && l.cfg.Next(c) {
		return c.Next()
	}
	r := l.attach(c.Context())
	r.facts = l.factsOf(c.App())
	if l.needs.start {
		r.start = time.Now()
	}
	defer r.passOnPanic(c)
	err := c.Next()
	if err != nil && c.App().ErrorHandler(c, err) != nil {
		// The error handler failed, so this is all that there is left to say.
		_ = c.SendStatus(fiber.StatusInternalServerError)
	}
	r.ready(c, err)
	switch {
	case r.nobodyResets():
		r.endNow()
	case r.detached:
		c.Context().SetUserValue(r, r)
	}
	return nil
}

// ServerError logs a request that could not be read, and so reached no
// middleware. Call it from the fasthttp server's ErrorHandler, after the
// response was set. What could not be parsed is left empty in the record; so is
// everything if the body is what could not be read, since fasthttp then forgets
// the header. The duration is that of the answer, but for a connection's first
// request, which began with the connection, unless the server has
// ReduceMemoryUsage, with which fasthttp forgets when that was.
func (l *Logger) ServerError(ctx *fasthttp.RequestCtx, err error) {
	r := l.attach(ctx)
	r.unread = true
	r.start = time.Now()
	if begun := ctx.ConnTime(); ctx.ConnRequestNum() == 0 && !begun.IsZero() {
		r.start = begun
	}
	r.ctx.Response.SetConnectionClose() // as fasthttp is about to do; it is part of the header
	r.ready(nil, err)
}

// Unseen logs a request that Fiber answered without calling any middleware, as
// it does for a method that it does not know. Call it after the app's handler;
// for a request that passed Handle it does nothing.
func (l *Logger) Unseen(ctx *fasthttp.RequestCtx) {
	if l.recordOf(ctx) == nil {
		r := l.attach(ctx)
		r.start = time.Now()
		r.ready(nil, nil)
	}
}

// recordOf finds the logger's record of a request, nil if there is none.
func (l *Logger) recordOf(ctx *fasthttp.RequestCtx) (found *record) {
	ctx.VisitUserValuesAll(func(_, value any) {
		if r, ok := value.(*record); ok && r.log == l {
			found = r
		}
	})
	return found
}

// attach makes a record that is closed once the response was written: fasthttp
// closes every user value that is an io.Closer when it resets the request, and
// it resets the request on every way out. It closes them in the order in which
// they were set and clears each, so this comes before the handlers, for the
// locals to be still there.
func (l *Logger) attach(ctx *fasthttp.RequestCtx) *record {
	r := l.records.Get().(*record) //nolint:forcetypeassert // the pool holds nothing else
	r.ctx, r.facts = ctx, l.lastApp.Load()
	r.request = countRequest(&ctx.Request)
	ctx.SetUserValue(r, r)
	return r
}

// output writes one line. A log that is full or gone must not end requests.
func (l *Logger) output(line []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	if _, err := l.cfg.Output.Write(line); err != nil {
		l.trouble(err)
	}
}

// trouble tells of a line that was lost, to whoever wants to know.
func (l *Logger) trouble(err error) {
	if l.cfg.OnWriteError != nil {
		l.cfg.OnWriteError(err)
		return
	}
	_, _ = fmt.Fprintf(os.Stderr, "access log: %v\n", err)
}

// flushPatience is how long a panic waits for the log.
const flushPatience = 100 * time.Millisecond

// flush writes what a Writer holds, if that does not take long. Another Output
// may not be safe to flush while it is written to.
func (l *Logger) flush() {
	w, ok := l.cfg.Output.(*Writer)
	if !ok {
		return
	}
	flushed := make(chan struct{})
	go func() { // ends with the Writer's own timeout
		defer close(flushed)
		_ = w.Flush() // a failed write was told to OnError
	}()
	select {
	case <-flushed:
	case <-time.After(flushPatience):
	}
}

// Close closes the output if it is an io.Closer and not standard output. Call
// it after the server has stopped; requests that end later are not logged.
func (l *Logger) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	if c, ok := l.cfg.Output.(io.Closer); ok && l.cfg.Output != ConfigDefault.Output {
		return c.Close()
	}
	return nil
}

// event is an empty zerolog event at the level of a status.
func (l *Logger) event(r *record) *zerolog.Event {
	switch log := l.cfg.Logger; {
	case log == nil:
		return r.json.Log()
	case r.status >= fiber.StatusInternalServerError:
		return log.Error()
	case r.status >= fiber.StatusBadRequest:
		return log.Warn()
	default:
		return log.Info()
	}
}
