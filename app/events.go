package app

// This file is what the server says of itself, one event a line, apart from
// the access log: starts and stops, reloads, downloads, alarms. Nobody who has
// something to say waits for whoever reads it.

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
	// eventsPending, in bytes, may wait while standard error is not read.
	eventsPending = 256 << 10

	// eventsBuffer is the most that is written at once. A pipe takes that much
	// in one piece, or other writers may come between; PIPE_BUF.
	eventsBuffer = 4 << 10

	// eventsTimeout is how long the start and the end wait for standard error.
	eventsTimeout = time.Second
)

// eventLines is standard error, written by a goroutine: events, and the lines
// of the listeners. Each is written at once if it is read.
type eventLines struct{ *logger.Writer }

// Write never waits and never fails: zerolog would tell standard error, and
// wait for it.
func (l eventLines) Write(p []byte) (int, error) {
	_, _ = l.Writer.Write(p) // it is closed: nobody is there to be told
	return len(p), nil
}

// newEvents makes the log of events. Each has the field "event", which says
// what it is about in a word that never changes. The lines are to be closed.
func newEvents(format string, stderr io.Writer) (zerolog.Logger, eventLines) {
	if format == config.EventsAuto {
		format = config.EventsJSON
		if f, ok := stderr.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
			format = config.EventsText
		}
	}
	lines := eventLines{logger.NewWriter(stderr, logger.WriterConfig{
		BufferSize:    eventsBuffer,
		FlushInterval: time.Nanosecond, // at once
		MaxPending:    eventsPending,
		Timeout:       eventsTimeout,
		Notice: func(dst []byte, lost int64) []byte {
			var notice bytes.Buffer
			events := eventsOn(format, &notice)
			events.Warn().Str("event", "events").Int64("lost", lost).Msgf("%d events were lost", lost)
			return append(dst, notice.Bytes()...)
		},
	})}
	return eventsOn(format, lines), lines
}

// eventsOn makes a log of events that are written to w, one in each Write.
func eventsOn(format string, w io.Writer) zerolog.Logger {
	if format == config.EventsText {
		w = zerolog.ConsoleWriter{Out: w, NoColor: true, TimeFormat: time.DateTime}
	}
	return zerolog.New(w).With().Timestamp().Logger()
}

// serverLog makes events of what fasthttp has to say, which would write it to
// standard error itself. Requests that fail are in the access log, each.
type serverLog struct{ *reporter }

func (a *App) newServerLog() serverLog {
	return serverLog{newReporter(a.events, "server", "serving connections")}
}

// Printf is a fasthttp.Logger's.
func (l serverLog) Printf(format string, args ...any) { l.report(fmt.Errorf(format, args...)) }
