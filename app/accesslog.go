package app

// This file is where access records go: from the logger through a writer that
// never waits to standard output or a file.

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"fullbore/app/config"
	"fullbore/logger"
)

// sink is what is below a logger.
type sink struct {
	lines *logger.Writer
	file  io.Closer // nil: standard output
}

// openLog makes the logger that cfg asks for. The observer is told of each
// request, also if there is no log; then the sink is empty.
func openLog(cfg config.Config, stdout io.Writer, trouble func(error), observer logger.Observer) (*logger.Logger, sink, error) {
	if cfg.AccessLog == "off" {
		log, err := newQuietLog(observer)
		return log, sink{}, err
	}
	var s sink
	out := stdout
	if cfg.AccessLog != "-" {
		file, err := openLogFile(cfg)
		if err != nil {
			return nil, sink{}, err
		}
		out, s.file = file, file
	}
	format, notice := cfg.LogFormat, textNotice
	switch {
	case format == logger.FormatJSON:
		notice = jsonNotice
	case strings.Contains(format, "${"): // a template; records are lines
		format += "\n"
	}
	s.lines = logger.NewWriter(out, logger.WriterConfig{Notice: notice, OnError: trouble})
	log, err := logger.NewLogger(logger.Config{Format: format, Output: s.lines, OnWriteError: trouble, Observer: observer, CountStreams: true})
	if err != nil {
		s.close()
		return nil, sink{}, err
	}
	return log, s, nil
}

// openLogFile opens the access log's file, one that rotates if that is asked.
func openLogFile(cfg config.Config) (io.WriteCloser, error) {
	if cfg.LogMaxSize == 0 && cfg.LogMaxAge == 0 {
		return logger.OpenFile(cfg.AccessLog)
	}
	return logger.NewRotatingFile(cfg.AccessLog, logger.RotateConfig{
		MaxSize: int64(cfg.LogMaxSize), MaxAge: cfg.LogMaxAge, Keep: cfg.LogKeep,
	})
}

// close writes what is left. Errors were reported as they came.
func (s sink) close() {
	_ = s.lines.Close()
	if s.file != nil {
		_ = s.file.Close()
	}
}

// textNotice says in a log of text how many lines it lacks.
func textNotice(dst []byte, dropped int64) []byte {
	return fmt.Appendf(dst, "# access log: %d lines lost\n", dropped)
}

// jsonNotice says it in a log of JSON.
func jsonNotice(dst []byte, dropped int64) []byte {
	dst = append(dst, `{"time":"`...)
	dst = time.Now().UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z07:00")
	dst = append(dst, `","level":"warn","message":"access log: lines lost","dropped":`...)
	dst = strconv.AppendInt(dst, dropped, 10)
	return append(dst, "}\n"...)
}
