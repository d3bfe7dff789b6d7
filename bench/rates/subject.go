//go:build linux

package rates

// This file starts a server with limits, and changes them while it runs.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"golang.org/x/sys/unix"

	"fullbore/bench/load"
	"fullbore/bench/process"
)

const answersWithin = 20 * time.Second

// limits are what a server is told, bytes per second; 0 is no limit.
type limits struct{ Rate, ClientRate, ConnectionRate int64 }

// limited are the limits of a scope that make n connections get the rate together.
func limited(scope string, rate int64, n int) limits {
	switch scope {
	case ofClient:
		return limits{ClientRate: rate}
	case ofConnection:
		return limits{ConnectionRate: max(1, rate/int64(n))}
	}
	return limits{Rate: rate}
}

// site is where a server runs; the templates are filled in from it.
type site struct {
	Address string // host:port to listen on
	Files   string // folder to serve
	Scratch string // private folder
	Config  string // file that the template makes
	limits
}

// running is a server that runs.
type running struct {
	address string
	server  *process.Server
	tree    *process.Tree
	site    site
	write   func(site) error // its configuration
}

// start starts the subject with limits and waits until it answers.
func (b *bench) start(ctx context.Context, subject *Subject, limits limits) (*running, error) {
	b.runs++
	where := site{Files: b.files, Scratch: filepath.Join(b.folder, fmt.Sprintf("run-%d", b.runs)), limits: limits}
	where.Config = filepath.Join(where.Scratch, "config")
	if err := os.Mkdir(where.Scratch, 0o755); err != nil {
		return nil, err
	}
	if b.config.Exec != "" {
		return b.startOther(ctx, where)
	}
	r := &running{site: where, write: writeSettings}
	if err := r.write(where); err != nil {
		return nil, err
	}
	args := []string{
		"serve", where.Files, "--config", where.Config, "--listen", "127.0.0.1:0", "--admin", "",
		"--access-log", filepath.Join(where.Scratch, "access.log"), "--log-format", "json",
	}
	var err error
	r.server, err = process.Launch(ctx, process.Command{Path: b.binary, Args: append(args, strings.Fields(subject.Name)...)})
	if err != nil {
		return nil, err
	}
	r.address, r.tree = strings.TrimPrefix(r.server.URL, "http://"), process.NewTree(r.server.Process)
	return r, nil
}

// startOther starts the server of --exec.
func (b *bench) startOther(ctx context.Context, where site) (*running, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	where.Address = listener.Addr().String()
	if err := listener.Close(); err != nil {
		return nil, err
	}
	r := &running{site: where, address: where.Address, write: func(where site) error {
		if b.config.Template == "" {
			return nil
		}
		text, err := os.ReadFile(b.config.Template)
		if err != nil {
			return err
		}
		filled, err := fill(string(text), where)
		return errors.Join(err, replace(where.Config, filled))
	}}
	if err := r.write(where); err != nil {
		return nil, err
	}
	filled, err := fill(b.config.Exec, where)
	if err != nil {
		return nil, err
	}
	words := strings.Fields(filled)
	if r.server, err = process.Spawn(process.Command{Path: words[0], Args: words[1:], Dir: where.Scratch}); err != nil {
		return nil, err
	}
	r.tree = process.NewTree(r.server.Process)
	if err := r.await(ctx); err != nil {
		r.stop()
		return nil, fmt.Errorf("start %s: %w: %s", words[0], err, r.server.LastWords())
	}
	return r, nil
}

// await returns once the server accepts connections.
func (r *running) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.address)
		if err == nil {
			return conn.Close()
		}
		if _, ended := r.tree.CPU(); ended != nil {
			return ended
		}
		if sleep(ctx, 10*time.Millisecond) != nil {
			return err
		}
	}
}

// change writes other limits and has the server read them.
func (r *running) change(limits limits) error {
	r.site.limits = limits
	if err := r.write(r.site); err != nil {
		return err
	}
	if err := unix.Kill(r.server.PID, unix.SIGHUP); err != nil {
		return fmt.Errorf("reload: %w", err)
	}
	return nil
}

// stop ends the server with its children.
func (r *running) stop() {
	_, _ = r.tree.CPU() // notes the children; an error means that the root is gone
	r.server.Stop()
	r.tree.Reap()
}

// get is the text of a request for a file and what its answer must say.
func (r *running) get(name string, size int64) (string, load.Answer) {
	return fmt.Sprintf("GET /%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: fullbore-bench\r\n\r\n", name, r.address),
		load.Answer{Status: http.StatusOK, Length: size}
}

// writeSettings writes fullbore's settings.
func writeSettings(where site) error {
	var text strings.Builder
	for _, limit := range []struct {
		key  string
		rate int64
	}{{"rate", where.Rate}, {"client-rate", where.ClientRate}, {"connection-rate", where.ConnectionRate}} {
		if limit.rate > 0 {
			fmt.Fprintf(&text, "%s: %d\n", limit.key, limit.rate)
		}
	}
	return replace(where.Config, text.String())
}

// replace writes a file so that nobody sees half of it.
func replace(path, text string) error {
	half := path + ".new"
	if err := os.WriteFile(half, []byte(text), 0o644); err != nil { //nolint:gosec // a server of another user reads it
		return err
	}
	return os.Rename(half, path)
}

func fill(text string, where site) (string, error) {
	parsed, err := template.New("").Parse(text)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = parsed.Execute(&out, where)
	return out.String(), err
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
