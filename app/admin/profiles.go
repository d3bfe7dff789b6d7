package admin

// This file is profiles and traces, for go tool pprof and go tool trace. They
// are sent as they are made: what net/http/pprof writes would be collected in
// memory first by the adaptor to fasthttp, and go on without its client. What
// tells of the command line, which may hold secrets, is left out.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
)

const (
	profilesPath = "/debug/pprof"

	// maxSeconds is how long a profile or trace takes at most.
	maxSeconds = 60

	profileDefault = 30 // seconds
	traceDefault   = 1  // seconds

	// stacksLimit, in bytes, is how much of goroutine?debug=2 there is at most:
	// all of it is in memory at once.
	stacksLimit = 4 << 20

	// clientEvery is how often somebody looks whether a client is still there
	// that is not sent anything yet.
	clientEvery = 250 * time.Millisecond
)

// snapshots are the profiles of how things are now.
var snapshots = []string{"allocs", "block", "goroutine", "heap", "mutex", "threadcreate"}

// profiles is the state of this file: what there can be only one of.
type profiles struct {
	mu   sync.Mutex
	busy []string
}

// begin reports whether nobody does this; end then says when it is over.
func (p *profiles) begin(what string) (end func(), free bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if slices.Contains(p.busy, what) {
		return nil, false
	}
	p.busy = append(p.busy, what)
	return sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.busy = slices.DeleteFunc(p.busy, func(other string) bool { return other == what })
	}), true
}

