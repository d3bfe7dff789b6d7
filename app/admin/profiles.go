package admin

// Profiles and traces, for go tool pprof and go tool trace. net/http/pprof does
// not fit: behind fasthttp's adaptor it would collect a trace in memory and
// outlive its client. What tells of the command line, which may hold secrets,
// is left out.

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"fullbore/app/wire"
	"fullbore/static/reply"
)

const (
	profilesPath = "/debug/pprof"

	// maxSeconds is the longest profile or trace.
	maxSeconds = 60

	profileDefault = 30 // seconds
	traceDefault   = 1  // seconds

	// stacksLimit, in bytes, bounds goroutine?debug=2, which is made in memory.
	stacksLimit = 4 << 20
)

// routeProfiles is where they are. A profile costs the server time and memory,
// so pages of other sites may not ask for one.
func (s *server) routeProfiles(app *fiber.App) {
	group := app.Group(profilesPath, sameOrigin, func(c *fiber.Ctx) error {
		c.Set("X-Go-Pprof", "1") // go tool pprof then shows what an error says
		return c.Next()
	})
	group.Get("", func(c *fiber.Ctx) error { return c.Redirect(profilesPath + "/") })
	group.Get("/", s.profileIndex)
	group.Get("/profile", timed("profile", profileDefault, pprof.StartCPUProfile, pprof.StopCPUProfile))
	group.Get("/trace", timed("trace", traceDefault, trace.Start, trace.Stop))
	for _, name := range []string{"allocs", "block", "goroutine", "heap", "mutex", "threadcreate"} {
		group.Get("/"+name, func(c *fiber.Ctx) error { return s.snapshot(c, name) })
	}
}

func (s *server) profileIndex(c *fiber.Ctx) error {
	all := []link{
		{profilesPath + "/profile?seconds=10", "profile", "where CPU goes, in 10 seconds; at most 60"},
		{profilesPath + "/trace?seconds=1", "trace", "all that happens in a second, for go tool trace; at most 60"},
		{profilesPath + "/heap", "heap", "memory in use; ?gc=1 collects garbage first"},
		{profilesPath + "/allocs", "allocs", "all memory ever asked for"},
		{profilesPath + "/goroutine", "goroutine", "what each goroutine waits for"},
		{profilesPath + "/goroutine?debug=2", "goroutine stacks", "the same one by one, as text"},
		{profilesPath + "/block", "block", "waiting for others; empty unless the program asks for it"},
		{profilesPath + "/mutex", "mutex", "making others wait; empty unless the program asks for it"},
		{profilesPath + "/threadcreate", "threadcreate", "what made threads"},
	}
	format := reply.FormatOf(c)
	if format == reply.JSON {
		return sendJSON(c, map[string][]string{"profiles": rowsOf(all, func(l link) string { return l.Href })})
	}
	return s.answer(c, format, "profiles", page{Title: "Profiles", Body: all}, func() string {
		var b strings.Builder
		for _, l := range all {
			fmt.Fprintf(&b, "%-34s %s\n", l.Href, l.About)
		}
		return b.String()
	})
}

// secondsOf is ?seconds=.
func secondsOf(c *fiber.Ctx, otherwise float64) (time.Duration, error) {
	seconds := otherwise
	if asked := c.Query("seconds"); asked != "" {
		var err error
		seconds, err = strconv.ParseFloat(asked, 64)
		if err != nil || math.IsNaN(seconds) || seconds <= 0 || seconds > maxSeconds {
			return 0, fiber.NewError(fiber.StatusBadRequest, "seconds: want more than 0, and at most "+strconv.Itoa(maxSeconds)+".")
		}
	}
	return time.Duration(seconds * float64(time.Second)), nil
}

