// Package config is what an operator can set, and where each value comes from:
// a default, the environment, or a flag, the later winning over the earlier.
package config

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"fullbore/app/wire"
	"fullbore/logger"
)

// EnvPrefix begins the name of every environment variable of ours.
const EnvPrefix = "FULLBORE_"

// Config is what a server is started with.
type Config struct {
	Path         string        // the folder or file to serve
	Listen       string        // host:port
	Admin        string        // host:port; "" is off
	AccessLog    string        // "-" standard output, "off", or a file
	LogFormat    string        // a name or a template
	LogMaxSize   Size          // rotate a log file that gets larger; 0 is never
	LogMaxAge    time.Duration // rotate a log file that gets older; 0 is never
	LogKeep      int           // how many rotated files are kept; 0 is all
	Files        Files         // how files and folders are answered for
	IdleTimeout  time.Duration // a peer that takes nothing for so long is cut
	DrainTimeout time.Duration // how long downloads may go on after a stop
	Operations   Operations    // how the server watches itself
}

// Bind makes each key a flag with its default and returns the Config that the
// flags fill.
func Bind(flags *pflag.FlagSet) *Config {
	c := &Config{}
	flags.StringVar(&c.Listen, "listen", "127.0.0.1:8080", "address to serve on; port 0 picks a free one")
	BindAdmin(flags, &c.Admin)
	flags.StringVar(&c.AccessLog, "access-log", "-", `where access records go: "-" (standard output), "off" or a file`)
	flags.StringVar(&c.LogFormat, "log-format", "json", "json, combined, common, console, or a template such as '${ip} ${path} ${bytesSent}'")
	flags.Var(&c.LogMaxSize, "log-max-size", "rotate the access log's file when it gets larger, such as 100MiB; 0 is never")
	flags.DurationVar(&c.LogMaxAge, "log-max-age", 0, "rotate the access log's file when it gets older, such as 24h; 0 is never")
	flags.IntVar(&c.LogKeep, "log-keep", 0, "how many rotated files to keep; 0 is all")
	bindFiles(flags, &c.Files)
	flags.DurationVar(&c.IdleTimeout, "idle-timeout", wire.IdleTimeoutDefault, "end a download whose client takes nothing for this long")
	flags.DurationVar(&c.DrainTimeout, "drain-timeout", 30*time.Second, "on a stop, let downloads go on for this long")
	bindOperations(flags, &c.Operations)
	return c
}

// BindAdmin makes the admin address a flag, for commands that only ask there.
func BindAdmin(flags *pflag.FlagSet, admin *string) {
	flags.StringVar(admin, "admin", "127.0.0.1:8081", `address of the admin listener (health); "" is off`)
}

// EnvName is the environment variable of a flag: idle-timeout is
// FULLBORE_IDLE_TIMEOUT.
func EnvName(flag string) string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// FromEnv sets each flag that was not given from its environment variable, if
// that is set; lookup is os.LookupEnv or stands in for it.
func FromEnv(flags *pflag.FlagSet, lookup func(string) (string, bool)) error {
	var err error
	flags.VisitAll(func(f *pflag.Flag) {
		value, set := lookup(EnvName(f.Name))
		if f.Changed || !set || err != nil {
			return
		}
		if setErr := flags.Set(f.Name, value); setErr != nil {
			err = fmt.Errorf("%s=%q: %w", EnvName(f.Name), value, cause(setErr))
		}
	})
	return err
}

// cause is the error below pflag's own words, which speak of a flag.
func cause(err error) error {
	if below := errors.Unwrap(err); below != nil {
		return below
	}
	return err
}

// Validate finds what no single flag can tell is wrong.
func (c *Config) Validate() error {
	for _, address := range []struct{ flag, value string }{{"listen", c.Listen}, {"admin", c.Admin}} {
		if address.flag == "admin" && address.value == "" {
			continue
		}
		if _, _, err := net.SplitHostPort(address.value); err != nil {
			return fmt.Errorf("--%s %q: want host:port, such as 127.0.0.1:8080 or :8080", address.flag, address.value)
		}
	}
	if c.IdleTimeout < time.Second {
		return fmt.Errorf("--idle-timeout %v: want at least 1s", c.IdleTimeout)
	}
	if c.DrainTimeout < 0 {
		return fmt.Errorf("--drain-timeout %v: want 0s or more", c.DrainTimeout)
	}
	if c.AccessLog == "" {
		return fmt.Errorf(`--access-log "": want "-", "off" or a file`)
	}
	if rotates := c.LogMaxSize > 0 || c.LogMaxAge > 0; rotates && (c.AccessLog == "-" || c.AccessLog == "off") {
		return fmt.Errorf("--log-max-size and --log-max-age rotate a file, but --access-log is %q", c.AccessLog)
	}
	if c.LogMaxAge < 0 || c.LogKeep < 0 {
		return fmt.Errorf("--log-max-age %v, --log-keep %d: want 0 or more", c.LogMaxAge, c.LogKeep)
	}
	if err := logger.CheckFormat(c.LogFormat); err != nil {
		return fmt.Errorf("--log-format: %w", err)
	}
	return c.Files.validate()
}
