package logger

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	fiberlogger "github.com/gofiber/fiber/v2/middleware/logger"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// fasthttp's own: they sleep for up to 10 s before they look whether to end.
		goleak.IgnoreTopFunction("time.Sleep"),
		goleak.IgnoreTopFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
	)
}

// output collects lines from any goroutine.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// countingListener makes connections that tell what the logger may ask of them.
type countingListener struct{ net.Listener }

func (l countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &countingConn{Conn: c}, nil
}

type countingConn struct {
	net.Conn
	mu      sync.Mutex
	written int64
	err     error
}

func (c *countingConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.written += int64(n)
	c.err = errors.Join(c.err, err)
	return n, err
}

func (c *countingConn) BytesWritten() int64 { c.mu.Lock(); defer c.mu.Unlock(); return c.written }
func (c *countingConn) WriteErr() error     { c.mu.Lock(); defer c.mu.Unlock(); return c.err }

// countingStream is a body stream that tells.
type countingStream struct {
	io.Reader
	sent, size int64
	err        error
}

func (s *countingStream) BytesSent() int64 { return s.sent }
func (s *countingStream) Size() int64      { return s.size }
func (s *countingStream) Err() error       { return s.err }

// serve runs an app whose routes are logged, on a real socket, and gives its
// address and the log, which is whole once stop returned.
func serve(t *testing.T, cfg Config, counting bool, routes func(app *fiber.App)) (addr string, log *output, stop func()) {
	t.Helper()
	log = &output{}
	cfg.Output = log
	cfg.CountStreams = true
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Use(New(cfg))
	routes(app)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = ln.Addr().String()
	if counting {
		ln = countingListener{ln}
	}
	served := make(chan error, 1)
	go func() { served <- app.Listener(ln) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			http.DefaultClient.CloseIdleConnections()
			if err := app.Shutdown(); err != nil {
				t.Error(err)
			}
			if err := <-served; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return addr, log, stop
}

// exchange sends raw requests on one connection and reads until the server
// closes it.
func exchange(t *testing.T, addr, raw string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

func get(path string, headers ...string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n" + strings.Join(append(headers, ""), "\r\n") + "\r\n"
}

const bodyText = "twelve bytes"

// routes answer in every way that a body can be given.
func routes(app *fiber.App) {
	app.All("/memory", func(c *fiber.Ctx) error { return c.SendString(bodyText) })
	app.All("/stream", func(c *fiber.Ctx) error { return c.SendStream(strings.NewReader(bodyText), len(bodyText)) })
	app.All("/unknown", func(c *fiber.Ctx) error { return c.SendStream(io.MultiReader(strings.NewReader(bodyText))) })
	app.All("/reader", func(c *fiber.Ctx) error {
		return c.SendStream(struct{ io.Reader }{strings.NewReader(bodyText)}, len(bodyText))
	})
	app.All("/short", func(c *fiber.Ctx) error {
		return c.SendStream(struct{ io.Reader }{strings.NewReader(bodyText)}, 20_000)
	})
	app.All("/written", func(c *fiber.Ctx) error {
		c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
			for _, b := range []byte(bodyText) {
				_ = w.WriteByte(b)
				_ = w.Flush()
			}
		})
		return nil
	})
	app.All("/panics", func(c *fiber.Ctx) error {
		return c.SendStream(readerFunc(func([]byte) (int, error) { panic("in the stream") }))
	})
	app.All("/breaks", func(c *fiber.Ctx) error {
		return c.SendStream(io.MultiReader(strings.NewReader(bodyText), readerFunc(func([]byte) (int, error) { return 0, syscall.EIO })))
	})
	app.All("/file", func(c *fiber.Ctx) error {
		f, err := os.CreateTemp("", "logger")
		if err != nil {
			return err
		}
		_ = os.Remove(f.Name())
		_, _ = f.WriteString(bodyText)
		_, _ = f.Seek(0, io.SeekStart)
		return c.SendStream(f)
	})
	app.All("/limited", func(c *fiber.Ctx) error { return c.SendStream(io.LimitReader(strings.NewReader(bodyText), 5)) })
	app.All("/overlimited", func(c *fiber.Ctx) error {
		return c.SendStream(io.LimitReader(struct{ io.Reader }{strings.NewReader(bodyText)}, 20_000))
	})
	app.All("/told", func(c *fiber.Ctx) error {
		return c.SendStream(&countingStream{Reader: strings.NewReader(bodyText), sent: 7, size: 99}, len(bodyText))
	})
	app.All("/shrunk", func(c *fiber.Ctx) error {
		return c.SendStream(&countingStream{Reader: strings.NewReader(bodyText), sent: 5, size: 12, err: fmt.Errorf("x: %w", io.ErrUnexpectedEOF)}, len(bodyText))
	})
	app.All("/none", func(c *fiber.Ctx) error { return c.SendStatus(204) })
	app.All("/unchanged", func(c *fiber.Ctx) error {
		c.Status(304)
		return c.SendStream(strings.NewReader(bodyText), len(bodyText))
	})
	app.All("/fails", func(*fiber.Ctx) error { return errors.New("out of\nluck") })
	app.All("/teapot", func(*fiber.Ctx) error { return fiber.ErrTeapot })
}

