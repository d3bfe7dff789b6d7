package logger

// What a record says in the cases that are easy to get wrong: who is asked when
// (Done, custom tags, panics, hijacking), and what is left behind (nothing).

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/gofiber/fiber/v2/middleware/basicauth"
	"github.com/gofiber/fiber/v2/middleware/etag"
	recovery "github.com/gofiber/fiber/v2/middleware/recover"
	"github.com/gofiber/fiber/v2/middleware/requestid"
	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"
)

func TestDoneComesAfterTheResponseWithAValidContext(t *testing.T) {
	for _, format := range []string{"${bytesSent}\n", FormatJSON} {
		var line, path, local, method, param, route string
		var status int
		addr, log, stop := serve(t, Config{Format: format, Done: func(c *fiber.Ctx, logged []byte) {
			line, path, method, status = string(logged), strings.Clone(c.Path()), strings.Clone(c.Method()), c.Response().StatusCode()
			local, _ = c.Locals("key").(string)
			param, route = strings.Clone(c.Params("id")), c.Route().Path
		}}, true, func(app *fiber.App) {
			app.Get("/x/:id", func(c *fiber.Ctx) error {
				c.Locals("key", "value")
				c.Status(201)
				return c.SendStream(strings.NewReader(bodyText), len(bodyText))
			})
		})
		exchange(t, addr, get("/x/7"))
		stop()
		if line == "" || line != log.String() {
			t.Errorf("Done got %q, the output %q", line, log.String())
		}
		if param != "7" || route != "/x/:id" {
			t.Errorf("in Done: parameter %q, route %q", param, route)
		}
		if path != "/x/7" || method != "GET" || status != 201 || local != "value" {
			t.Errorf("in Done: path %q, method %q, status %d, local %q", path, method, status, local)
		}
	}
}

func TestCustomTags(t *testing.T) {
	addr, log, stop := serve(t, Config{
		Format: "${mine} ${with:param} ${status} ${broken}\n",
		CustomTags: map[string]LogFunc{
			"mine": func(out Buffer, c *fiber.Ctx, data *Data, _ string) (int, error) {
				if data.Pid == "" || data.ErrPaddingStr == "" || data.Start.IsZero() || data.Stop.Before(data.Start) || data.Timestamp.Load() == nil {
					t.Errorf("data is %+v", data)
				}
				return out.WriteString(c.Path() + fmt.Sprint(data.ChainErr))
			},
			"with:":   func(out Buffer, _ *fiber.Ctx, _ *Data, param string) (int, error) { return out.WriteString(param) },
			TagStatus: func(out Buffer, _ *fiber.Ctx, _ *Data, _ string) (int, error) { return out.WriteString("replaced") },
			"broken":  func(Buffer, *fiber.Ctx, *Data, string) (int, error) { return 0, errors.New("out of order") },
		},
	}, true, routes)
	exchange(t, addr, get("/teapot"))
	stop()
	if want := "/teapotI'm a teapot param replaced out of order\n"; log.String() != want {
		t.Errorf("logged %q, want %q", log.String(), want)
	}
}

// What runs after the response runs where no recover middleware reaches.
func TestPanicsInTheLogsOwnCallbacksDoNotEndTheServer(t *testing.T) {
	var troubles []string
	for name, cfg := range map[string]Config{
		"Done":   {Format: "${latency}\n", Done: func(*fiber.Ctx, []byte) { panic("in Done") }},
		"tag":    {Format: "abcdef ${latency} ${x}${latency}\n", CustomTags: map[string]LogFunc{"x": func(Buffer, *fiber.Ctx, *Data, string) (int, error) { panic("in tag") }}},
		"output": {Format: FormatJSON},
	} {
		app := fiber.New(fiber.Config{DisableStartupMessage: true})
		var mu sync.Mutex
		cfg.OnWriteError = func(err error) { mu.Lock(); defer mu.Unlock(); troubles = append(troubles, err.Error()) }
		cfg.Output = failingOutput(func(line []byte) (int, error) {
			if name == "output" {
				panic("in output")
			}
			if name == "tag" && !strings.Contains(string(line), "panic: in tag") {
				t.Errorf("logged %q", line)
			}
			return len(line), nil
		})
		app.Use(New(cfg))
		routes(app)
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- app.Listener(ln) }()
		for range 3 {
			if answer := exchange(t, ln.Addr().String(), get("/memory")); !strings.HasSuffix(answer, bodyText) {
				t.Errorf("%s: answered %q", name, answer)
			}
		}
		_ = app.Shutdown()
		<-served
	}
	if len(troubles) != 6 {
		t.Errorf("told of %q, want 3 panics in Done and 3 in output", troubles)
	}
}

