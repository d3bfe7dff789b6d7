// Package logger is an access log for Fiber v2 that tells what was really
// sent. A line is written after the response, not when the handler returns:
// its byte counts come from the body stream's and the connection's own
// counters, its duration ends with the last byte, and its outcome says whether
// the client got everything. Bodies are never read and never buffered.
//
// It needs nothing from the rest of fullbore. What it knows better when others
// help it, it asks for through three small interfaces, see BodyStream and
// Conn.
package logger

import (
	"io"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"
)

// The formats that have a name. Any other Config.Format is a template.
const (
	FormatJSON     = "json"     // one JSON object a line
	FormatCombined = "combined" // Apache's and nginx's combined log format
	FormatCommon   = "common"   // the Common Log Format
	FormatConsole  = "console"  // for people to read
)

// Config of a Logger. The zero value logs JSON to standard output.
type Config struct {
	// Next skips the logger for a request when it returns true.
	//
	// Optional. Default: nil
	Next func(c *fiber.Ctx) bool

	// Format is a name (FormatJSON ...) or a template with ${tag}s, as in
	// Fiber's own logger; see Tags. A template that does not end a line gets a
	// line feed.
	//
	// Optional. Default: FormatJSON
	Format string

	// TimeFormat is the layout of ${time} in templates, as of time.Format. In
	// JSON, time is always RFC 3339 in UTC with milliseconds.
	//
	// Optional. Default: what the named format prescribes, else time.RFC3339
	TimeFormat string

	// Output gets each line in one Write. Writes do not overlap.
	//
	// Optional. Default: os.Stdout
	Output io.Writer

	// OnWriteError is told of each line that Output did not take.
	//
	// Optional. Default: nil
	OnWriteError func(error)
}

// Logger writes one line a request. It is safe for concurrent use.
type Logger struct {
	next       func(c *fiber.Ctx) bool
	template   *template // nil: JSON
	timeFormat string
	onError    func(error)
	idPrefix   string

	mu  sync.Mutex
	out io.Writer

	lastID  atomic.Uint64
	json    zerolog.Logger
	records sync.Pool
}

// New makes a middleware, as Fiber's logger.New does. It panics when the
// format is not valid.
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

// NewLogger makes a Logger. It fails when the format is not valid.
func NewLogger(cfg Config) (*Logger, error) {
	l := &Logger{
		next:       cfg.Next,
		timeFormat: cfg.TimeFormat,
		onError:    cfg.OnWriteError,
		out:        cfg.Output,
		idPrefix:   strconv.FormatInt(time.Now().UnixMilli(), 36) + "-",
	}
	l.records.New = func() any { return &record{log: l} }
	if l.out == nil {
		l.out = os.Stdout
	}
	if isJSON(cfg.Format) {
		l.json = zerolog.New(lineWriter{l})
		return l, nil
	}
	text, layout := named(cfg.Format)
	if l.timeFormat == "" {
		l.timeFormat = layout
	}
	var err error
	l.template, err = compile(text)
	return l, err
}

func isJSON(format string) bool { return format == "" || format == FormatJSON }

// CheckFormat says what is wrong with a Config.Format, nil if nothing is.
func CheckFormat(format string) error {
	if isJSON(format) {
		return nil
	}
	text, _ := named(format)
	_, err := compile(text)
	return err
}

// Handle is the middleware. Errors of the handlers below it are handed to the
// app's error handler here, as Fiber's logger does, so that the status logged
// is the one sent.
func (l *Logger) Handle(c *fiber.Ctx) error {
	if l.next != nil && l.next(c) {
		return c.Next()
	}
	start := time.Now()
	err := c.Next()
	if err != nil {
		if c.App().ErrorHandler(c, err) != nil {
			c.Context().Error(fasthttp.StatusMessage(fasthttp.StatusInternalServerError), fasthttp.StatusInternalServerError)
		}
	}
	l.logAfter(c.Context(), start, err, false)
	return nil
}

// ServerError logs a request that could not be read, and so reached no
// middleware. Call it from the fasthttp server's ErrorHandler, after the
// response was set. What could not be parsed is left empty in the record.
func (l *Logger) ServerError(ctx *fasthttp.RequestCtx, err error) {
	l.logAfter(ctx, time.Now(), err, len(ctx.Request.Header.Host()) == 0)
}

// Unseen logs a request that Fiber answered without calling any middleware, as
// it does for a method that it does not know. Call it after the app's handler;
// for a request that passed Handle it does nothing.
func (l *Logger) Unseen(ctx *fasthttp.RequestCtx) {
	if ctx.UserValue(recordKey{}) == nil {
		l.logAfter(ctx, ctx.Time(), nil, false)
	}
}

// recordKey is where a record waits among the request's user values.
type recordKey struct{}

// logAfter arranges for the line to be written once the response was: fasthttp
// closes every user value that is an io.Closer when it resets the request, and
// it resets the request on every way out.
func (l *Logger) logAfter(ctx *fasthttp.RequestCtx, start time.Time, err error, unparsed bool) {
	r := l.records.Get().(*record) //nolint:forcetypeassert // the pool holds nothing else
	r.begin(ctx, start, err)
	r.unparsed = unparsed
	ctx.SetUserValue(recordKey{}, r)
}

// write renders and writes a finished record.
func (l *Logger) write(r *record) {
	if l.template == nil {
		r.writeJSON(l.json.Log())
		return
	}
	buf := lines.Get()
	defer lines.Put(buf)
	l.template.render(buf, r)
	// The error was told to onError; a log that is full must not end requests.
	_, _ = lineWriter{l}.Write(buf.B)
}

// lineWriter writes whole lines to the logger's output, one at a time.
type lineWriter struct{ l *Logger }

func (w lineWriter) Write(line []byte) (int, error) {
	w.l.mu.Lock()
	defer w.l.mu.Unlock()
	n, err := w.l.out.Write(line)
	if err != nil && w.l.onError != nil {
		w.l.onError(err)
	}
	// zerolog would print an error on standard error for each line.
	return n, nil
}