func TestBytesSent(t *testing.T) {
	n := len(bodyText)
	for _, test := range []struct {
		name, request            string
		counted, declared        int // on a connection that counts, and on one that does not
		status                   int
		outcome, outcomeDeclared Outcome
	}{
		{"body in memory", get("/memory"), n, n, 200, Complete, Complete},
		{"stream of known length", get("/stream"), n, n, 200, Complete, Complete},
		{"stream that tells", get("/told"), 7, 7, 200, Complete, Complete},
		{"stream that was shorter than it said", get("/shrunk"), 5, 5, 200, SourceChanged, SourceChanged},
		{"stream of unknown length", get("/unknown"), n, n, 200, Complete, Complete},
		{"stream that is written", get("/written"), n, n, 200, Complete, Complete},
		{"file of unknown length", get("/file"), n, n, 200, Complete, Complete},
		{"reader with a limit", get("/limited"), 5, 5, 200, Complete, Complete},
		// fasthttp throws away what waits in its buffer when a stream is too
		// short, here header and all; without a counter on the connection only
		// what was read is known, or only the limit.
		{"reader with a limit beyond its end", get("/overlimited"), 0, 20_000, 200, SourceChanged, Complete},
		{"plain reader", get("/reader"), n, n, 200, Complete, Complete},
		{"plain reader shorter than declared", get("/short"), 0, n, 200, SourceChanged, SourceChanged},
		{"stream that panics", get("/panics"), 0, 0, 200, Failed, Failed},
		{"stream that breaks", get("/breaks"), n, n, 200, Failed, Failed},
		{"HEAD of memory", strings.Replace(get("/memory"), "GET", "HEAD", 1), 0, 0, 200, Complete, Complete},
		{"HEAD of a stream", strings.Replace(get("/stream"), "GET", "HEAD", 1), 0, 0, 200, Complete, Complete},
		{"no content", get("/none"), 0, 0, 204, Complete, Complete},
		{"not modified", get("/unchanged"), 0, 0, 304, Complete, Complete},
		{"error", get("/fails"), len("out of\nluck"), len("out of\nluck"), 500, Complete, Complete},
		{"error with a status", get("/teapot"), len("I'm a teapot"), len("I'm a teapot"), 418, Complete, Complete},
	} {
		for counting, want := range map[bool]int{true: test.counted, false: test.declared} {
			t.Run(fmt.Sprintf("%s/counting=%t", test.name, counting), func(t *testing.T) {
				addr, log, stop := serve(t, Config{Format: "${status} ${bytesSent} ${outcome}\n"}, counting, routes)
				exchange(t, addr, test.request)
				stop()
				outcome := test.outcome
				if !counting {
					outcome = test.outcomeDeclared
				}
				if want := fmt.Sprintf("%d %d %s\n", test.status, want, outcome); log.String() != want {
					t.Errorf("logged %q, want %q", log.String(), want)
				}
			})
		}
	}
}