// A Buffer can be set back; the line is not a tag's to set.
func TestCustomTagCannotDisturbTheLine(t *testing.T) {
	addr, log, stop := serve(t, Config{
		Format: "abc ${bytesSent} ${x} ${bytesSent}\n",
		CustomTags: map[string]LogFunc{"x": func(out Buffer, _ *fiber.Ctx, _ *Data, _ string) (int, error) {
			_, _ = out.WriteString("gone")
			out.SetString("x")
			return 1, nil
		}},
	}, true, routes)
	exchange(t, addr, get("/memory"))
	stop()
	if log.String() != "abc 12 x 12\n" {
		t.Errorf("logged %q", log.String())
	}
}

// Texts that Fiber gives may point into a context that serves another request
// by the time the line is written.
func TestTextsAreThoseOfTheirOwnRequest(t *testing.T) {
	addr, log, stop := serve(t, Config{Format: "${user} ${requestId} ${error}\n"}, true, func(app *fiber.App) {
		app.Get("/:name", func(c *fiber.Ctx) error {
			c.Locals("username", c.Params("name"))
			c.Locals("requestid", c.Params("name"))
			c.Context().SetBodyStreamWriter(func(*bufio.Writer) { time.Sleep(time.Millisecond) })
			if c.Query("fail") != "" {
				return fiber.NewError(404, c.Params("name"))
			}
			return nil
		})
	})
	var clients sync.WaitGroup
	for i := range 8 {
		clients.Go(func() {
			for j := range 100 {
				target := fmt.Sprintf("/name%04d", i*1000+j)
				if j%2 == 0 {
					target += "?fail=1"
				}
				exchange(t, addr, get(target))
			}
		})
	}
	clients.Wait()
	stop()
	for line := range strings.Lines(log.String()) {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[0] != fields[1] || (fields[2] != "-" && fields[2] != fields[0]) {
			t.Fatalf("a line of several requests: %q", line)
		}
	}
}

func TestRequestsThatNobodyResetsAreLogged(t *testing.T) {
	log := &output{}
	app := fiber.New()
	app.Use(New(Config{Format: "${path} ${status} ${bytesSent}\n", Output: log, CountStreams: true}))
	routes(app)
	app.Get("/late", func(c *fiber.Ctx) error {
		c.Context().TimeoutErrorWithCode("late", 503)
		return nil
	})
	app.Get("/forgetful", func(c *fiber.Ctx) error {
		c.Context().ResetUserValues()
		return c.SendStream(strings.NewReader(bodyText))
	})
	recorder := httptest.NewRecorder()
	adaptor.FiberApp(app)(recorder, httptest.NewRequest(http.MethodGet, "/memory", nil))
	ctx := &fasthttp.RequestCtx{}
	for range 2 {
		ctx.Request.SetRequestURI("/teapot")
		ctx.Request.Header.SetMethod("GET")
		app.Handler()(ctx)
	}
	for _, target := range []string{"/late", "/forgetful"} {
		req, _ := http.NewRequest(http.MethodGet, "http://test"+target, nil)
		if _, err := app.Test(req); err != nil {
			t.Fatal(err)
		}
	}
	if want := "/memory 200 12\n/teapot 418 12\n/teapot 418 12\n/late 503 4\n/forgetful 200 12\n"; log.String() != want {
		t.Errorf("logged %q, want %q", log.String(), want)
	}
}

