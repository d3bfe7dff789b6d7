//go:build linux

// Package peers compares download servers: the same files, from several servers
// in turn, on the same processor.
package peers

// This file is the list of servers. It exists so that adding one is adding one
// value here and one file in configs, and so that everyone can see how each of
// them was set up.

import (
	"context"
	"debug/buildinfo"
	"embed"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"fullbore/bench/process"
	"fullbore/bench/report"
)

//go:embed configs
var configs embed.FS

// peer is a server to compare.
type peer struct {
	name     string
	title    string
	setUp    string   // a sentence for the report
	programs []string // the first one installed is used
	pkg      string   // or a Go package of this module, to build
	version  func(ctx context.Context, program string) string
	cannot   func(w *workload) string // why it is left out; empty if it is not. Nil: it can do everything
	command  func(s site) (process.Command, error)

	// Set for builds named on the command line (choose).
	program string   // path; empty is the installed or freshly built one
	args    []string // appended to those of command
}

// Titles of the peers that the others are compared with.
const (
	ours  = "fullbore"
	bare  = "bare loop" // the physical limit
	known = "nginx"
)

// all lists the servers, in the order in which they take turns.
var all = []peer{
	{
		name: ours, title: ours, pkg: "fullbore",
		setUp:   "defaults, JSON access log; it gathers records for up to a second",
		version: revision,
		cannot:  withoutTLS(func() string { return "it serves no TLS yet" }),
		command: func(s site) (process.Command, error) {
			return process.Command{Args: []string{
				"serve", s.Files, "--listen", s.Address, "--admin", "127.0.0.1:0",
				"--access-log", s.Log(), "--log-format", "json",
			}}, nil
		},
	},
	{
		name: "nginx", title: "nginx", programs: []string{"nginx"},
		setUp:   "sendfile, tcp_nopush, 1 worker, autoindex; combined log, gathered for up to a second",
		version: output("-v"),
		command: func(s site) (process.Command, error) {
			config, err := s.config("nginx.conf")
			return process.Command{Args: []string{"-p", s.Scratch, "-c", config, "-e", "stderr"}}, err
		},
	},
	{
		name: "lighttpd", title: "lighttpd", programs: []string{"lighttpd"},
		setUp:   "network-backend sendfile, dirlisting; accesslog in its default format, which it gathers",
		version: output("-v"),
		cannot: withoutTLS(func() string {
			return missing("its mod_openssl is not installed", "/usr/lib/lighttpd/mod_openssl.so",
				"/usr/lib64/lighttpd/mod_openssl.so", "/usr/local/lib/mod_openssl.so")
		}),
		command: func(s site) (process.Command, error) {
			config, err := s.config("lighttpd.conf")
			return process.Command{Args: []string{"-D", "-f", config}}, err
		},
	},
	{
		name: "caddy", title: "Caddy", programs: []string{"caddy"},
		setUp:   "file_server browse; JSON log, every record written at once since it cannot gather",
		version: output("version"),
		command: func(s site) (process.Command, error) {
			config, err := s.config("Caddyfile")
			return process.Command{
				Args: []string{"run", "--config", config, "--adapter", "caddyfile"},
				Env:  []string{"XDG_CONFIG_HOME=" + s.Scratch, "XDG_DATA_HOME=" + s.Scratch, "HOME=" + s.Scratch},
			}, err
		},
	},
	{
		name: "apache", title: "Apache", programs: []string{"apache2", "httpd"},
		setUp:   "event MPM, 128 threads a child, EnableSendfile, autoindex; combined log, BufferedLogs",
		version: output("-v"),
		command: func(s site) (process.Command, error) {
			config, err := s.config("apache2.conf")
			return process.Command{Args: []string{"-D", "FOREGROUND", "-f", config}}, err
		},
	},
	{
		name: "fiber", title: "Fiber static", pkg: "fullbore/bench/peers/testdata/fiberstatic",
		setUp:   "app.Static with ByteRange and Browse; Fiber's logger in its default format (no byte counts), gathered for up to a second",
		version: module("github.com/gofiber/fiber/v2", "github.com/valyala/fasthttp"),
		command: goPeer,
	},
	{
		name: "nethttp", title: "net/http", pkg: "fullbore/bench/peers/testdata/nethttp",
		setUp:   "http.FileServer; combined log, gathered for up to a second",
		version: module(),
		command: goPeer,
	},
	{
		name: "bare", title: bare, pkg: "fullbore/bench/peers/testdata/bareloop",
		setUp: "the physical limit: epoll, TCP_CORK, a header and one sendfile per file that is open already, by raw system calls; " +
			"no check and no log. A server that writes small files from memory can be below it",
		version: module(),
		cannot: func(w *workload) string {
			if w.secure || w.name == "listing" {
				return "it sends files and nothing else"
			}
			return ""
		},
		command: func(s site) (process.Command, error) {
			return process.Command{Args: []string{"-listen", s.Address, s.Files}, Env: []string{"GODEBUG=asyncpreemptoff=1"}}, nil
		},
	},
}