// Records are pooled: what one request left must not be the next one's.
func TestBytesSentIsNotThatOfTheRequestBefore(t *testing.T) {
	requests := []struct {
		method, target string
		want           int
	}{
		{"GET", "/memory", 12},
		{"HEAD", "/memory", 0},
		{"GET", "/stream", 12},
		{"GET", "/none", 0},
		{"GET", "/reader", 12},
		{"HEAD", "/stream", 0},
		{"GET", "/told", 7},
		{"GET", "/unchanged", 0},
		{"GET", "/written", 12},
		{"HEAD", "/unknown", 0},
	}
	for _, counting := range []bool{true, false} {
		addr, log, stop := serve(t, Config{Format: "${bytesSent} "}, counting, routes)
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReader(conn)
		var want string
		for _, q := range requests {
			_, _ = fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: test\r\n\r\n", q.method, q.target)
			resp, err := http.ReadResponse(r, &http.Request{Method: q.method})
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			want += fmt.Sprint(q.want, " ")
		}
		conn.Close()
		stop()
		if log.String() != want {
			t.Errorf("counting %t: logged %q, want %q", counting, log.String(), want)
		}
	}
}

func TestBytesWireCountsHeaderAndFraming(t *testing.T) {
	for _, target := range []string{"/memory", "/stream", "/unknown", "/written", "/none", "/fails"} {
		addr, log, stop := serve(t, Config{Format: "${bytesWire}"}, true, routes)
		answer := exchange(t, addr, get(target))
		stop()
		if want := fmt.Sprint(len(answer)); log.String() != want {
			t.Errorf("%s: logged %s, received %s", target, log.String(), want)
		}
	}
}

// A stream is never read by the logger: reading it all into memory is the bug
// that this package exists to end.
func TestStreamIsNotRead(t *testing.T) {
	for _, format := range []string{FormatJSON, FormatCombined, "${bytesSent} ${bytesReceived} ${size} ${latency}\n"} {
		read := 0
		addr, log, stop := serve(t, Config{Format: format}, true, func(app *fiber.App) {
			app.Get("/", func(c *fiber.Ctx) error {
				err := c.SendStream(readerFunc(func(p []byte) (int, error) {
					read++
					return len(p), nil
				}), 1<<30)
				return err
			})
			app.Use(func(*fiber.Ctx) error { return nil })
		})
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, get("/"))
		_, _ = io.CopyN(io.Discard, conn, 1<<20)
		conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
		stop()
		if got := int64(read) << 10; got > 64<<20 {
			t.Errorf("%s: about %d bytes were read for a client that took 1 MiB", format, got)
		}
		if !strings.Contains(log.String(), "\n") {
			t.Errorf("%s: nothing was logged", format)
		}
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestAbortedDownloadIsLoggedWithWhatWasTaken(t *testing.T) {
	addr, log, stop := serve(t, Config{Format: "${bytesSent} ${outcome}"}, true, func(app *fiber.App) {
		app.Get("/", func(c *fiber.Ctx) error {
			return c.SendStream(readerFunc(func(p []byte) (int, error) { return len(p), nil }), 1<<30)
		})
	})
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, get("/"))
	_, _ = io.CopyN(io.Discard, conn, 1<<20)
	_ = conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
	stop()
	var sent int64
	var outcome Outcome
	if _, err := fmt.Sscan(log.String(), &sent, &outcome); err != nil {
		t.Fatal(err, log.String())
	}
	if outcome != Aborted || sent < 1<<20-1000 || sent >= 1<<30 {
		t.Errorf("logged %d %s; want aborted, between 1 MiB less the header and all", sent, outcome)
	}
}

