package logger

// What a user of Fiber's own logger knows: the same names with the same meanings,
// and below each other what is new here.

import (
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/rs/zerolog"
)

// The formats that have a name. Any other Config.Format is a template.
const (
	FormatJSON     = "json"     // one JSON object a line, written by zerolog
	FormatCombined = "combined" // Apache's and nginx's combined log format
	FormatCommon   = "common"   // the Common Log Format
	FormatConsole  = "console"  // for people to read
)

// Config of a Logger. The zero value logs as Fiber's logger does: its default
// format, to standard output.
type Config struct {
	// Next skips the logger for a request when it returns true.
	//
	// Optional. Default: nil
	Next func(c *fiber.Ctx) bool

	// Done is called after the line of a request was written, with the line.
	// That is after the response; c is valid during the call and has the
	// request, the response without a streamed body, and the locals.
	//
	// Optional. Default: nil
	Done func(c *fiber.Ctx, logString []byte)

	// Observer is told of each request as it goes on, for metrics and the like.
	// It costs no allocation.
	//
	// Optional. Default: nil
	Observer Observer

	// CountStreams counts what is read of body streams that do not count
	// themselves (see BodyStream), by putting a counter around them inside
	// fasthttp's messages, where only unsafe reaches. Without it their bytes are
	// what the connection counted or the header declared, and those of a
	// streamed request body that was declared and not read count as received.
	//
	// Optional. Default: false
	CountStreams bool

	// CustomTags adds tags, or replaces those that there are. A name that ends
	// in a colon takes a parameter. They are asked when the handlers are done
	// and the response is not yet sent; what they write is not escaped.
	//
	// Optional. Default: nil
	CustomTags map[string]LogFunc

	// Format is a template with ${tag}s, or the name of a format
	// (FormatJSON ...). As in Fiber's logger, a tag that is not known gives
	// nothing, and one with an unknown parameter makes New panic; CheckFormat
	// finds both.
	//
	// Optional. Default: ${time} | ${status} | ${latency} | ${ip} | ${method} | ${path} | ${error}\n
	Format string

	// TimeFormat is the layout of ${time}, as of time.Format. In JSON, time is
	// RFC 3339 in UTC with milliseconds whatever is set here.
	//
	// Optional. Default: 15:04:05, or what a named format prescribes
	TimeFormat string

	// TimeZone of ${time}, such as "UTC" or "Asia/Tokyo"; one that is not known
	// is "Local".
	//
	// Optional. Default: "Local"
	TimeZone string

	// TimeInterval is how old the text of ${time} may be.
	//
	// Optional. Default: 500 * time.Millisecond
	TimeInterval time.Duration

	// Output gets each line in one Write; Writes do not overlap. See Writer for
	// one that batches.
	//
	// Optional. Default: os.Stdout
	Output io.Writer

	// DisableColors switches off the colors that ${status}, ${method} and
	// ${error} have when Output is not set and standard output is a terminal.
	//
	// Optional. Default: false
	DisableColors bool

	// Logger, if it is set, gets each record as an event instead of Output: at
	// level error for a status of 5xx, warn for 4xx, else info. Format is not
	// used, and Done gets an empty line.
	//
	// Optional. Default: nil
	Logger *zerolog.Logger

	// Fields chooses the fields of FormatJSON and Logger, in this order; see
	// Fields.
	//
	// Optional. Default: all
	Fields []string

	// MaxValue is how many bytes of one value are logged; what is cut ends in
	// "...".
	//
	// Optional. Default: 2048
	MaxValue int

	// OnWriteError is told of each line that Output did not take. If it is not
	// set, standard error is.
	//
	// Optional. Default: nil
	OnWriteError func(error)

	enableColors bool
	columns      bool // no value may be empty
}

// ConfigDefault is the default config.
var ConfigDefault = Config{
	Format:       "${time} | ${status} | ${latency} | ${ip} | ${method} | ${path} | ${error}\n",
	TimeFormat:   "15:04:05",
	TimeZone:     "Local",
	TimeInterval: 500 * time.Millisecond,
	Output:       os.Stdout,
	MaxValue:     2048,
	enableColors: true,
}

// Buffer is what a LogFunc writes to.
type Buffer interface {
	Len() int
	ReadFrom(r io.Reader) (int64, error)
	WriteTo(w io.Writer) (int64, error)
	Bytes() []byte
	Write(p []byte) (int, error)
	WriteByte(c byte) error
	WriteString(s string) (int, error)
	Set(p []byte)
	SetString(s string)
	String() string
}

// LogFunc is a custom tag: it writes its value to output. The parameter is
// what follows the colon in ${name:parameter}.
type LogFunc func(output Buffer, c *fiber.Ctx, data *Data, extraParam string) (int, error)

// Data is what a LogFunc may want to know besides the request.
type Data struct {
	Pid           string
	ErrPaddingStr string // the longest path of the app's routes, at least 15
	ChainErr      error  // what the handlers returned
	Start         time.Time
	Stop          time.Time    // when the handlers were done; the response comes after
	Timestamp     atomic.Value // a string: the time in TimeFormat
}

// withDefaults fills in what is not set.
func withDefaults(cfg Config) Config {
	text, layout, named := presetOf(cfg.Format)
	switch {
	case cfg.Format == "":
		cfg.Format = ConfigDefault.Format
	case named:
		cfg.Format, cfg.columns = text, true
		if cfg.TimeFormat == ConfigDefault.TimeFormat {
			cfg.TimeFormat = "" // a copy of ConfigDefault with another format
		}
	}
	if cfg.TimeFormat == "" {
		cfg.TimeFormat = layout
	}
	if cfg.TimeZone == "" {
		cfg.TimeZone = ConfigDefault.TimeZone
	}
	if cfg.TimeInterval <= 0 {
		cfg.TimeInterval = ConfigDefault.TimeInterval
	}
	if cfg.Output == nil {
		cfg.Output = ConfigDefault.Output
	}
	if cfg.MaxValue <= 0 {
		cfg.MaxValue = ConfigDefault.MaxValue
	}
	cfg.enableColors = !cfg.DisableColors && cfg.Output == ConfigDefault.Output
	return cfg
}

// combinedTime is the time layout of the Common Log Format.
const combinedTime = "02/Jan/2006:15:04:05 -0700"

// presetOf gives the template and the time layout of a format with a name.
// FormatJSON is no template; its text is its name.
func presetOf(format string) (text, timeLayout string, named bool) {
	const common = `${ip} - ${user} [${time}] "${method} ${url} ${proto}" ${status} ${bytesSent}`
	switch format {
	case FormatJSON:
		return format, "", true
	case FormatCommon:
		return common + "\n", combinedTime, true
	case FormatCombined:
		return common + " \"${referer}\" \"${ua}\"\n", combinedTime, true
	case FormatConsole:
		return "${time} ${status} ${method} ${url} ${bytesSent} B ${latency} ${outcome} ${ip} ${error}\n", "15:04:05", true
	}
	return format, ConfigDefault.TimeFormat, false
}
