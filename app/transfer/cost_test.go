package transfer

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"fullbore/logger"
	"fullbore/static"
)

// answered is a request for a small file as it is when the handlers are done,
// and what the logger would say of it in the end.
func answered(tb testing.TB) *logger.Result {
	tb.Helper()
	dir := tb.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), make([]byte, 4<<10), 0o600); err != nil {
		tb.Fatal(err)
	}
	files, err := static.Open(dir)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { files.Close() })
	var request fasthttp.Request
	request.SetRequestURI("/file")
	var ctx fasthttp.RequestCtx
	ctx.Init(&request, nil, nil)
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Use(files.Handle)
	app.Handler()(&ctx)
	kind, _ := ctx.UserValue(logger.KindKey).(string)
	if kind != kindFile || ctx.Response.StatusCode() != 200 {
		tb.Fatalf("answered %d", ctx.Response.StatusCode())
	}
	body := ctx.Response.BodyStream().(*static.Body)
	tb.Cleanup(func() { body.Close() })
	return &logger.Result{
		Ctx: &ctx, Method: "GET", Path: []byte("/file"), Start: time.Now(), Kind: kind, Stream: body,
		Status: 200, Sent: 4 << 10, Size: 4 << 10, Outcome: logger.Complete,
	}
}

// pass is all that happens here for a request.
func (r *Registry) pass(result *logger.Result) {
	r.Begin(result)
	r.Ready(result)
	r.End(result)
}

func BenchmarkRequest(b *testing.B) {
	r := New(Config{EventsFrom: 1 << 20})
	defer r.Close()
	result := answered(b)
	b.ReportAllocs()
	for b.Loop() {
		r.pass(result)
	}
	if got := r.Totals(); got.Complete == 0 || got.Active != 0 {
		b.Errorf("totals %+v", got)
	}
}

// From many connections at once, with the page open.
func BenchmarkRequestsInParallel(b *testing.B) {
	r := New(Config{EventsFrom: 1 << 20})
	defer r.Close()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		result := answered(b)
		for pb.Next() {
			r.pass(result)
		}
	})
}

func BenchmarkTransfersOf10000(b *testing.B) {
	r := New(Config{})
	defer r.Close()
	result := answered(b)
	for range 10000 {
		r.Begin(result)
		r.Ready(result)
	}
	for b.Loop() {
		if n := len(r.Transfers()); n != 10000 {
			b.Fatal(n)
		}
	}
}