func TestJSONRecord(t *testing.T) {
	addr, log, stop := serve(t, Config{Format: FormatJSON}, true, routes)
	exchange(t, addr, get("/memory?a=1&b=%22", "User-Agent: \"x\\\xff", "Referer: http://r/", "Range: bytes=0-1"))
	exchange(t, addr, get("/fails"))
	stop()
	lines := strings.Split(strings.TrimSuffix(log.String(), "\n"), "\n")
	if len(lines) != 2 {
		t.Fatalf("want 2 lines, got %q", lines)
	}
	var record map[string]any
	if err := json.Unmarshal([]byte(lines[0]), &record); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{
		"remote": "127.0.0.1", "user": "", "method": "GET", "host": "test", "path": "/memory",
		"query": "a=1&b=%22", "proto": "HTTP/1.1", "status": 200.0, "range": "", "size": 12.0,
		"bytes_sent": 12.0, "bytes_received": 0.0, "outcome": "complete", "referer": "http://r/",
		"user_agent": "\"x\\\ufffd", "error": "",
	} {
		if record[key] != want {
			t.Errorf("%s is %#v, want %#v", key, record[key], want)
		}
	}
	for _, key := range []string{"time", "id", "ttfb_ms", "duration_ms"} {
		if record[key] == nil || record[key] == "" {
			t.Errorf("%s is missing", key)
		}
	}
	if len(record) != 20 {
		t.Errorf("the record has %d fields, want 20: %v", len(record), record)
	}
	if err := json.Unmarshal([]byte(lines[1]), &record); err != nil || record["error"] != "out of\nluck" {
		t.Errorf("error is %q (%v)", record["error"], err)
	}
}

func TestRequestsOnOneConnectionHaveDifferentIDs(t *testing.T) {
	addr, log, stop := serve(t, Config{Format: "${id}\n"}, true, routes)
	keep := strings.Replace(get("/memory"), "Connection: close\r\n", "", 1)
	exchange(t, addr, keep+keep+get("/memory"))
	stop()
	ids := strings.Fields(log.String())
	if len(ids) != 3 || ids[0] == ids[1] || ids[1] == ids[2] {
		t.Errorf("ids are %q", ids)
	}
}

func TestCombinedLineStaysOneLine(t *testing.T) {
	addr, log, stop := serve(t, Config{Format: FormatCombined}, true, routes)
	exchange(t, addr, get("/memory?[31m\"", "User-Agent: a\"b\\c\td\xe2\x80\xa8e", "Referer: x\ty"))
	stop()
	want := regexp.MustCompile(`^127\.0\.0\.1 - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] ` +
		`"GET /memory\?\[31m\\x22 HTTP/1\.1" 200 12 "x\\x09y" "a\\x22b\\x5cc\\x09d\\xe2\\x80\\xa8e"\n$`)
	if !want.MatchString(log.String()) {
		t.Errorf("logged %q", log.String())
	}
}

func TestTagsOfTemplates(t *testing.T) {
	addr, log, stop := serve(t, Config{
		Format: "${method} ${host} ${path} ${url} ${query:a} ${reqHeader:X-A} ${respHeader:X-B} ${cookie:c} ${ua} ${proto} ${queryParams} ${bytesReceived} ${size} ${range} ${user} ${ip}\n",
	}, true, func(app *fiber.App) {
		app.Post("/p%20q", func(c *fiber.Ctx) error {
			c.Set("X-B", "b")
			c.Set(fiber.HeaderContentRange, "bytes 2-3/12")
			return c.Status(fiber.StatusPartialContent).SendString("ab")
		})
	})
	exchange(t, addr, "POST /p%20q?a=1 HTTP/1.1\r\nHost: h\r\nX-A: aa\r\nCookie: c=d\r\nContent-Length: 3\r\nConnection: close\r\n\r\nxyz")
	stop()
	if want := "POST h /p%20q /p%20q?a=1 1 aa b d  HTTP/1.1 a=1 3 2 2-3 - 127.0.0.1\n"; log.String() != want {
		t.Errorf("logged %q\nwant   %q", log.String(), want)
	}
}

func TestEveryTagRenders(t *testing.T) {
	for _, name := range Tags() {
		if strings.HasSuffix(name, ":") {
			name += "x"
		}
		addr, log, stop := serve(t, Config{Format: "[${" + name + "}]\n"}, false, routes)
		exchange(t, addr, get("/memory"))
		stop()
		if line := log.String(); !strings.HasPrefix(line, "[") || !strings.HasSuffix(line, "]\n") {
			t.Errorf("%s: logged %q", name, line)
		}
	}
}

