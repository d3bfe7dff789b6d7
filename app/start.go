package app

// This file is the beginning of a server: what it says of itself.

import "os"

// sayStart tells what is served, and where.
func (a *App) sayStart() {
	event := a.events.Info().Str("event", "start").
		Str("version", Version).Int("pid", os.Getpid()).Str("path", a.cfg.Path).
		Stringer("listen", a.publicLn.Addr())
	if a.adminLn != nil {
		event = event.Stringer("admin", a.adminLn.Addr())
	}
	event.Msgf("serving %s", a.cfg.Path)
}
