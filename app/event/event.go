// Package event writes what the server says about itself to standard error, one event
// per line: starts and stops, reloads, downloads, alarms. No caller waits for the reader.
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

	// bufferSize is the most that is written at once: PIPE_BUF, which a pipe takes
	// without interleaving other writers.
	bufferSize = 4 << 10

	// timeout is how long Flush and Close wait for standard error.
	timeout = time.Second
)

// Log writes events. Each has a field "event", a stable word for its subject. It is safe
// for concurrent use.
type Log struct {
	zerolog.Logger
	lines lines
}

// lines is standard error, written to by a goroutine.
type lines struct{ *logger.Writer }

// Write never waits and never fails: zerolog would report the error to standard error,
// and wait for that.
func (l lines) Write(p []byte) (int, error) {
	_, _ = l.Writer.Write(p) // fails only when closed
	return len(p), nil
}

// New returns a Log in a format of config.Operations.EventFormat, to be closed.
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

// writeTo returns a logger that writes each event to w in one Write.
func writeTo(w io.Writer, format string) zerolog.Logger {
	if format == config.EventsText {
		w = zerolog.ConsoleWriter{Out: w, NoColor: true, TimeFormat: time.DateTime}
	}
	return zerolog.New(w).With().Timestamp().Logger()
}

// Line prints a line that is not an event, such as a listener's address, which scripts
// wait for.
func (l *Log) Line(format string, args ...any) { _, _ = fmt.Fprintf(l.lines, format+"\n", args...) }

// Dropped is how many lines were lost because standard error was not read.
func (l *Log) Dropped() int64 { return l.lines.Dropped() }

// Flush waits until everything is written, for a second at most. After Close it fails
// with os.ErrClosed.
func (l *Log) Flush() error { return l.lines.Flush() }

// Close writes what is left, for a second at most. Later events are lost.
func (l *Log) Close() error { return l.lines.Close() }