func TestCheckFormat(t *testing.T) {
	for format, want := range map[string]string{
		"":                    "",
		FormatJSON:            "",
		FormatCombined:        "",
		FormatCommon:          "",
		FormatConsole:         "",
		"${ip} x ${cookie:a}": "",
		"combinde":            "neither",
		"${nope}":             "no tag ${nope}",
		"${ip":                "no closing",
		"${query}":            "no tag ${query}",
		"${ip:x}":             "no tag ${ip:x}",
	} {
		err := CheckFormat(format)
		if (want == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: got %v, want %q", format, err, want)
		}
	}
}

func TestNewPanicsOnABadFormat(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	New(Config{Format: "${nope:x}"})
}

func TestNextSkips(t *testing.T) {
	addr, log, stop := serve(t, Config{Next: func(*fiber.Ctx) bool { return true }}, true, routes)
	if answer := exchange(t, addr, get("/memory")); !strings.HasSuffix(answer, bodyText) {
		t.Errorf("answered %q", answer)
	}
	stop()
	if log.String() != "" {
		t.Errorf("logged %q", log.String())
	}
}

func TestOutputThatFailsIsReportedAndServingGoesOn(t *testing.T) {
	for _, format := range []string{FormatJSON, FormatCombined} {
		var reported []error
		log, err := NewLogger(Config{
			Format:       format,
			Output:       failingOutput(func([]byte) (int, error) { return 0, syscall.ENOSPC }),
			OnWriteError: func(err error) { reported = append(reported, err) },
		})
		if err != nil {
			t.Fatal(err)
		}
		app := fiber.New()
		app.Use(log.Handle)
		routes(app)
		req, _ := http.NewRequest(http.MethodGet, "http://test/memory", nil)
		if resp, err := app.Test(req); err != nil || resp.StatusCode != 200 {
			t.Errorf("%s: %v %v", format, resp, err)
		}
		if len(reported) != 1 || !errors.Is(reported[0], syscall.ENOSPC) {
			t.Errorf("%s: reported %v", format, reported)
		}
	}
}

type failingOutput func([]byte) (int, error)

func (f failingOutput) Write(p []byte) (int, error) { return f(p) }

func TestOutcomeOf(t *testing.T) {
	for _, test := range []struct {
		err  error
		want Outcome
	}{
		{nil, Complete},
		{fmt.Errorf("x: %w", os.ErrDeadlineExceeded), Timeout},
		{fmt.Errorf("x: %w", syscall.EPIPE), Aborted},
		{fmt.Errorf("x: %w", syscall.ECONNRESET), Aborted},
		{net.ErrClosed, Aborted},
		{fmt.Errorf("x: %w", io.ErrUnexpectedEOF), SourceChanged},
		{syscall.EIO, Failed},
	} {
		if got := outcomeOf(test.err); got != test.want {
			t.Errorf("%v: got %s, want %s", test.err, got, test.want)
		}
	}
}

func TestFileIsReopened(t *testing.T) {
	name := t.TempDir() + "/log"
	f, err := OpenFile(name)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.Write([]byte("one\n"))
	if err := os.Rename(name, name+".1"); err != nil {
		t.Fatal(err)
	}
	_, _ = f.Write([]byte("two\n"))
	if err := f.Reopen(); err != nil {
		t.Fatal(err)
	}
	_, _ = f.Write([]byte("three\n"))
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	old, _ := os.ReadFile(name + ".1")
	fresh, _ := os.ReadFile(name)
	if string(old) != "one\ntwo\n" || string(fresh) != "three\n" {
		t.Errorf("old file %q, new file %q", old, fresh)
	}
}

func FuzzCompile(f *testing.F) {
	f.Add("${ip} ${query:x}")
	f.Add("${")
	f.Fuzz(func(t *testing.T, format string) {
		tmpl, err := compile(format, nil)
		if err == nil && tmpl == nil {
			t.Error("neither a template nor an error")
		}
		if checkTemplate(format) == nil && err != nil {
			t.Errorf("the check passed, yet: %v", err)
		}
	})
}

