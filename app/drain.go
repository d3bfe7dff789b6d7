package app

// This file is the end of a server: what is in flight may go on for a while.

import (
	"context"
	"errors"
	"time"

	"github.com/gofiber/fiber/v2"

	"fullbore/app/wire"
)

// cutGrace is for handlers to notice that they were cut.
const cutGrace = 5 * time.Second

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
