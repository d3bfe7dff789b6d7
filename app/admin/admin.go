// Package admin is the second listener: what operators and health checks ask,
// kept apart from what the public may reach. It knows what to show and to
// whom; where that comes from is told by its Config.
package admin

import (
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	recovery "github.com/gofiber/fiber/v2/middleware/recover"

	"fullbore/app/drain"
	"fullbore/app/health"
	"fullbore/app/limit"
	"fullbore/app/transfer"
)

const (
	headerTimeout = 10 * time.Second // for a request to arrive
	idleTimeout   = 75 * time.Second // for the next request to begin

	// bodyLimit, in bytes: nothing here reads a body, but browsers post forms.
	bodyLimit = 4 << 10
)

// Transfers is what is in flight; *transfer.Registry is one. It is used by
// several requests at once.
type Transfers interface {
	Transfers() []transfer.Transfer // oldest first
	Downloads() []transfer.Download // newest first
	Cut(id uint64, reason error) bool
}

// Config is what the pages show. All functions are called by several requests
// at once.
type Config struct {
	// Transfers are what /transfers and /downloads show. Required.
	Transfers Transfers

	// Metrics answers /metrics.
	//
	// Optional. Default: nil, 404
	Metrics fiber.Handler

	// Health is what /health tells.
	//
	// Optional. Default: a score of 100
	Health func() health.Report

	// Ready is nil when the server can be sent clients, or why not.
	//
	// Optional. Default: always ready
	Ready func() error

	// Drain is how far the end of the server has come.
	//
	// Optional. Default: never drains
	Drain func() drain.Status

	// Refused is what limits have refused.
	//
	// Optional. Default: nothing
	Refused func() []limit.Refused

	// Hosts are names with a dot that the listener answers to.
	//
	// Optional. Default: none
	Hosts func() []string

	// Version is the program's.
	//
	// Optional. Default: ""
	Version string
}

// server is the handlers' common ground.
type server struct {
	cfg        Config
	started    time.Time
	stacksBusy sync.Mutex // held while a client takes all stacks
}

// New makes the admin app; it serves once it is given a listener.
func New(cfg Config) *fiber.App {
	cfg.setDefaults()
	s := &server{cfg: cfg, started: time.Now()}
	app := fiber.New(fiber.Config{
		AppName:               "fullbore admin",
		ServerHeader:          "fullbore",
		DisableStartupMessage: true,
		ReadTimeout:           headerTimeout,
		IdleTimeout:           idleTimeout,
		WriteTimeout:          0, // a profile takes as long as was asked
		BodyLimit:             bodyLimit,
		ReduceMemoryUsage:     true,
		CaseSensitive:         true,
		StrictRouting:         true,
		ErrorHandler:          s.answerError,
	})
	app.Use(recovery.New())
	app.Use(s.knownHost, setHeaders)

	app.Get("/", s.overview)
	app.Get(LivezPath, func(c *fiber.Ctx) error { return line(c, "ok") })
	app.Get(ReadyzPath, s.readyz)
	app.Get(HealthPath, s.health)
	app.Get("/transfers", s.transfers())
	app.Post("/transfers/:id/end", sameOrigin, s.end)
	app.Get("/downloads", s.downloads())
	if cfg.Metrics != nil {
		app.Get("/metrics", cfg.Metrics)
	}
	s.routeProfiles(app)
	app.Get("/assets/:name", sendAsset)
	app.Get("/favicon.ico", sendIcon)

	app.Server().SecureErrorLogMessage = true // or a request that cannot be parsed is copied into its error
	return app
}

func (cfg *Config) setDefaults() {
	if cfg.Transfers == nil {
		panic("admin: New: Config.Transfers is nil")
	}
	if cfg.Health == nil {
		cfg.Health = func() health.Report { return health.Sum() }
	}
	if cfg.Ready == nil {
		cfg.Ready = func() error { return nil }
	}
	if cfg.Drain == nil {
		cfg.Drain = func() drain.Status { return drain.Status{} }
	}
	if cfg.Refused == nil {
		cfg.Refused = func() []limit.Refused { return nil }
	}
	if cfg.Hosts == nil {
		cfg.Hosts = func() []string { return nil }
	}
}