func TestDoneIsCalledOnceForEveryLine(t *testing.T) {
	var mu sync.Mutex
	var done []string
	errorHandlers := 0
	l, err := NewLogger(Config{Format: "${status}", Output: io.Discard, Done: func(c *fiber.Ctx, line []byte) {
		mu.Lock()
		defer mu.Unlock()
		done = append(done, string(line)+c.Path())
	}})
	if err != nil {
		t.Fatal(err)
	}
	app := fiber.New(fiber.Config{ErrorHandler: func(c *fiber.Ctx, err error) error {
		errorHandlers++
		return fiber.DefaultErrorHandler(c, err)
	}})
	app.Use(l.Handle)
	app.Use("/twice", l.Handle)
	app.Get("/twice", func(c *fiber.Ctx) error { return c.SendString(bodyText) })
	app.Get("/moved/:id", func(c *fiber.Ctx) error {
		c.Path("/elsewhere")
		return c.SendString(bodyText)
	})
	for _, target := range []string{"/twice", "/moved/1", "/nope"} {
		req, _ := http.NewRequest(http.MethodGet, "http://test"+target, nil)
		if _, err := app.Test(req); err != nil {
			t.Fatal(err)
		}
	}
	if want := "[200/twice 200/twice 200/elsewhere 404/nope]"; fmt.Sprint(done) != want || errorHandlers != 1 {
		t.Errorf("Done was called with %v, want %s; the error handler %d times", done, want, errorHandlers)
	}
}

// A request stream that a handler sets is the handler's to read.
func TestRequestStreamOfAHandlerIsNotRead(t *testing.T) {
	addr, log, stop := serve(t, Config{Format: FormatJSON}, true, func(app *fiber.App) {
		app.Get("/", func(c *fiber.Ctx) error {
			c.Request().SetBodyStream(readerFunc(func([]byte) (int, error) { select {} }), -1)
			return c.SendString(bodyText)
		})
	})
	exchange(t, addr, get("/"))
	stop()
	if !strings.Contains(log.String(), `"bytes_received":0`) {
		t.Errorf("logged %q", log.String())
	}
}

// etag and compress above the logger change the response after it was looked
// at.
func TestMiddlewareAboveTheLogger(t *testing.T) {
	log := &output{}
	app := fiber.New()
	app.Use(etag.New())
	app.Use(New(Config{Format: "${status} ${bytesSent}\n", Output: log}))
	routes(app)
	req, _ := http.NewRequest(http.MethodGet, "http://test/memory", nil)
	resp, err := app.Test(req)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("If-None-Match", resp.Header.Get("ETag"))
	if resp, err = app.Test(req); err != nil || resp.StatusCode != 304 {
		t.Fatal(resp, err)
	}
	req, _ = http.NewRequest(http.MethodGet, "http://test/reader", nil)
	if resp, err = app.Test(req); err != nil {
		t.Fatal(err)
	}
	req.Header.Set("If-None-Match", resp.Header.Get("ETag"))
	if resp, err = app.Test(req); err != nil {
		t.Fatal(resp, err)
	}
	if want := "200 12\n304 0\n200 12\n304 0\n"; log.String() != want {
		t.Errorf("logged %q, want %q", log.String(), want)
	}
}

// One Logger may serve several apps, each with its own idea of an address.
func TestOneLoggerInTwoApps(t *testing.T) {
	log := &output{}
	l, err := NewLogger(Config{Format: "${ip}\n", Output: log})
	if err != nil {
		t.Fatal(err)
	}
	for _, proxyHeader := range []string{"", "X-Forwarded-For", ""} {
		app := fiber.New(fiber.Config{ProxyHeader: proxyHeader})
		app.Use(l.Handle)
		req, _ := http.NewRequest(http.MethodGet, "http://test/", nil)
		req.Header.Set("X-Forwarded-For", "9.9.9.9")
		if _, err := app.Test(req); err != nil {
			t.Fatal(err)
		}
	}
	if want := "0.0.0.0\n9.9.9.9\n0.0.0.0\n"; log.String() != want {
		t.Errorf("logged %q, want %q", log.String(), want)
	}
}

func TestUserAndRequestID(t *testing.T) {
	log := &output{}
	app := fiber.New()
	app.Use(requestid.New())
	app.Use(New(Config{Format: "${user} ${requestId}\n", Output: log}))
	app.Use(basicauth.New(basicauth.Config{Users: map[string]string{"me": "x"}}))
	app.Get("/", func(c *fiber.Ctx) error { return c.SendString(bodyText) })
	req, _ := http.NewRequest(http.MethodGet, "http://test/", nil)
	req.SetBasicAuth("me", "x")
	resp, err := app.Test(req)
	if err != nil {
		t.Fatal(err)
	}
	if want := "me " + resp.Header.Get("X-Request-Id") + "\n"; log.String() != want {
		t.Errorf("logged %q, want %q", log.String(), want)
	}
}

