// Package app is the server. This file is the one place where its parts are
// put together.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gofiber/fiber/v2"
	recovery "github.com/gofiber/fiber/v2/middleware/recover"
	"github.com/valyala/fasthttp"

	"fullbore/app/admin"
	"fullbore/app/config"
	"fullbore/app/guard"
	"fullbore/app/wire"
	"fullbore/logger"
	"fullbore/static"
	"fullbore/static/listing"
)

const (
	headerTimeout    = 10 * time.Second // for a request's header to arrive
	keepAliveTimeout = 75 * time.Second // for the next request to begin
	cutGrace         = 5 * time.Second  // for handlers to notice that they were cut

	// writeBuffer, in bytes, is held by every download for as long as it lasts;
	// it has to hold a header.
	writeBuffer = 1 << 10
)

// App is a server whose listeners are open. It is run once.
type App struct {
	cfg    config.Config
	log    *logger.Logger // nil: off
	sink   sink           // below log
	files  *static.Handler
	stderr io.Writer

	public   *fiber.App
	publicLn *wire.Listener
	admin    *fiber.App // nil: off
	adminLn  *wire.Listener
}

// New opens everything that a server needs, so that what is missing is found
// before the first client comes. Access records for "-" go to stdout, notices
// of the server itself to stderr. Close gives everything back, also after Run.
func New(cfg config.Config, stdout, stderr io.Writer) (_ *App, err error) {
	a := &App{cfg: cfg, stderr: stderr}
	defer func() {
		if err != nil {
			a.Close()
		}
	}()
	if a.files, err = openFiles(cfg); err != nil {
		return nil, err
	}
	if a.log, a.sink, err = openLog(cfg, stdout, newReporter(stderr, "access log")); err != nil {
		return nil, err
	}
	if a.publicLn, err = a.listen(cfg.Listen); err != nil {
		return nil, err
	}
	a.public = a.newPublic()
	if cfg.Admin != "" {
		if a.adminLn, err = a.listen(cfg.Admin); err != nil {
			return nil, err
		}
		a.admin = admin.New()
	}
	return a, nil
}

// openFiles opens what is served.
func openFiles(cfg config.Config) (*static.Handler, error) {
	f := cfg.Files
	policy := f.Policy
	if policy == config.PolicyStrict {
		policy = static.PolicyDefault
	}
	return static.Open(cfg.Path, static.Config{
		Index:                 f.Index,
		Browse:                f.Browse,
		Readme:                f.Readme,
		Download:              f.Download,
		MaxAge:                int(f.MaxAge / time.Second),
		Compress:              f.Compress,
		Precompressed:         f.Precompressed,
		Hidden:                f.Hidden,
		OutsideLinks:          f.OutsideLinks,
		Growing:               f.Growing,
		ContentSecurityPolicy: policy,
	})
}

// newPublic is the order in which a request passes through the parts.
func (a *App) newPublic() *fiber.App {
	app := fiber.New(fiber.Config{
		AppName:                      "fullbore",
		ServerHeader:                 "fullbore",
		DisableStartupMessage:        true,
		ReadTimeout:                  headerTimeout,
		IdleTimeout:                  keepAliveTimeout,
		WriteTimeout:                 0, // would limit a whole download; wire watches for progress instead
		WriteBufferSize:              writeBuffer,
		ReduceMemoryUsage:            true, // and so flush each response, which is what makes its record true
		StreamRequestBody:            true,
		DisablePreParseMultipartForm: true,
		ErrorHandler:                 answerError,
	})
	if a.log != nil {
		app.Use(a.log.Handle)
	}
	app.Use(recovery.New())
	app.Use(a.files.Handle)

	server := app.Server()
	server.Handler = guard.UnknownMethod(server.Handler)
	server.CloseOnShutdown = true
	server.SecureErrorLogMessage = true // or a request that cannot be parsed is copied into its error
	if a.log != nil {
		a.logTheRest(server)
	}
	server.Handler = guard.UnreadBody(server.Handler)
	server.ExpectHandler = guard.Expectation(server.Handler)
	return app
}