func FuzzAppendSafe(f *testing.F) {
	f.Add([]byte("a\"b\\c\n\x1b\xff\u2028\u202e\u9c29"))
	f.Fuzz(func(t *testing.T, value []byte) {
		for _, r := range string(appendSafe(nil, value)) {
			if r == '"' || !unicode.IsPrint(r) {
				t.Fatalf("%q got through", r)
			}
		}
		if safe := appendSafe(nil, value); !utf8.Valid(safe) {
			t.Fatalf("%q is no UTF-8", safe)
		}
	})
}

// BenchmarkAgainstFiber is the same request through this logger and through
// Fiber's own, in turn, as a server gets it but for the socket.
func BenchmarkAgainstFiber(b *testing.B) {
	for name, format := range map[string]string{
		"default": ConfigDefault.Format,
		"long": "${pid} ${time} ${referer} ${protocol} ${ip} ${ips} ${host} ${method} ${path} ${url} ${ua} ${latency} ${status} " +
			"${queryParams} ${body} ${bytesSent} ${bytesReceived} ${route} ${error} ${reqHeader:test} ${query:test} ${cookie:test}\n",
		"combined": `${ip} - - [${time}] "${method} ${url} ${protocol}" ${status} ${bytesSent} "${referer}" "${ua}"` + "\n",
		"counts":   "${bytesReceived} ${bytesSent} ${status}",
	} {
		for logger, handler := range map[string]fiber.Handler{
			"ours":  New(Config{Format: format, Output: io.Discard}),
			"fiber": fiberlogger.New(fiberlogger.Config{Format: format, Output: io.Discard}),
		} {
			b.Run(name+"/"+logger, func(b *testing.B) {
				app := fiber.New()
				app.Use(handler)
				app.Get("/some/path", func(c *fiber.Ctx) error { return c.SendString(bodyText) })
				app.Handler()
				b.ReportAllocs()
				b.ResetTimer()
				if err := app.Server().ServeConn(&repeatedRequest{times: b.N}); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}

var someAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}

// repeatedRequest is a connection on which the same request comes again and
// again, and whose responses go nowhere.
type repeatedRequest struct {
	net.Conn
	times int
}

const oneRequest = "GET /some/path?and=query HTTP/1.1\r\nHost: test\r\nUser-Agent: agent\r\n\r\n"

func (c *repeatedRequest) Read(p []byte) (int, error) {
	if c.times == 0 {
		return 0, io.EOF
	}
	c.times--
	return copy(p, oneRequest), nil
}

func (c *repeatedRequest) Write(p []byte) (int, error)     { return len(p), nil }
func (c *repeatedRequest) Close() error                    { return nil }
func (c *repeatedRequest) RemoteAddr() net.Addr            { return someAddr }
func (c *repeatedRequest) LocalAddr() net.Addr             { return &net.TCPAddr{} }
func (c *repeatedRequest) SetReadDeadline(time.Time) error { return nil }

// Zero allocations a request is the promise for the named formats and for the
// one that Fiber's logger has by default.
func TestNoAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, format := range []string{FormatJSON, FormatCombined, FormatCommon, FormatConsole, ""} {
		for _, err := range []error{nil, fiber.ErrTeapot} {
			handler := func(c *fiber.Ctx) error {
				c.Response().SetBodyRaw([]byte(bodyText))
				return err
			}
			with := allocations(t, Config{Format: format, Output: io.Discard}, handler)
			without := allocations(t, Config{Next: func(*fiber.Ctx) bool { return true }}, handler)
			if got := with - without; got >= 1 {
				t.Errorf("format %q, error %v: %v allocations a request", format, err, got)
			}
		}
	}
}

// allocations is how many a request costs in an app with the logger.
func allocations(t *testing.T, cfg Config, handler fiber.Handler) float64 {
	t.Helper()
	app := fiber.New()
	app.Use(New(cfg))
	app.Get("/some/path", handler)
	app.Handler()
	const requests = 1000
	return testing.AllocsPerRun(5, func() {
		if err := app.Server().ServeConn(&repeatedRequest{times: requests}); err != nil {
			t.Error(err)
		}
	}) / requests
}