// withoutTLS is a peer's cannot: why it serves no TLS, if it does not.
func withoutTLS(why func() string) func(*workload) string {
	return func(w *workload) string {
		if w.secure {
			return why()
		}
		return ""
	}
}

// choose parses --subjects, in order; no words select every peer. A word is a
// peer's name, or NAME=[FILE] [FLAG...]: a build of fullbore under that name, from
// FILE or freshly built, with extra flags for serve.
func choose(words []string) ([]peer, error) {
	if len(words) == 0 {
		return all, nil
	}
	var chosen []peer
	for _, word := range words {
		name, build, custom := strings.Cut(word, "=")
		p, found := named(name)
		switch {
		case slices.ContainsFunc(chosen, func(other peer) bool { return other.name == name }):
			return nil, fmt.Errorf("--subjects: %q twice", name)
		case custom && (!found || name == ours) && nameOfBuild.MatchString(name):
			p, _ = named(ours)
			p.name, p.title = name, name
			p.args = strings.Fields(build)
			if len(p.args) > 0 && !strings.HasPrefix(p.args[0], "-") {
				p.program, p.args = p.args[0], p.args[1:]
			}
			if len(p.args) > 0 {
				p.setUp += "; " + strings.Join(p.args, " ")
			}
		case custom || !found:
			return nil, fmt.Errorf("--subjects: no %q, there are %s, and NAME=[FILE] [FLAG...] for builds of %s", word, strings.Join(peerNames(), ", "), ours)
		}
		chosen = append(chosen, p)
	}
	return chosen, nil
}

var nameOfBuild = regexp.MustCompile(`^[A-Za-z0-9._-]+$`) // a part of file names

func named(name string) (peer, bool) {
	i := slices.IndexFunc(all, func(p peer) bool { return p.name == name })
	if i < 0 {
		return peer{}, false
	}
	return all[i], true
}

// own reports whether it is a build of fullbore.
func (p peer) own() bool { return p.pkg == ours }

func peerNames() []string {
	names := make([]string, len(all))
	for i, peer := range all {
		names[i] = peer.name
	}
	return names
}

// goPeer is the command line that the Go servers in testdata share.
func goPeer(s site) (process.Command, error) {
	args := []string{"-listen", s.Address, "-log", s.Log()}
	if s.Certificate != "" {
		args = append(args, "-certificate", s.Certificate, "-key", s.Key)
	}
	return process.Command{Args: append(args, s.Files)}, nil
}

// site is where a server runs and what it may use. The templates in configs are
// filled in from it.
type site struct {
	Files       string // folder to serve
	Scratch     string // private folder
	Address     string // host:port to listen on
	Certificate string // PEM file; empty is no TLS
	Key         string
	Connections int // to have room for
	Descriptors int // needed for that
}

// Log is the file for the access log.
func (s site) Log() string { return filepath.Join(s.Scratch, "access.log") }