// logTheRest logs what never reaches a middleware: requests that fasthttp
// cannot read, and those with a method that nobody knows.
func (a *App) logTheRest(server *fasthttp.Server) {
	handle, answer := server.Handler, server.ErrorHandler
	server.Handler = func(ctx *fasthttp.RequestCtx) {
		handle(ctx)
		a.log.Unseen(ctx)
	}
	server.ErrorHandler = func(ctx *fasthttp.RequestCtx, err error) {
		answer(ctx, err)
		a.log.ServerError(ctx, err)
	}
}

// answerError tells the client the status and no more; what went wrong inside
// is in the log.
func answerError(c *fiber.Ctx, err error) error {
	status := fiber.StatusInternalServerError
	var known *fiber.Error
	if errors.As(err, &known) {
		status = known.Code
	}
	return listing.AnswerError(c, status)
}

func (a *App) listen(addr string) (*wire.Listener, error) {
	accept := newReporter(a.stderr, "accept")
	return wire.Listen(addr, wire.Config{
		IdleTimeout:   a.cfg.IdleTimeout,
		OnAcceptError: func(err error, _ time.Duration) { accept.report(err) },
	})
}

// Run serves until ctx ends, then lets downloads in flight go on for the drain
// timeout. It prints a line per listener when it is ready. It returns nil
// after an orderly stop, also when it had to cut downloads, which it then
// says.
func (a *App) Run(ctx context.Context) error {
	failed := make(chan error, 2)
	running := 1
	go func() { failed <- a.public.Listener(a.publicLn) }()
	a.say("listening http://%s", a.publicLn.Addr())
	if a.admin != nil {
		running++
		go func() { failed <- a.admin.Listener(a.adminLn) }()
		a.say("admin http://%s", a.adminLn.Addr())
	}
	idle, stopIdle := context.WithCancel(context.Background())
	idleDone := make(chan struct{})
	go func() {
		defer close(idleDone)
		giveBack(idle, a.publicLn.Open, a.publicLn.Peak)
	}()
	defer func() { stopIdle(); <-idleDone }()
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
		running--
	}
	a.drain()
	for ; running > 0; running-- {
		err = errors.Join(err, <-failed)
	}
	return err
}

// drain stops accepting, waits for what is in flight, then cuts it.
func (a *App) drain() {
	if n := a.publicLn.Open(); n > 0 {
		a.say("stopping: %d connections open, waiting up to %v for downloads", n, a.cfg.DrainTimeout)
	}
	a.stopServer(a.public, a.publicLn, a.cfg.DrainTimeout)
	if a.admin != nil {
		// Last, so that the drain can be watched.
		a.stopServer(a.admin, a.adminLn, time.Second)
	}
}

func (a *App) stopServer(app *fiber.App, ln *wire.Listener, timeout time.Duration) {
	// Shutdown knows the listener only once Serve has begun; a stop may come
	// before that.
	defer func() { _ = ln.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if app.ShutdownWithContext(ctx) == nil {
		return
	}
	if n := ln.Cut(errDrainTimeout); n > 0 {
		a.say("drain timeout: %d connections cut", n)
	}
	// Their records are written as they end. fasthttp's Shutdown waits only
	// once.
	if !ln.WaitClosed(cutGrace) {
		a.say("stopping: %d connections do not end", ln.Open())
	}
}

// errDrainTimeout is why downloads are cut in the end.
var errDrainTimeout = errors.New("cut at the drain timeout")

// Close gives back what New opened. Errors are not reported: there is nobody
// who could still act on them.
func (a *App) Close() {
	if a.adminLn != nil {
		_ = a.adminLn.Close()
	}
	if a.publicLn != nil {
		_ = a.publicLn.Close()
	}
	if a.files != nil {
		_ = a.files.Close()
	}
	if a.log != nil {
		a.sink.close()
		if n := a.sink.lines.Dropped(); n > 0 {
			a.say("access log: %d lines were lost", n)
		}
	}
}

// ReopenLog opens the access log's file anew, for whoever moved it away.
func (a *App) ReopenLog() {
	if a.log == nil {
		return
	}
	if err := a.sink.lines.Reopen(); err != nil {
		a.say("access log goes on in the old file: %v", err)
	}
}

// say prints a notice, if there is still anybody to read it.
func (a *App) say(format string, args ...any) {
	_, _ = fmt.Fprintf(a.stderr, format+"\n", args...)
}
