package transfer

// A server as the app makes it: registry, logger, files, over real connections.

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"fullbore/app/wire"
	"fullbore/logger"
	"fullbore/static"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// Theirs: two clocks, and a pause of the server's before it ends.
		goleak.IgnoreAnyFunction("github.com/gofiber/fiber/v2/utils.StartTimeStampUpdater.func1.1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

// patience is for what must happen at all.
const patience = 60 * time.Second

type server struct {
	*Registry
	t    *testing.T
	dir  string
	addr string
	log  *lines // the access log
	said *lines // the events
}

// straggle sets how long a covered download waits for late requests.
func (s *server) straggle(d time.Duration) {
	s.downloads.mu.Lock()
	defer s.downloads.mu.Unlock()
	s.downloads.straggle = d
}

// serve serves a new folder. The registry is closed by finish, or at the end.
func serve(t *testing.T, cfg Config, files ...static.Config) *server {
	t.Helper()
	s := &server{t: t, dir: t.TempDir(), log: &lines{}, said: &lines{}}
	events := zerolog.New(s.said)
	cfg.Events = &events
	s.Registry = New(cfg)
	s.straggle(0) // a download ends with its last byte, but where late requests are what a test is about
	log, err := logger.NewLogger(logger.Config{Format: logger.FormatJSON, Output: s.log, Observer: s.Registry})
	if err != nil {
		t.Fatal(err)
	}
	root, err := static.Open(s.dir, files...)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := wire.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = ln.Addr().String()
	app := fiber.New(fiber.Config{DisableStartupMessage: true, ReduceMemoryUsage: true, StreamRequestBody: true})
	app.Use(log.Handle, func(c *fiber.Ctx) error {
		if user := c.Get("X-User"); user != "" {
			c.Locals("username", strings.Clone(user))
		}
		return c.Next()
	})
	app.Post("/upload", func(c *fiber.Ctx) error {
		_, err := io.Copy(io.Discard, c.Context().RequestBodyStream())
		return err
	})
	app.Use(root.Handle)
	log.Wrap(app.Server())
	served := make(chan error, 1)
	go func() { served <- app.Listener(ln) }()
	t.Cleanup(func() {
		ln.Cut(io.ErrClosedPipe)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := app.ShutdownWithContext(ctx); err != nil {
			t.Error(err)
		}
		<-served
		ln.WaitClosed(patience)
		s.Close()
		root.Close()
	})
	return s
}

// file makes a file of size bytes and dates it back, so that its validators are
// strong.
func (s *server) file(name string, size int64) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	f, err := os.Create(path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		s.t.Fatal(err)
	}
	s.age(name, time.Hour)
}

func (s *server) age(name string, age time.Duration) {
	s.t.Helper()
	at := time.Now().Add(-age)
	if err := os.Chtimes(filepath.Join(s.dir, name), at, at); err != nil {
		s.t.Fatal(err)
	}
}

// do sends a request with fields such as "Range: bytes=0-9" and returns the answer
// with its whole body.
func (s *server) do(method, path string, fields ...string) (*http.Response, []byte) {
	s.t.Helper()
	conn := s.dial()
	defer conn.Close()
	conn.send(s.t, method, path, append(fields, "Connection: close")...)
	resp, err := http.ReadResponse(conn.r, &http.Request{Method: method})
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp, body
}

func (s *server) get(path string, fields ...string) (*http.Response, []byte) {
	s.t.Helper()
	return s.do("GET", path, fields...)
}

// client is a raw connection.
type client struct {
	*net.TCPConn
	r *bufio.Reader
}

func (s *server) dial() *client {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	s.t.Cleanup(func() { conn.Close() })
	return &client{conn.(*net.TCPConn), bufio.NewReader(conn)}
}

func (c *client) send(t *testing.T, method, path string, fields ...string) {
	t.Helper()
	if _, err := fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: test\r\n%s\r\n", method, path, strings.Join(append(fields, ""), "\r\n")); err != nil {
		t.Fatal(err)
	}
}

// take reads n bytes of the body that follows a header.
func (c *client) take(t *testing.T, n int64) {
	t.Helper()
	if _, err := http.ReadResponse(c.r, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, c.r, n); err != nil {
		t.Fatal(err)
	}
}

// reset ends a connection as a client does that is killed.
func (c *client) reset() {
	_ = c.SetLinger(0)
	_ = c.Close()
}

func (s *server) until(what string, happened func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !happened(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("waited in vain until %s; transfers %+v, downloads %+v", what, s.Transfers(), s.Downloads())
		}
	}
}

// quiet waits until nothing is in flight.
func (s *server) quiet() {
	s.t.Helper()
	s.until("nothing is in flight", func() bool { return s.Active() == 0 })
}

// one waits until nothing is in flight, and returns the only download there was.
func (s *server) one() Download {
	s.t.Helper()
	s.quiet()
	downloads := s.Downloads()
	if len(downloads) != 1 {
		s.t.Fatalf("downloads %+v, want one", downloads)
	}
	return downloads[0]
}

func (s *server) wantTotals(want Totals) {
	s.t.Helper()
	s.quiet()
	if got := s.Totals(); got != want {
		s.t.Errorf("totals %+v\nwant   %+v", got, want)
	}
}

// event is what is told of a download.
type event struct {
	Event, Outcome, Client, Path        string
	Size, Covered, Delivered, Duplicate int64
	Requests                            int
}

// lines collects lines.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// parse decodes each line.
func parse[T any](t *testing.T, l *lines) (all []T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range bytes.Lines(l.text.Bytes()) {
		var one T
		if err := json.Unmarshal(line, &one); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		all = append(all, one)
	}
	return all
}

// events waits for n events and returns them.
func (s *server) events(n int) (all []event) {
	s.t.Helper()
	s.until(fmt.Sprintf("there are %d events", n), func() bool {
		all = parse[event](s.t, s.said)
		return len(all) >= n
	})
	return all
}

// skip reads a whole answer.
func (c *client) skip(t *testing.T) {
	t.Helper()
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
}
