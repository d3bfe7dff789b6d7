// Package config is what an operator can set, and where each value comes from:
// a default, a YAML file, the environment, or a flag, the later winning over
// the earlier.
package config

import (
	"net/url"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"

	"fullbore/app/client"
	"fullbore/app/deadline"
	"fullbore/app/limit"
	"fullbore/app/listen"
	"fullbore/app/watch"
	"fullbore/logger"
	"fullbore/static"
)

// Config is what a server is started with.
type Config struct {
	Path           string          // the folder or file to serve
	Listen         []string        // what listen.Parse takes, one or more
	Admin          string          // likewise; "" is off
	BasePath       string          // what all public paths begin with, without a slash at the end; "" is nothing
	ProxyProtocol  []string        // those of Listen on which proxies introduce each connection, or Everywhere
	TrustedProxies []string        // what client.ParseNetworks takes: whose word is taken for who a client is
	SocketMode     string          // permissions of Unix sockets, in octal
	SocketOwner    string          // USER:GROUP of Unix sockets; "" is whoever the server is
	QR             bool            // draw the first URL that others can use
	Engine         string          // what carries connections: an Engine constant
	HotCache       Size            // how much of files is kept: content, and 32 KiB for a descriptor; 0 is nothing
	AccessLog      string          // "-" standard output, "off", or a file
	LogFormat      string          // a name or a template
	LogMaxSize     Size            // rotate a log file that gets larger; 0 is never
	LogMaxAge      time.Duration   // rotate a log file that gets older; 0 is never
	LogKeep        int             // how many rotated files are kept; 0 is all
	Files          Files           // how files and folders are answered for
	Times          deadline.Limits // how long clients may take
	Bandwidth      Bandwidth       // how fast bytes may go
	StorageTimeout time.Duration   // how long a disk has to open a file
	DrainTimeout   time.Duration   // how long downloads may go on after a stop
	Limits         limit.Settings  // what clients may take
	Operations     Operations      // how the server watches itself
}

// defaultConfig is the config of a server that is told nothing.
func defaultConfig() Config {
	return Config{
		Listen:         []string{"127.0.0.1:8080"},
		Admin:          "127.0.0.1:8081",
		SocketMode:     "660",
		Engine:         EngineAuto,
		HotCache:       16 << 20,
		AccessLog:      "-",
		LogFormat:      logger.FormatJSON,
		Files:          Files{Index: "index.html", Browse: true, ETag: static.ETagAuto, Policy: PolicyStrict},
		Times:          deadline.Default(),
		StorageTimeout: StorageTimeoutDefault,
		DrainTimeout:   30 * time.Second,
		Operations: Operations{
			EventFormat:   EventsAuto,
			DownloadAfter: 10 * time.Minute,
			DownloadFrom:  4 << 20,
			Watch:         watch.Settings{Every: 5 * time.Second, Growth: 256 << 10, Cooldown: 10 * time.Minute, Keep: 10},
		},
	}
}

// Validate finds what no single value can tell is wrong. The error names the
// key; Loader.Load's says where its value came from, too.
func (c *Config) Validate() error {
	for _, find := range []func() error{
		c.validateAddresses, c.validateProxies, c.validateBasePath, c.validateEngine, c.validateTimes, c.validateLimits, c.validateLog, c.Files.validate, c.Operations.validate,
	} {
		if err := find(); err != nil {
			return err
		}
	}
	return nil
}

// Everywhere stands for all addresses.
const Everywhere = "all"

func (c *Config) validateProxies() error {
	for _, address := range c.ProxyProtocol {
		if address != Everywhere && !slices.Contains(c.Listen, address) {
			return wrong("proxy-protocol", "%q: want %s, or an address as %v has it: %s", address, Everywhere, other("listen"), strings.Join(c.Listen, ", "))
		}
	}
	if len(c.ProxyProtocol) > 0 && len(c.TrustedProxies) == 0 {
		return wrong("proxy-protocol", "nobody could connect: PROXY headers are taken from %v, and there are none", other("trusted-proxies"))
	}
	if _, err := client.ParseNetworks(c.TrustedProxies); err != nil {
		return wrong("trusted-proxies", "%v", err)
	}
	return nil
}

func (c *Config) validateAddresses() error {
	if len(c.Listen) == 0 {
		return wrong("listen", "want an address, such as 127.0.0.1:8080")
	}
	for _, address := range c.Listen {
		if _, err := listen.Parse(address); err != nil {
			return wrong("listen", "%q: %v", address, err)
		}
	}
	if _, err := listen.Parse(c.Admin); err != nil && c.Admin != "" {
		return wrong("admin", "%q: %v", c.Admin, err)
	}
	if _, err := listen.ParseMode(c.SocketMode); err != nil {
		return wrong("socket-mode", "%q: %v", c.SocketMode, err)
	}
	if _, err := listen.ParseOwner(c.SocketOwner); err != nil {
		return wrong("socket-owner", "%q: %v", c.SocketOwner, err)
	}
	return nil
}

// validateBasePath takes a path of unreserved characters (RFC 3986 section 2.3), which
// proxies neither encode nor decode, and lets a slash at its end go.
func (c *Config) validateBasePath() error {
	base := strings.TrimSuffix(c.BasePath, "/")
	if base != "" && (path.Clean(base) != base || base[0] != '/' || strings.Trim(base, unreserved+"/") != "") {
		return wrong("base-path", "%q: want a path such as /files, of letters, digits and - . _ ~", c.BasePath)
	}
	c.BasePath = base
	return nil
}

const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

// What may carry connections.
const (
	EngineAuto       = "auto"       // event loops where there are any
	EngineEpoll      = "epoll"      // event loops; Linux has them
	EngineGoroutines = "goroutines" // fasthttp's own loop
)

func (c *Config) validateEngine() error {
	switch c.Engine {
	case EngineAuto, EngineGoroutines:
		return nil
	case EngineEpoll:
		if runtime.GOOS == "linux" {
			return nil
		}
		return wrong("engine", "%q: %s has no epoll; want %s or %s", c.Engine, runtime.GOOS, EngineAuto, EngineGoroutines)
	}
	return wrong("engine", "%q: want %s, %s or %s", c.Engine, EngineAuto, EngineEpoll, EngineGoroutines)
}

func (c *Config) validateLog() error {
	if c.AccessLog == "" {
		return wrong("access-log", `"": want "-", "off" or a file`)
	}
	if c.LogMaxAge < 0 {
		return wrong("log-max-age", "%v: want 0 or more", duration(c.LogMaxAge))
	}
	if c.LogKeep < 0 {
		return wrong("log-keep", "%d: want 0 or more", c.LogKeep)
	}
	if c.AccessLog == "-" || c.AccessLog == "off" {
		const format = "rotates a file, but %v is %q"
		switch {
		case c.LogMaxSize > 0:
			return wrong("log-max-size", format, other("access-log"), c.AccessLog)
		case c.LogMaxAge > 0:
			return wrong("log-max-age", format, other("access-log"), c.AccessLog)
		}
	}
	if err := logger.CheckFormat(c.LogFormat); err != nil {
		return wrong("log-format", "%v", err)
	}
	return nil
}

// validURL reports whether text is a web address that something can be posted
// to.
func validURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && slices.Contains([]string{"http", "https"}, strings.ToLower(u.Scheme)) && u.Host != ""
}
