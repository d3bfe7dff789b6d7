package logger

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// A request that waits when its handlers have returned is logged with what it is answered
// then, and its response begins then.
func TestPostponedRecordSaysWhatIsAnswered(t *testing.T) {
	for _, test := range []struct {
		format string
		again  bool // the response is another one
		want   string
	}{
		{"${status} ${bytesSent} ${rule} ${ttfb}\n", false, "200 2 - "},
		{"${status} ${bytesSent} ${rule} ${ttfb}\n", true, "503 4 queue "},
		{"${host} ${status} ${bytesSent} ${rule} ${ttfb}\n", true, "test 503 4 queue "}, // rendered before, too
		{FormatJSON, true, `"rule":"queue"`},
	} {
		log := &output{}
		var ready string
		l, err := NewLogger(Config{Format: test.format, Output: log, Observer: readied(func(r *Result) {
			ready = fasthttp.StatusMessage(r.Status)
		})})
		if err != nil {
			t.Fatal(err)
		}
		app := fiber.New(fiber.Config{DisableStartupMessage: true})
		var resume func(*fiber.Ctx)
		app.Use(l.Handle, func(c *fiber.Ctx) error {
			resume = Postpone(c.Context())
			return c.SendString("ok")
		})
		server := app.Server()
		server.Handler = app.Handler()
		l.Wrap(server)
		handle := server.Handler
		server.Handler = func(ctx *fasthttp.RequestCtx) { // a server that waits
			handle(ctx)
			if ready != "" {
				t.Error("the response is said to be ready before its time")
			}
			time.Sleep(20 * time.Millisecond)
			if test.again {
				ctx.Response.Reset()
				ctx.SetUserValue(RuleKey, "queue")
				ctx.SetStatusCode(503)
				ctx.SetBodyString("busy")
			}
			c := app.AcquireCtx(ctx)
			resume(c)
			app.ReleaseCtx(c)
		}
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- server.Serve(ln) }()
		exchange(t, ln.Addr().String(), get("/"))
		if err := server.Shutdown(); err != nil {
			t.Error(err)
		}
		<-served
		if got := log.String(); !strings.Contains(got, test.want) || strings.Count(got, "\n") != 1 {
			t.Errorf("%s: logged %q, want %q", test.format, got, test.want)
		}
		if want := map[bool]string{false: "OK", true: "Service Unavailable"}[test.again]; ready != want {
			t.Errorf("the observer is told %q, want %q", ready, want)
		}
		if fields := strings.Fields(log.String()); test.format != FormatJSON {
			if ttfb, err := time.ParseDuration(fields[len(fields)-1]); err != nil || ttfb < 20*time.Millisecond {
				t.Errorf("the response began after %v (%v), before it waited", ttfb, err)
			}
		}
	}
}

// readied is an Observer of Ready alone.
type readied func(*Result)

func (readied) Begin(*Result)     {}
func (f readied) Ready(r *Result) { f(r) }
func (readied) End(*Result)       {}

// Where nothing is logged, nothing is postponed.
func TestPostponeWithoutRecord(t *testing.T) {
	Postpone(&fasthttp.RequestCtx{})(nil)
}
