package app

// This file is what operators see: how the admin app gets what it shows.

import (
	"net"

	"github.com/gofiber/fiber/v2"

	"fullbore/app/admin"
)

// Version is the program's. The command line sets it before New.
var Version = "dev"

// newAdmin makes the admin app. metrics may be nil.
func (a *App) newAdmin(transfers admin.Transfers, metrics fiber.Handler) *fiber.App {
	app := admin.New(admin.Config{
		Transfers: transfers,
		Metrics:   metrics,
		Health:    a.health.Report,
		Ready:     a.ready,
		Drain:     a.drainStatus,
		Hosts:     a.adminHosts,
		Version:   Version,
	})
	return app
}

// adminHosts are the names that the admin listener answers to: those that are
// set, and the one that it listens on.
func (a *App) adminHosts() []string {
	cfg := a.current()
	hosts := append([]string(nil), cfg.Operations.AdminHosts...)
	if host, _, err := net.SplitHostPort(cfg.Admin); err == nil && host != "" {
		hosts = append(hosts, host)
	}
	return hosts
}