func TestPanicIsLoggedAndPassedOn(t *testing.T) {
	for _, format := range []string{"${status} ${outcome} ${error}\n", FormatJSON} {
		log := &output{}
		app := fiber.New()
		app.Use(recovery.New()) // above the logger, which must not swallow the panic
		app.Use(New(Config{Format: format, Output: log}))
		app.Get("/", func(*fiber.Ctx) error { panic("at the\ndisco") })
		req, _ := http.NewRequest(http.MethodGet, "http://test/", nil)
		resp, err := app.Test(req)
		if err != nil || resp.StatusCode != 500 {
			t.Fatalf("%v %v: the panic did not reach the recover middleware", resp, err)
		}
		line := log.String()
		if strings.Count(line, "\n") != 1 || !strings.Contains(line, "500") || !strings.Contains(line, "error") || !strings.Contains(line, "panic: at the") {
			t.Errorf("logged %q", line)
		}
	}
}

func TestPanicRecoveredBelowIsAnOrdinaryError(t *testing.T) {
	addr, log, stop := serve(t, Config{Format: "${status} ${bytesSent} ${outcome}\n"}, true, func(app *fiber.App) {
		app.Use(recovery.New())
		app.Get("/", func(*fiber.Ctx) error { panic("x") })
	})
	exchange(t, addr, get("/"))
	stop()
	if log.String() != "500 1 complete\n" {
		t.Errorf("logged %q", log.String())
	}
}

func TestHijackedConnectionIsLoggedWhenItEnds(t *testing.T) {
	addr, log, stop := serve(t, Config{Format: "${status} ${outcome}\n"}, true, func(app *fiber.App) {
		app.Get("/", func(c *fiber.Ctx) error {
			c.Context().Hijack(func(conn net.Conn) { _, _ = io.WriteString(conn, "hijacked") })
			return c.SendStatus(101)
		})
	})
	if answer := exchange(t, addr, "GET / HTTP/1.1\r\nHost: test\r\n\r\n"); !strings.HasSuffix(answer, "hijacked") {
		t.Errorf("answered %q", answer)
	}
	stop()
	for deadline := time.Now().Add(time.Minute); log.String() == "" && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if log.String() != "101 complete\n" {
		t.Errorf("logged %q", log.String())
	}
}

func TestBytesReceivedIsWhatWasRead(t *testing.T) {
	body := strings.Repeat("x", 20_000)
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	for _, streaming := range []bool{true, false} {
		for _, test := range []struct {
			name, headers, body string
			reads               bool
			streamed, buffered  int
		}{
			{"no body", "", "", true, 0, 0},
			{"a body that is read", fmt.Sprintf("Content-Length: %d\r\n", len(body)), body, true, len(body), len(body)},
			{"a chunked body that is read", "Transfer-Encoding: chunked\r\n", chunked, true, len(body), len(body)},
			{"a body that nobody reads", fmt.Sprintf("Content-Length: %d\r\n", len(body)), body, false, 0, len(body)},
		} {
			log := &output{}
			app := fiber.New(fiber.Config{StreamRequestBody: streaming, DisableStartupMessage: true})
			app.Use(New(Config{Format: "${bytesReceived}", Output: log, CountStreams: true}))
			app.Post("/", func(c *fiber.Ctx) error {
				if test.reads {
					_ = c.Body()
				}
				c.Context().SetConnectionClose()
				return c.SendString(bodyText)
			})
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			served := make(chan error, 1)
			go func() { served <- app.Listener(ln) }()
			conn, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: test\r\n"+test.headers+"\r\n"+test.body)
			_, _ = io.Copy(io.Discard, conn) // a reset is possible where the body was not read
			conn.Close()
			_ = app.Shutdown()
			<-served
			want := test.buffered
			if streaming {
				want = test.streamed
			}
			if log.String() != fmt.Sprint(want) {
				t.Errorf("%s, streaming %t: logged %s, want %d", test.name, streaming, log.String(), want)
			}
		}
	}
}