// Host is the address without the port.
func (s site) Host() string { host, _, _ := net.SplitHostPort(s.Address); return host }

// Port is the port of the address.
func (s site) Port() string { _, port, _ := net.SplitHostPort(s.Address); return port }

// Root reports whether servers start as root, which some must be told and others
// refuse to stay.
func (s site) Root() bool { return os.Geteuid() == 0 }

// Nobody is the user that Apache switches to when started as root.
func (s site) Nobody() string { return "nobody" }

// NobodysGroup is that user's group.
func (s site) NobodysGroup() (string, error) {
	nobody, err := user.Lookup(s.Nobody())
	if err != nil {
		return "", err
	}
	group, err := user.LookupGroupId(nobody.Gid)
	if err != nil {
		return "", err
	}
	return group.Name, nil
}

// MIMETypes is nginx's table of media types, if it is where it usually is.
func (s site) MIMETypes() string {
	return firstFile("/etc/nginx/mime.types", "/usr/local/etc/nginx/mime.types")
}

// Modules is the folder of Apache's modules.
func (s site) Modules() (string, error) {
	module := firstFile("/usr/lib/apache2/modules/mod_autoindex.so", "/usr/lib64/httpd/modules/mod_autoindex.so",
		"/usr/lib/httpd/modules/mod_autoindex.so")
	if module == "" {
		return "", errors.New("the folder of Apache's modules was not found")
	}
	return filepath.Dir(module), nil
}

// config fills in a template and returns the file.
func (s site) config(name string) (string, error) {
	text, err := template.ParseFS(configs, "configs/"+name)
	if err != nil {
		return "", err
	}
	path := filepath.Join(s.Scratch, name)
	file, err := os.Create(path)
	if err != nil {
		return "", err
	}
	return path, errors.Join(text.Execute(file, s), file.Close())
}

// firstFile is the first of the paths that exists, or empty.
func firstFile(paths ...string) string {
	for _, path := range paths {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// missing returns the reason unless one of the paths exists.
func missing(reason string, paths ...string) string {
	if firstFile(paths...) == "" {
		return reason
	}
	return ""
}

// output asks a program for its version.
func output(flag string) func(context.Context, string) string {
	return func(ctx context.Context, program string) string {
		text, err := exec.CommandContext(ctx, program, flag).CombinedOutput()
		if err != nil {
			return "unknown: " + err.Error()
		}
		line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
		for _, prefix := range []string{"nginx version: ", "Server version: "} {
			line = strings.TrimPrefix(line, prefix)
		}
		return line
	}
}

// module finds the versions of Go and of modules in a Go program.
func module(paths ...string) func(context.Context, string) string {
	return func(_ context.Context, program string) string {
		info, err := buildinfo.ReadFile(program)
		if err != nil {
			return "unknown: " + err.Error()
		}
		words := []string{info.GoVersion}
		for _, path := range paths {
			for _, dependency := range info.Deps {
				if dependency.Path == path {
					words = append(words, fmt.Sprintf("%s %s", filepath.Base(strings.TrimSuffix(path, "/v2")), dependency.Version))
				}
			}
		}
		return strings.Join(words, ", ")
	}
}

// revision is the commit stamped into a Go program. One built here without a stamp
// has the checkout's.
func revision(_ context.Context, program string) string {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return "unknown: " + err.Error()
	}
	settings := map[string]string{}
	for _, setting := range info.Settings {
		settings[setting.Key] = setting.Value
	}
	hash, changed := settings["vcs.revision"], settings["vcs.modified"] == "true"
	if hash == "" && filepath.Base(program) == built(ours) {
		hash, changed = strings.CutSuffix(report.Checkout(info.Main.Path), "-dirty")
	}
	if hash == "" {
		return "unknown commit, " + info.GoVersion
	}
	commit := "commit " + hash[:min(12, len(hash))]
	if changed {
		commit += " with changes"
	}
	return commit + ", " + info.GoVersion
}

// built is the file name of the program built from a package.
func built(pkg string) string { return "bin-" + filepath.Base(pkg) }
