package app

// This file is what the server says of itself, one event a line, apart from
// the access log: starts and stops, reloads, downloads, alarms.

import (
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"

	"fullbore/app/config"
)

// newEvents makes the log of events. Each has the field "event", which says
// what it is about in a word that never changes.
func newEvents(format string, stderr io.Writer) zerolog.Logger {
	if format == config.EventsAuto {
		format = config.EventsJSON
		if f, ok := stderr.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
			format = config.EventsText
		}
	}
	if format == config.EventsText {
		stderr = zerolog.ConsoleWriter{Out: stderr, NoColor: true, TimeFormat: time.DateTime}
	}
	return zerolog.New(stderr).With().Timestamp().Logger()
}
