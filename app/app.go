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
	"github.com/rs/zerolog"

	"fullbore/app/admin"
	"fullbore/app/config"
	"fullbore/app/wire"
	"fullbore/logger"
	"fullbore/static"
)

// App is a server whose listeners are open. It is run once.
type App struct {
	cfg    config.Config
	log    *logger.Logger // nil: off
	sink   sink           // below log
	files  *static.Handler
	stderr io.Writer
	events zerolog.Logger

	public   *fiber.App
	publicLn *wire.Listener
	admin    *fiber.App // nil: off
	adminLn  *wire.Listener
}

// New opens everything that a server needs, so that what is missing is found
// before the first client comes. Access records for "-" go to stdout, notices
// of the server itself to stderr. Close gives everything back, also after Run.
func New(cfg config.Config, stdout, stderr io.Writer) (_ *App, err error) {
	a := &App{cfg: cfg, stderr: stderr, events: newEvents(cfg.Operations.EventFormat, stderr)}
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
