package logger

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// stages counts what an Observer is told.
type stages struct {
	mu                sync.Mutex
	begun, ready, end int
}

func (s *stages) Begin(*Result) { s.mu.Lock(); s.begun++; s.mu.Unlock() }
func (s *stages) Ready(*Result) { s.mu.Lock(); s.ready++; s.mu.Unlock() }
func (s *stages) End(*Result)   { s.mu.Lock(); s.end++; s.mu.Unlock() }

func TestWrapLogsEveryRequestOnce(t *testing.T) {
	for _, test := range []struct {
		name, request, want string
	}{
		{"one that passes the middleware", get("/memory"), "GET /memory 200 12 0 complete -\n"},
		{"an error", get("/teapot"), "GET /teapot 418 12 0 complete I'm a teapot\n"},
		{"a method that Fiber does not know", strings.Replace(get("/memory"), "GET", "BREW", 1), "BREW /memory 400 19 0 complete -\n"},
		{"one that cannot be read", "nonsense\r\n\r\n", "- - 400 "},
		{"one that Next skips", get("/skipped"), ""},
		{"handlers that reset the user values", get("/forgetful"), "GET /forgetful 200 12 0 complete -\n"},
		{"a panic", get("/panics-at-once"), "GET /panics-at-once 500 0 0 error panic: x\n"},
		{"an expectation that is refused", "PUT /memory HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", "PUT /memory 417 18 0 complete -\n"},
		{"an expectation that is met", "POST /memory HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n\r\n12345", "POST /memory 200 12 5 complete -\n"},
		{"an expectation that is met in vain", "POST /memory HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n1", "- - 400 "},
	} {
		t.Run(test.name, func(t *testing.T) {
			log, seen := &output{}, &stages{}
			l, err := NewLogger(Config{
				Format: "${method} ${url} ${status} ${bytesSent} ${bytesReceived} ${outcome} ${error}\n", Output: log,
				Observer: seen, Next: func(c *fiber.Ctx) bool { return c.Path() == "/skipped" },
			})
			if err != nil {
				t.Fatal(err)
			}
			app := fiber.New(fiber.Config{DisableStartupMessage: true})
			app.Use(func(c *fiber.Ctx) (err error) {
				defer func() {
					if recover() != nil {
						err = fiber.ErrInternalServerError
					}
				}()
				return c.Next()
			}, l.Handle)
			routes(app)
			app.Get("/panics-at-once", func(*fiber.Ctx) error { panic("x") })
			app.Get("/forgetful", func(c *fiber.Ctx) error {
				c.Context().ResetUserValues()
				return c.SendString(bodyText)
			})
			app.Server().ExpectHandler = func(ctx *fasthttp.RequestCtx) int {
				if string(ctx.Method()) == "PUT" {
					ctx.SetBodyString("Expectation Failed")
					return fasthttp.StatusExpectationFailed
				}
				return fasthttp.StatusContinue
			}
			l.Wrap(app.Server())
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
			_, _ = io.WriteString(conn, test.request)
			_ = conn.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, conn)
			conn.Close()
			_ = app.Shutdown()
			<-served
			if got := log.String(); got != test.want && (!strings.HasSuffix(test.want, " ") || !strings.HasPrefix(got, test.want) || strings.Count(got, "\n") != 1) {
				t.Errorf("logged %q, want %q", got, test.want)
			}
			if got := fmt.Sprint(seen.begun, seen.ready, seen.end); got != "1 1 1" {
				t.Errorf("observed %s times, want once each", got)
			}
		})
	}
}
