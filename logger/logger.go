// Package logger is an access log for Fiber v2 that records what was really
// sent. It is a drop-in replacement for Fiber's own logger: change the import
// path. A line is written after the response, not when the handlers return: byte
// counts come from the counters of the body stream and the connection, latency
// ends with the last byte, and the outcome says whether the client got
// everything. Bodies are never buffered.
//
// It depends on nothing else in fullbore. Body streams and connections that
// count implement two small interfaces, BodyStream and Conn.
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
	"github.com/valyala/bytebufferpool"
)

// Logger writes one line per request. It is safe for concurrent use.
type Logger struct {
	cfg      Config
	template *template
	fields   []field // of an event of Config.Logger
	clock    *clock
	seconds  seconds
	idPrefix string
	pid      string
	lastID   atomic.Uint64

	visits  sync.Pool
	records sync.Pool
	lines   bytebufferpool.Pool

	lastApp atomic.Pointer[facts]
	apps    sync.Map // *fiber.App to *facts
	dones   sync.Map // finished to fasthttp.RequestHandler

	mu     sync.Mutex // around Output
	closed bool
}

// New returns the middleware, as Fiber's logger.New does. It panics if the
// format or a field is invalid.
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

// NewLogger returns a Logger. It fails if the format or a field is invalid.
func NewLogger(cfg Config) (*Logger, error) {
	l := &Logger{
		cfg:      withDefaults(cfg),
		idPrefix: strconv.FormatInt(time.Now().UnixMilli(), 36) + "-",
		pid:      strconv.Itoa(os.Getpid()),
	}
	l.lastApp.Store(noApp)
	l.visits.New = func() any { return &visit{log: l} }
	l.records.New = func() any { return &record{log: l} }
	l.clock = newClock(l.cfg.TimeFormat, l.cfg.TimeZone, l.cfg.TimeInterval)
	if l.cfg.enableColors {
		l.terminal()
	}
	var err error
	if l.cfg.Logger != nil || l.cfg.Format == FormatJSON {
		if l.fields, err = fieldsOf(l.cfg.Fields); err == nil {
			l.template = jsonTemplate(l.fields, l.cfg.Logger != nil)
		}
	} else {
		l.template, err = compile(l.cfg.Format, l.cfg.CustomTags)
	}
	return l, err
}

// terminal sends colors to standard output only if it can show them.
func (l *Logger) terminal() {
	fd := os.Stdout.Fd()
	if os.Getenv("TERM") == "dumb" || os.Getenv("NO_COLOR") == "1" || (!isatty.IsTerminal(fd) && !isatty.IsCygwinTerminal(fd)) {
		l.cfg.Output = colorable.NewNonColorable(os.Stdout)
		return
	}
	l.cfg.Output = colorable.NewColorableStdout()
}

// CheckFormat reports what is wrong with a Config.Format. It is stricter than
// New, which ignores unknown tags as Fiber's logger does.
func CheckFormat(format string) error {
	text, _, named := presetOf(format)
	if named || format == "" {
		return nil
	}
	return checkTemplate(text)
}

// Handle is the middleware. Like Fiber's logger, it calls the app's error
// handler itself, so that the status logged is the one sent.
func (l *Logger) Handle(c *fiber.Ctx) error {
	if l.cfg.Next != nil && l.cfg.Next(c) {
		if v, ok := c.Context().UserValue(l).(*visit); ok {
			v.record.skipped = true
		}
		return c.Next()
	}
	v := l.claim(c)
	defer v.passOnPanic(c)
	err := c.Next()
	if err != nil && c.App().ErrorHandler(c, err) != nil {
		// The error handler failed; nothing better is left to send.
		_ = c.SendStatus(fiber.StatusInternalServerError)
	}
	v.render(c, err)
	if !v.wrapped {
		v.handled()
	}
	return nil
}

// output writes one line. A failing log must not fail requests.
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

// trouble reports a lost line.
func (l *Logger) trouble(err error) {
	if l.cfg.OnWriteError != nil {
		l.cfg.OnWriteError(err)
		return
	}
	_, _ = fmt.Fprintf(os.Stderr, "access log: %v\n", err)
}

// flushPatience is how long a panic waits for the log.
const flushPatience = 100 * time.Millisecond

// flush flushes a Writer, for flushPatience at most. Other Outputs may not be
// safe to flush during a Write.
func (l *Logger) flush() {
	w, ok := l.cfg.Output.(*Writer)
	if !ok {
		return
	}
	flushed := make(chan struct{})
	go func() { // ends with the Writer's own timeout
		defer close(flushed)
		_ = w.Flush() // OnError got the error
	}()
	select {
	case <-flushed:
	case <-time.After(flushPatience):
	}
}

// Close closes the output if it is an io.Closer other than standard output. Call
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