// timed answers with what is recorded between start and stop. It ends early
// when the client goes, or falls behind by more than the queue holds.
func timed(name string, otherwise float64, start func(io.Writer) error, stop func()) fiber.Handler {
	return func(c *fiber.Ctx) error {
		length, err := secondsOf(c, otherwise)
		if err != nil {
			return err
		}
		if c.Method() == fiber.MethodHead {
			attach(c, name)
			return nil
		}
		ctx, end := context.WithTimeout(context.Background(), length)
		q := newQueue(end)
		if start(q) != nil { // perhaps the watchdog's
			end()
			return fiber.NewError(fiber.StatusConflict, "A "+name+" is being taken already; there can be only one at a time.")
		}
		r := &recording{queue: q, done: make(chan struct{})}
		unwatch := watchClient(c, end)
		go func() {
			defer close(r.done)
			<-ctx.Done()
			unwatch()
			stop()
			q.end(io.EOF)
		}()
		attach(c, name)
		c.Context().SetBodyStream(r, -1)
		c.Response().ImmediateHeaderFlush = true // the body may take a minute to begin
		return nil
	}
}

// recording is the body of a profile in progress.
type recording struct {
	*queue
	done chan struct{} // closed when nothing is recorded any more
}

// Close ends the recording.
func (r *recording) Close() error {
	r.end(io.ErrClosedPipe)
	<-r.done
	return nil
}

// watchClient calls gone when the client of c closes its connection, which no
// write would notice while there is nothing to send. The connection is not used
// again: a byte that comes is lost.
func watchClient(c *fiber.Ctx, gone func()) (stop func()) {
	stream, ok := wire.As[wire.Stream](c.Context().Conn())
	if !ok {
		return func() {}
	}
	c.Context().SetConnectionClose()
	_ = stream.SetReadDeadline(time.Time{}) // on a closed connection Read fails, too
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = stream.Read(make([]byte, 1))
		gone()
	}()
	return func() {
		_ = stream.SetReadDeadline(time.Unix(1, 0))
		<-done
	}
}

// snapshot sends a profile of this moment.
func (s *server) snapshot(c *fiber.Ctx, name string) error {
	debug := c.QueryInt("debug")
	if c.Query("seconds") != "" {
		return fiber.NewError(fiber.StatusBadRequest, "seconds: "+name+" is of one moment; go tool pprof -diff_base compares two.")
	}
	if name == "goroutine" && debug >= 2 {
		return s.stacks(c)
	}
	if name == "heap" && c.QueryInt("gc") > 0 {
		runtime.GC()
	}
	var b bytes.Buffer
	if err := pprof.Lookup(name).WriteTo(&b, debug); err != nil {
		return err
	}
	if debug > 0 {
		return send(c, fiber.MIMETextPlainCharsetUTF8, b.Bytes())
	}
	attach(c, name)
	c.Response().SetBodyRaw(b.Bytes())
	return nil
}

// stacks sends the stacks of all goroutines, or of as many as fit. One client
// at a time holds that memory.
func (s *server) stacks(c *fiber.Ctx) error {
	if !s.stacksBusy.TryLock() {
		return fiber.NewError(fiber.StatusConflict, "Somebody asks for all stacks already; there can be only one at a time.")
	}
	c.Context().SetUserValue("stacks", atEnd(s.stacksBusy.Unlock))
	const more = "\n\nThere are more; goroutine?debug=1 has all, added up.\n"
	text := make([]byte, stacksLimit, stacksLimit+len(more))
	text = text[:runtime.Stack(text, true)]
	if len(text) == stacksLimit {
		text = append(text, more...)
	}
	return send(c, fiber.MIMETextPlainCharsetUTF8, text)
}

// atEnd is a user value of a request, called when its response is over.
type atEnd func()

// Close calls it.
func (f atEnd) Close() error { f(); return nil }

// attach makes the body a file to be saved.
func attach(c *fiber.Ctx, name string) {
	c.Set(fiber.HeaderContentType, fiber.MIMEOctetStream)
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="`+name+`"`)
}
