package logger

import (
	"io"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"
)

// The named formats. Any other Config.Format is a template.
const (
	FormatJSON     = "json"     // one JSON object per line
	FormatCombined = "combined" // Apache's and nginx's combined log format
	FormatCommon   = "common"   // the Common Log Format
	FormatConsole  = "console"  // human-readable
)

// Config of a Logger. The zero value logs as Fiber's logger does: its default
// format, to standard output. Fields that Fiber's logger also has mean the same.
type Config struct {
	// Next skips the logger for a request when it returns true.
	//
	// Optional. Default: nil
	Next func(c *fiber.Ctx) bool

	// Done is called with each line after it was written, which is after the
	// response. c is valid during the call and holds the request, the locals, and
	// the response without a streamed body.
	//
	// Optional. Default: nil
	Done func(c *fiber.Ctx, logString []byte)

	// Observer follows each request, for metrics and the like, without
	// allocating.
	//
	// Optional. Default: nil
	Observer Observer

	// Client is called when a request begins, for who has sent it, and says whether that
	// is another than the connection's peer, such as the client of a trusted proxy. A
	// client without an address is one on a Unix socket. read is false for a request that
	// could not be read, whose fields may be missing. Fiber's ProxyHeader is not looked at
	// then.
	//
	// Optional. Default: nil, the connection's peer
	Client func(ctx *fasthttp.RequestCtx, read bool) (client netip.Addr, proxied bool)

	// CountStreams wraps body streams that do not count themselves (see
	// BodyStream) in a counter, which takes unsafe access to fasthttp's messages.
	// Without it, their bytes are what the connection counted or the header
	// declared, and a streamed request body counts as received as declared, read
	// or not.
	//
	// Optional. Default: false
	CountStreams bool

	// CustomTags adds or replaces tags. A name that ends in a colon takes a
	// parameter. They are called between the handlers and the response; what they
	// write is not escaped.
	//
	// Optional. Default: nil
	CustomTags map[string]LogFunc

	// Format is a template with ${tag}s, or the name of a format
	// (FormatJSON ...). As in Fiber's logger, an unknown tag writes nothing, and
	// an unknown tag with a parameter makes New panic; CheckFormat finds both.
	//
	// Optional. Default: ${time} | ${status} | ${latency} | ${ip} | ${method} | ${path} | ${error}\n
	Format string

	// TimeFormat is the time.Format layout of ${time}. JSON always has RFC 3339
	// in UTC with milliseconds.
	//
	// Optional. Default: 15:04:05, or what a named format prescribes
	TimeFormat string

	// TimeZone of ${time}, such as "UTC" or "Asia/Tokyo". An unknown one means
	// "Local".
	//
	// Optional. Default: "Local"
	TimeZone string

	// TimeInterval is how stale ${time} may be.
	//
	// Optional. Default: 500 * time.Millisecond
	TimeInterval time.Duration

	// Output gets each line in one Write; Writes do not overlap. Writer batches
	// them.
	//
	// Optional. Default: os.Stdout
	Output io.Writer

	// DisableColors turns off the colors of ${status}, ${method} and ${error},
	// which are on if Output is not set and standard output is a terminal.
	//
	// Optional. Default: false
	DisableColors bool

	// Logger gets each record as an event in place of Output: at level error for
	// a 5xx status, warn for 4xx, else info. Format is ignored, and Done gets an
	// empty line.
	//
	// Optional. Default: nil
	Logger *zerolog.Logger

	// Fields selects and orders the fields of FormatJSON and Logger; the function
	// Fields lists them.
	//
	// Optional. Default: all
	Fields []string

	// MaxValue is the limit in bytes of a logged value; a truncated one ends in
	// "...".
	//
	// Optional. Default: 2048
	MaxValue int

	// OnWriteError is called for each line that Output did not take.
	//
	// Optional. Default: nil, which reports to standard error
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

// LogFunc is a custom tag: it writes its value to output. extraParam is what
// follows the colon in ${name:parameter}.
type LogFunc func(output Buffer, c *fiber.Ctx, data *Data, extraParam string) (int, error)

// Data is what a LogFunc gets besides the request.
type Data struct {
	Pid           string
	ErrPaddingStr string // the length of the longest route path, at least 15
	ChainErr      error  // what the handlers returned
	Start         time.Time
	Stop          time.Time    // when the handlers were done, before the response
	Timestamp     atomic.Value // a string: the time in TimeFormat
}

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

// presetOf returns the template and the time layout of a named format.
// FormatJSON has no template; its text is its name.
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
