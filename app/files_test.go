package app

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"

	"fullbore/app/config"
	"fullbore/app/storage"
)

func generationOf(t testing.TB, path string) *generation {
	t.Helper()
	f := &files{disks: storage.New(storage.Config{Timeout: func() time.Duration { return time.Minute }})}
	g, err := f.openGeneration(&config.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func filesOf(t testing.TB, path string) *files {
	t.Helper()
	f, err := openFiles(&config.Config{Path: path}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Whoever is inside a handler has it to the end, and a handler nobody is inside
// is closed, however swaps and requests meet.
func TestFilesAreSwappedUnderRequests(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := filesOf(t, dir)
	app := fiber.New()
	app.Use(f.Handle)
	handle := app.Handler()
	get := func() int {
		var ctx fasthttp.RequestCtx
		ctx.Request.SetRequestURI("/file")
		handle(&ctx)
		_ = ctx.Response.CloseBodyStream()
		return ctx.Response.StatusCode()
	}
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if status := get(); status != fiber.StatusOK {
					t.Errorf("status %d during swaps", status)
					return
				}
			}
		})
	}
	var old []*generation
	for range 500 {
		old = append(old, f.now.Load())
		f.swap(generationOf(t, dir))
	}
	close(stop)
	clients.Wait()
	for i, g := range old {
		if n := g.users.Load(); n != 0 {
			t.Errorf("generation %d has %d users when nobody is inside", i, n)
		}
	}
	last := f.now.Load()
	f.close()
	if last.users.Load() != 0 {
		t.Error("the last one is not closed")
	}
	if _, gone := f.look(); gone == nil {
		t.Error("something is open after the end")
	}
	if status := get(); status != fiber.StatusServiceUnavailable {
		t.Errorf("status %d after the end", status)
	}
}

// Before it is closed, one who is inside keeps it open.
func TestFilesStayOpenForWhoeverIsInside(t *testing.T) {
	dir := t.TempDir()
	f := filesOf(t, dir)
	if behind, gone := f.look(); behind != nil || gone != nil {
		t.Errorf("what is open: %v, %v", behind, gone)
	}
	inside := f.enter()
	f.swap(generationOf(t, dir))
	if n := inside.users.Load(); n != 1 {
		t.Errorf("%d users, want the one inside", n)
	}
	if err := inside.Close(); err != nil { // which fails the second time
		t.Errorf("it was closed before: %v", err)
	}
	inside.leave()
	f.close()
}

func BenchmarkEnterAndLeave(b *testing.B) {
	f := filesOf(b, b.TempDir())
	defer f.close()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			f.enter().leave()
		}
	})
}