// routeProfiles is where they are. Looking at one takes the server's time and
// memory, so no page of another site may ask for them.
func (s *server) routeProfiles(app *fiber.App) {
	group := app.Group(profilesPath, sameOrigin, func(c *fiber.Ctx) error {
		c.Set("X-Go-Pprof", "1") // go tool pprof then shows what an error says
		return c.Next()
	})
	group.Get("", func(c *fiber.Ctx) error { return c.Redirect(profilesPath + "/") })
	group.Get("/", s.profileIndex)
	group.Get("/profile", s.profileCPU)
	group.Get("/trace", s.trace)
	for _, name := range snapshots {
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
	switch formatOf(c) {
	case formatHTML:
		return s.sendPage(c, "profiles", page{Title: "Profiles", Body: all})
	case formatJSON:
		paths := make([]string, len(all))
		for i, l := range all {
			paths[i] = l.Href
		}
		return sendJSON(c, map[string][]string{"profiles": paths})
	}
	var b strings.Builder
	for _, l := range all {
		fmt.Fprintf(&b, "%-34s %s\n", l.Href, l.About)
	}
	return send(c, fiber.MIMETextPlainCharsetUTF8, []byte(b.String()))
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

// profileCPU sends a CPU profile.
func (s *server) profileCPU(c *fiber.Ctx) error {
	length, err := secondsOf(c, profileDefault)
	if err != nil {
		return err
	}
	if c.Method() == fiber.MethodHead {
		return attach(c, "profile", nil)
	}
	const taken = "A CPU profile is being taken already; there can be only one at a time."
	end, free := s.profiles.begin("profile")
	if !free {
		return fiber.NewError(fiber.StatusConflict, taken)
	}
	r, w := io.Pipe()
	if err := pprof.StartCPUProfile(w); err != nil { // the watchdog takes one
		end()
		return fiber.NewError(fiber.StatusConflict, taken)
	}
	client := c.Context().Conn()
	return attach(c, "profile", produce(r, func(ctx context.Context) {
		defer end()
		wait(ctx, length, client)
		pprof.StopCPUProfile() // writes it
		_ = w.Close()          // never fails
	}))
}

// trace sends an execution trace.
func (s *server) trace(c *fiber.Ctx) error {
	length, err := secondsOf(c, traceDefault)
	if err != nil {
		return err
	}
	if c.Method() == fiber.MethodHead {
		return attach(c, "trace", nil)
	}
	const taken = "A trace is being taken already; there can be only one at a time."
	end, free := s.profiles.begin("trace")
	if !free {
		return fiber.NewError(fiber.StatusConflict, taken)
	}
	q := newQueue()
	if err := trace.Start(q); err != nil {
		end()
		return fiber.NewError(fiber.StatusConflict, taken)
	}
	client := c.Context().Conn()
	return attach(c, "trace", produce(q, func(ctx context.Context) {
		defer end()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(q.failed, cancel)()
		wait(ctx, length, client)
		trace.Stop()
		q.finish()
	}))
}

// snapshot sends a profile of how things are now.
func (s *server) snapshot(c *fiber.Ctx, name string) error {
	debug := c.QueryInt("debug", 0)
	if c.Query("seconds") != "" {
		return fiber.NewError(fiber.StatusBadRequest, "seconds: "+name+" is of one moment; go tool pprof -diff_base compares two.")
	}
	if c.Method() == fiber.MethodHead {
		return attach(c, name, nil)
	}
	if name == "goroutine" && debug >= 2 {
		return s.stacks(c)
	}
	if name == "heap" && c.QueryInt("gc", 0) > 0 {
		runtime.GC()
	}
	r, w := io.Pipe()
	body := produce(r, func(context.Context) {
		out := bufio.NewWriter(w)
		_ = w.CloseWithError(errors.Join(pprof.Lookup(name).WriteTo(out, debug), out.Flush()))
	})
	if debug > 0 {
		c.Set(fiber.HeaderContentType, fiber.MIMETextPlainCharsetUTF8)
		c.Context().SetBodyStream(body, -1)
		return nil
	}
	return attach(c, name, body)
}

// stacks sends the stacks of all goroutines, or of as many as there is room
// for.
func (s *server) stacks(c *fiber.Ctx) error {
	end, free := s.profiles.begin("stacks")
	if !free {
		return fiber.NewError(fiber.StatusConflict, "Somebody asks for all stacks already; there can be only one at a time.")
	}
	text := make([]byte, stacksLimit)
	text = text[:runtime.Stack(text, true)]
	r, w := io.Pipe()
	c.Set(fiber.HeaderContentType, fiber.MIMETextPlainCharsetUTF8)
	c.Context().SetBodyStream(produce(r, func(context.Context) {
		defer end()
		_, err := w.Write(text)
		if err == nil && len(text) == stacksLimit {
			_, err = io.WriteString(w, "\n\nThere are more; goroutine?debug=1 has all, added up.\n")
		}
		_ = w.CloseWithError(err)
	}), -1)
	return nil
}

// attach answers with a body to be saved; nil is none, for HEAD.
func attach(c *fiber.Ctx, name string, body io.Reader) error {
	c.Set(fiber.HeaderContentType, fiber.MIMEOctetStream)
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="`+name+`"`)
	if body != nil {
		c.Context().SetBodyStream(body, -1)
		c.Response().ImmediateHeaderFlush = true // the body may take a minute to begin
	}
	return nil
}

// wait waits so long, or until ctx ends or the client is gone, which nobody
// would notice who sends nothing.
func wait(ctx context.Context, length time.Duration, client net.Conn) {
	end := time.NewTimer(length)
	defer end.Stop()
	look := time.NewTicker(clientEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-end.C:
			return
		case <-look.C:
			if gone(client) {
				return
			}
		}
	}
}

// produced is a body that a goroutine makes.
type produced struct {
	io.ReadCloser
	cancel context.CancelFunc
	done   chan struct{}
}

// produce begins to make what r reads. makes is to end when ctx does, or when
// what it writes is not taken any more.
func produce(r io.ReadCloser, makes func(ctx context.Context)) *produced {
	ctx, cancel := context.WithCancel(context.Background())
	p := &produced{ReadCloser: r, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		makes(ctx)
	}()
	return p
}

// Close ends it, and waits for its end.
func (p *produced) Close() error {
	p.cancel()
	err := p.ReadCloser.Close()
	<-p.done
	return err
}