func TestTwoLoggersDoNotDisturbEachOther(t *testing.T) {
	outer, inner := &output{}, &output{}
	app := fiber.New()
	app.Use(New(Config{Format: "${bytesSent} ${status}\n", Output: outer}))
	app.Use(New(Config{Format: "${bytesSent} ${status}\n", Output: inner}))
	routes(app)
	req, _ := http.NewRequest(http.MethodGet, "http://test/memory", nil)
	if _, err := app.Test(req); err != nil {
		t.Fatal(err)
	}
	if outer.String() != "12 200\n" || inner.String() != "12 200\n" {
		t.Errorf("logged %q and %q", outer.String(), inner.String())
	}
}

func TestBodiesAreLoggedOnlyFromMemory(t *testing.T) {
	log := &output{}
	app := fiber.New(fiber.Config{StreamRequestBody: true, DisablePreParseMultipartForm: true})
	app.Use(New(Config{Format: "${body}|${resBody}|${form:a}\n", Output: log, MaxValue: 8}))
	app.Post("/memory", func(c *fiber.Ctx) error { return c.SendString(bodyText) })
	app.Post("/stream", func(c *fiber.Ctx) error { return c.SendStream(strings.NewReader(bodyText)) })
	for _, target := range []string{"/memory", "/stream"} {
		req, _ := http.NewRequest(http.MethodPost, "http://test"+target, strings.NewReader(strings.Repeat("x", 100_000)))
		req.Header.Set("Connection", "close") // fasthttp would parse the rest of the body as a request
		if _, err := app.Test(req); err != nil {
			t.Fatal(err)
		}
	}
	if want := "[stream]|twelve b...|\n[stream]|[stream]|\n"; log.String() != want {
		t.Errorf("logged %q, want %q", log.String(), want)
	}
}

func TestOneRequestIsOneLineInEveryFormat(t *testing.T) {
	nasty := []string{
		"quote\"", "back\\slash", "tab\there", "\xff\xfe", "\u2028\u2029", "\u202eright to left", "<img src=x onerror=alert(1)>",
		"' OR 1=1", "${ip}", "%n%s", strings.Repeat("long", 16<<10), "é ü 漢字", "\u0085\u009b31m", "{\"a\":1}",
	}
	for _, format := range []string{FormatJSON, FormatCombined, FormatCommon, FormatConsole, "${ua} ${referer} ${url} ${queryParams} ${reqHeaders} ${cookie:c}\n"} {
		log := &output{}
		app := fiber.New(fiber.Config{ReadBufferSize: 1 << 20, DisableStartupMessage: true})
		app.Use(New(Config{Format: format, Output: log}))
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- app.Listener(ln) }()
		for _, value := range nasty {
			exchange(t, ln.Addr().String(), get("/"+strings.Map(func(r rune) rune {
				if r <= ' ' {
					return '_'
				}
				return r
			}, value), "User-Agent: "+value, "Referer: "+value, "Cookie: c="+value))
		}
		_ = app.Shutdown()
		<-served
		lines := strings.SplitAfter(log.String(), "\n")
		if len(lines) != len(nasty)+1 || lines[len(nasty)] != "" {
			t.Fatalf("%s: %d lines for %d requests", format, len(lines)-1, len(nasty))
		}
		for i, line := range lines[:len(nasty)] {
			if len(line) > 40<<10 {
				t.Errorf("%s: a line of %d bytes", format, len(line))
			}
			if format == FormatJSON {
				var record struct{ Referer string }
				want := strings.ToValidUTF8(nasty[i], "\ufffd")
				if nasty[i] == "\xff\xfe" {
					want = "\ufffd\ufffd" // a mark for each byte
				}
				if len(want) > 2048 {
					want = want[:2048] + "..."
				}
				if err := json.Unmarshal([]byte(line), &record); err != nil || record.Referer != want {
					t.Errorf("%q is logged as %q (%v)", nasty[i], record.Referer, err)
				}
			}
			if format == FormatCombined && strings.Count(line, `"`) != 6 {
				t.Errorf("%q: quotes do not match: %s", nasty[i], line)
			}
			for _, r := range strings.TrimSuffix(line, "\n") {
				if r < ' ' || (r >= 0x7f && r < 0xa0) || r == '\u2028' || r == '\u202e' {
					t.Errorf("%s: %q got through in %q", format, r, line)
				}
			}
		}
	}
}

