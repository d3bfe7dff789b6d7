package app

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"fullbore/app/client"
	"fullbore/app/config"
	"fullbore/app/event"
	"fullbore/app/health"
	"fullbore/logger"
)

// quiet is the format of a logger that only feeds its observer. An empty one would be
// the default.
const quiet = " "

// accessLog is where access records go: through a writer that never waits to
// standard output or a file, or nowhere.
type accessLog struct {
	*logger.Writer
	file     io.Closer // nil: it is none
	format   string    // of records
	longest  int       // bytes of one value in them; 0: the logger's default
	trouble  *event.Trouble
	failures health.Recent
}

// openAccessLog opens what cfg asks for. trouble is told when it cannot be
// written to.
func openAccessLog(cfg config.Config, stdout io.Writer, trouble *event.Trouble) (*accessLog, error) {
	l := &accessLog{format: cfg.LogFormat, trouble: trouble}
	out := stdout
	switch cfg.AccessLog {
	case "-":
	case "off":
		out, l.format = io.Discard, quiet
	default:
		file, err := openLogFile(cfg)
		if err != nil {
			return nil, err
		}
		out, l.file = file, file
	}
	notice := textNotice
	switch {
	case l.format == logger.FormatJSON:
		notice = jsonNotice
	case strings.Contains(l.format, "${"): // a template; records are lines
		l.format += "\n"
	default:
		l.longest = maxValueOfText
	}
	l.Writer = logger.NewWriter(out, logger.WriterConfig{Notice: notice, OnError: l.failed})
	return l, nil
}

// maxValueOfText, in bytes, keeps a line of text with several long values below
// the 4 KiB that readers such as GoAccess take.
const maxValueOfText = 1000

// openLogFile opens the access log's file, one that rotates if that is asked.
func openLogFile(cfg config.Config) (io.WriteCloser, error) {
	if cfg.LogMaxSize == 0 && cfg.LogMaxAge == 0 {
		return logger.OpenFile(cfg.AccessLog)
	}
	return logger.NewRotatingFile(cfg.AccessLog, logger.RotateConfig{
		MaxSize: int64(cfg.LogMaxSize), MaxAge: cfg.LogMaxAge, Keep: cfg.LogKeep,
	})
}

// newLogger makes the logger that writes here. The observer is told of each
// request, also if there is no access log. proxies say who sent it.
func (l *accessLog) newLogger(observer logger.Observer, proxies *client.Proxies) (*logger.Logger, error) {
	cfg := quietly(observer)
	cfg.Client = proxies.Introduce
	if l.format != quiet {
		cfg.Format, cfg.Output, cfg.OnWriteError, cfg.MaxValue = l.format, l, l.failed, l.longest
		cfg.CustomTags = map[string]logger.LogFunc{
			logger.TagProtocol: func(out logger.Buffer, c *fiber.Ctx, _ *logger.Data, _ string) (int, error) {
				return out.WriteString(client.Scheme(c.Context()))
			},
			logger.TagHost: func(out logger.Buffer, c *fiber.Ctx, _ *logger.Data, _ string) (int, error) {
				return out.Write(client.Host(c.Context())) // an authority, which has nothing to escape
			},
		}
	}
	return logger.NewLogger(cfg)
}

// quietly is the config of a logger that writes nothing.
func quietly(observer logger.Observer) logger.Config {
	return logger.Config{Format: quiet, Output: io.Discard, Observer: observer, CountStreams: true}
}

func (l *accessLog) failed(err error) {
	l.failures.Failed(err)
	l.trouble.Report(err)
}

// Close writes what is left, or waits for the Close that does.
func (l *accessLog) Close() error {
	err := l.Writer.Close()
	if l.file != nil {
		err = errors.Join(err, l.file.Close())
	}
	return err
}

// textNotice says in a text log how many lines are missing.
func textNotice(dst []byte, dropped int64) []byte {
	return fmt.Appendf(dst, "# access log: %d lines lost\n", dropped)
}

// jsonNotice is textNotice for JSON.
func jsonNotice(dst []byte, dropped int64) []byte {
	dst = append(dst, `{"time":"`...)
	dst = time.Now().UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z07:00")
	dst = append(dst, `","level":"warn","message":"access log: lines lost","dropped":`...)
	dst = strconv.AppendInt(dst, dropped, 10)
	return append(dst, "}\n"...)
}
