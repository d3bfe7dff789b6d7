package logger

import (
	"strconv"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// facts are what stays the same about an app between requests.
type facts struct {
	app         *fiber.App
	colors      fiber.Colors
	proxied     bool   // addresses come from a header
	streams     bool   // request bodies are streams
	writeBuffer int64  // size of fasthttp's buffer, in bytes
	errPadding  string // the length of the longest path, at least 15
}

// noApp stands in until an app has handled a request.
var noApp = &facts{writeBuffer: 4096, errPadding: "15"}

// factsOf caches the last app asked about: most loggers serve only one.
func (l *Logger) factsOf(app *fiber.App) *facts {
	if f := l.lastApp.Load(); f.app == app {
		return f
	}
	known, ok := l.apps.Load(app)
	if !ok {
		known, _ = l.apps.LoadOrStore(app, learn(app))
	}
	f := known.(*facts) //nolint:forcetypeassert // the map holds nothing else
	l.lastApp.Store(f)
	return f
}

func learn(app *fiber.App) *facts {
	config := app.Config()
	longest := 15
	for _, routes := range app.Stack() {
		for _, route := range routes {
			longest = max(longest, len(route.Path))
		}
	}
	return &facts{
		app:         app,
		colors:      config.ColorScheme,
		proxied:     config.ProxyHeader != "",
		streams:     config.StreamRequestBody,
		writeBuffer: int64(config.WriteBufferSize),
		errPadding:  strconv.Itoa(longest),
	}
}

// finished is the key of dones. There is one handler per route, since a
// *fiber.Ctx has a route and parameters only after an app has routed it.
type finished struct {
	app   *fiber.App
	route string
}

// callDone calls Config.Done with a context of its own: Fiber released the
// request's before the response.
func (v *visit) callDone(line []byte) {
	l, app := v.log, v.record.facts.app
	v.doneLine = line
	v.doneDue = true
	if v.route != "" {
		key := finished{app, v.route}
		handler, ok := l.dones.Load(key)
		if !ok {
			handler, _ = l.dones.LoadOrStore(key, l.routeDone(key))
		}
		handler.(fasthttp.RequestHandler)(v.ctx) //nolint:forcetypeassert // the map holds nothing else
	}
	if v.doneDue && app != nil { // no route, or an unknown method
		c := app.AcquireCtx(v.ctx)
		defer app.ReleaseCtx(c)
		l.cfg.Done(c, line)
	}
	v.doneDue = false
}

// routeDone returns the handler of an app, configured like the request's, that
// only calls Done: on the request's route, and, in case a handler changed the
// path so that it no longer matches, on every other.
func (l *Logger) routeDone(key finished) fasthttp.RequestHandler {
	config := key.app.Config()
	config.ETag, config.Views, config.EnablePrintRoutes = false, nil, false
	config.ErrorHandler = func(*fiber.Ctx, error) error { return nil }
	app := fiber.New(config)
	done := func(c *fiber.Ctx) error {
		c.Context().VisitUserValuesAll(func(_, value any) {
			if v, ok := value.(*visit); ok && v.log == l && v.doneDue {
				v.doneDue = false
				l.cfg.Done(c, v.doneLine)
			}
		})
		return nil
	}
	app.Use(key.route, done)
	app.Use(done)
	return app.Handler()
}