func TestZerologLoggerGetsLevelsAndFields(t *testing.T) {
	out := &output{}
	zl := zerolog.New(out).With().Str("service", "x").Logger()
	addr, _, stop := serve(t, Config{Logger: &zl, Fields: []string{"status", "bytes_wire", "bytes_sent"}}, true, routes)
	for _, target := range []string{"/memory", "/teapot", "/fails"} {
		exchange(t, addr, get(target))
	}
	stop()
	var levels []string
	for line := range strings.Lines(out.String()) {
		var event map[string]any
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatal(err)
		}
		levels = append(levels, fmt.Sprint(event["level"], event["status"], event["service"], len(event)))
	}
	if want := "info200x5 warn418x5 error500x5"; strings.Join(levels, " ") != want {
		t.Errorf("events: %s, want %s", strings.Join(levels, " "), want)
	}
	if _, err := NewLogger(Config{Format: FormatJSON, Fields: []string{"nope"}}); err == nil || !strings.Contains(err.Error(), "bytes_sent") {
		t.Errorf("an unknown field gives %v", err)
	}
}

func TestTimeZoneAndInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // time begins at midnight UTC, 2000-01-01
		k := newClock("15:04:05 MST", "Asia/Tokyo", time.Second)
		if got := k.now().text; got != "09:00:00 JST" {
			t.Errorf("%q", got)
		}
		time.Sleep(999 * time.Millisecond)
		if got := k.now().text; got != "09:00:00 JST" {
			t.Errorf("within the interval: %q", got)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := k.now().text; got != "10:00:00 JST" {
			t.Errorf("after it: %q", got)
		}
		time.Sleep(time.Minute) // the timer ends with the test
	})
}

func TestDurationsReadAsGoWritesThem(t *testing.T) {
	for _, d := range []time.Duration{0, 1, 999, 1500, 2 * time.Millisecond, 1234567, 1500 * time.Millisecond, 59999 * time.Millisecond, 90 * time.Second, 3 * time.Hour, -5} {
		if got, want := string(padLeft([]byte("x"), 13, d)), fmt.Sprintf("x%13v", d); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestClosedLoggerClosesItsOutput(t *testing.T) {
	f, err := OpenFile(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	l, err := NewLogger(Config{Output: f, OnWriteError: func(err error) { failed = err }})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := f.Write(nil); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the file is open: %v", err)
	}
	l.output([]byte("x")) // not logged, and no error for each
	if failed != nil {
		t.Errorf("a line after Close: %v", failed)
	}
}

// 1,000 whole and 1,000 aborted responses with streams leave no goroutine (see
// TestMain), no descriptor and no open stream behind.
func TestNothingIsLeftBehind(t *testing.T) {
	const each, size = 1000, 256 << 10
	var opened, closed atomic.Int64
	name := t.TempDir() + "/file"
	if err := os.WriteFile(name, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	addr, log, stop := serve(t, Config{Format: "${outcome}\n"}, true, func(app *fiber.App) {
		app.Get("/", func(c *fiber.Ctx) error {
			f, err := os.Open(name)
			if err != nil {
				return err
			}
			opened.Add(1)
			return c.SendStream(&closeCounter{f, &closed}, size)
		})
	})
	before := descriptors(t)
	keep := strings.Replace(get("/"), "Connection: close\r\n", "", 1)
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	for range each {
		_, _ = io.WriteString(conn, keep)
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, resp.Body); n != size || err != nil {
			t.Fatal(n, err)
		}
	}
	conn.Close()
	for range each {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, keep)
		_, _ = io.ReadFull(conn, make([]byte, 1000))
		_ = conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}
	for deadline := time.Now().Add(time.Minute); descriptors(t) > before && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
	stop()
	if opened.Load() != 2*each || closed.Load() != 2*each {
		t.Errorf("%d streams opened, %d closed", opened.Load(), closed.Load())
	}
	if n := strings.Count(log.String(), "\n"); n != 2*each || strings.Count(log.String(), "complete") < each {
		t.Errorf("%d lines", n)
	}
}

type closeCounter struct {
	io.Reader
	n *atomic.Int64
}

func (c *closeCounter) Close() error {
	c.n.Add(1)
	return c.Reader.(io.Closer).Close()
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc here:", err)
	}
	return len(entries)
}
