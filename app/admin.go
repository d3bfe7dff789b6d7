package app

import (
	"github.com/valyala/fasthttp"

	"fullbore/app/admin"
	"fullbore/app/config"
	"fullbore/app/guard"
	"fullbore/app/listen"
	"fullbore/logger"
)

// newAdmin makes the server of the admin listener. The observer is told of each
// request.
func newAdmin(cfg admin.Config, observer logger.Observer, trouble fasthttp.Logger) (*fasthttp.Server, error) {
	log, err := logger.NewLogger(quietly(observer))
	if err != nil {
		return nil, err
	}
	app := admin.New(cfg)
	server := app.Server()
	handle := app.Handler()
	server.Handler = func(ctx *fasthttp.RequestCtx) {
		if guard.KnownMethod(ctx, false) {
			handle(ctx)
		}
	}
	server.Logger = trouble
	log.Wrap(server)
	return server, nil
}

// adminHosts are the names that the admin listener answers to: those that are
// set, and the one that it listens on.
func adminHosts(cfg *config.Config) []string {
	hosts := append([]string(nil), cfg.Operations.AdminHosts...)
	if address, err := listen.Parse(cfg.Admin); err == nil && address.Host() != "" {
		hosts = append(hosts, address.Host())
	}
	return hosts
}
