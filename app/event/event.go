// Package event is what the server says of itself on standard error, one event
// a line, apart from the access log: starts and stops, reloads, downloads,
// alarms. Nobody who has something to say waits for the reader.
package event

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"

	"fullbore/app/config"
	"fullbore/logger"
)

const (
	// maxPending, in bytes, may wait while standard error is not read.
	maxPending = 256 << 10

	// bufferSize is the most that is written at once. A pipe takes that much in
	// one piece, or other writers may come between; PIPE_BUF.
	bufferSize = 4 << 10

	// timeout is how long Flush and Close wait for standard error.
	timeout = time.Second
)

// Log writes events. Each has the field "event", a word for what it is about
// that never changes. It is safe for concurrent use.
type Log struct {
	zerolog.Logger
	lines lines
}

// lines is standard error, written by a goroutine, at once if it is read.
type lines struct{ *logger.Writer }

// Write never waits and never fails: zerolog would report the error to standard
// error itself, and wait for it.
func (l lines) Write(p []byte) (int, error) {
	_, _ = l.Writer.Write(p) // it is closed: nobody is there to be told
	return len(p), nil
}

// New makes a Log in one of the formats of config.Operations.EventFormat. Close
// it.
func New(format string, stderr io.Writer) *Log {
	if format == config.EventsAuto {
		format = config.EventsJSON
		if f, ok := stderr.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
			format = config.EventsText
		}
	}
	out := lines{logger.NewWriter(stderr, logger.WriterConfig{
		BufferSize:    bufferSize,
		FlushInterval: time.Nanosecond, // at once
		MaxPending:    maxPending,
		Timeout:       timeout,
		Notice: func(dst []byte, lost int64) []byte {
			var notice bytes.Buffer
			events := writeTo(&notice, format)
			events.Warn().Str("event", "events").Int64("lost", lost).Msgf("%d events were lost", lost)
			return append(dst, notice.Bytes()...)
		},
	})}
	return &Log{writeTo(out, format), out}
}

// writeTo makes a logger that writes each event to w in one Write.
func writeTo(w io.Writer, format string) zerolog.Logger {
	if format == config.EventsText {
		w = zerolog.ConsoleWriter{Out: w, NoColor: true, TimeFormat: time.DateTime}
	}
	return zerolog.New(w).With().Timestamp().Logger()
}

// Line prints a line that is no event: where a listener is, which scripts wait
// for.
func (l *Log) Line(format string, args ...any) { _, _ = fmt.Fprintf(l.lines, format+"\n", args...) }

// Dropped is how many lines were lost because nobody read them.
func (l *Log) Dropped() int64 { return l.lines.Dropped() }

// Flush waits until everything is written, for a second at most. The error is
// os.ErrClosed after Close.
func (l *Log) Flush() error { return l.lines.Flush() }

// Close writes what is left, for a second at most. Events that come later are
// lost.
func (l *Log) Close() error { return l.lines.Close() }
