package app

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/rs/zerolog"

	"fullbore/app/config"
	"fullbore/app/limit"
	"fullbore/app/storage"
	"fullbore/static"
	"fullbore/static/source"
)

// open opens what is served, behind the breakers of its mounts.
func (g *generation) open(disks *storage.Storage) error {
	cfg := handlerConfig(g.cfg)
	if err := cfg.Check(); err != nil {
		return err
	}
	disk, err := source.OpenDisk(g.cfg.Path, cfg.OutsideLinks)
	if err != nil {
		return fmt.Errorf("open %s: %w", g.cfg.Path, err)
	}
	disk.KeepHot(cfg.HotCache)
	where := g.cfg.Path
	if g.target, err = filepath.EvalSymlinks(where); err == nil { // else it has changed meanwhile
		where = g.target
	}
	if absolute, err := filepath.Abs(where); err == nil {
		where = absolute
	}
	g.guard = disks.Guard(disk, where)
	g.Handler = static.Serve(g.guard, cfg)
	return nil
}

func handlerConfig(cfg *config.Config) static.Config {
	f := cfg.Files
	policy := f.Policy
	if policy == config.PolicyStrict {
		policy = static.PolicyDefault
	}
	return static.Config{
		Index:                 f.Index,
		Browse:                f.Browse,
		Readme:                f.Readme,
		Download:              f.Download,
		MaxAge:                int(f.MaxAge / time.Second),
		ETag:                  f.ETag,
		Compress:              f.Compress,
		Precompressed:         f.Precompressed,
		Hidden:                f.Hidden,
		OutsideLinks:          f.OutsideLinks,
		Growing:               f.Growing,
		DAV:                   f.DAV,
		HotCache:              int64(cfg.HotCache),
		CORS:                  f.CORS,
		ResourcePolicy:        f.Resource,
		ContentSecurityPolicy: policy,
		Types:                 f.Types,
		Charsets:              f.Charsets,
		Headers:               f.Headers,
	}
}

// files serves the folder or file that the config names. A reload exchanges it
// for another while requests are being answered, and so does look. It is safe
// for concurrent use.
type files struct {
	events zerolog.Logger
	disks  *storage.Storage
	now    atomic.Pointer[generation] // nil once closed
}

// generation is a handler and the number of those who use it: one for being in
// force, and one for each request inside. The last one closes it. A body that
// is still being sent then has a descriptor of its own.
type generation struct {
	*static.Handler
	guard  *storage.Guarded
	cfg    *config.Config // it was opened by
	target string         // where cfg.Path led, past links; "" if unknown
	users  atomic.Int64
}

func openFiles(cfg *config.Config, events zerolog.Logger) (*files, error) {
	f := &files{events: events}
	f.disks = storage.New(storage.Config{Events: events, Timeout: f.storageTimeout})
	g, err := f.openGeneration(cfg)
	if err != nil {
		return nil, err
	}
	f.now.Store(g)
	return f, nil
}

// openGeneration opens what the config names.
func (f *files) openGeneration(cfg *config.Config) (*generation, error) {
	g := &generation{cfg: cfg}
	g.users.Store(1)
	if err := g.open(f.disks); err != nil {
		return nil, err
	}
	return g, nil
}

// storageTimeout is how long opening a file may take.
func (f *files) storageTimeout() time.Duration {
	if g := f.now.Load(); g != nil && g.cfg.StorageTimeout > 0 {
		return g.cfg.StorageTimeout
	}
	return config.StorageTimeoutDefault
}

// Handle answers from the handler that is in force when the request comes. A
// panic is an error of that request; to have that here and not in a middleware
// of its own is one layer less on the stack that a download holds.
func (f *files) Handle(c *fiber.Ctx) (err error) {
	g := f.enter()
	if g == nil {
		return fiber.ErrServiceUnavailable
	}
	defer func() {
		g.leave()
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v", cause)
		}
	}()
	if err = g.Handle(c); err != nil {
		return refused(c, err)
	}
	return nil
}

// refused answers a request whose file is on a disk that does not answer.
func refused(c *fiber.Ctx, err error) error {
	var refusal *storage.Refusal
	if !errors.As(err, &refusal) {
		return err
	}
	return limit.Refuse(c, limit.Storage, fiber.StatusServiceUnavailable, refusal.RetryAfter)
}

// dav reports whether WebDAV is on.
func (f *files) dav() bool {
	g := f.now.Load()
	return g != nil && g.cfg.Files.DAV
}

// swap puts another generation in place; requests inside end with the old one.
// There must be none after close.
func (f *files) swap(g *generation) { f.now.Swap(g).leave() }

// close closes the handler when no request is inside. Those that come later
// are refused.
func (f *files) close() { f.now.Swap(nil).leave() }

// enter is the generation in force, with one user more; nil after close.
func (f *files) enter() *generation {
	for {
		g := f.now.Load()
		if g == nil {
			return nil
		}
		// One without users is closed, so another took its place before.
		if n := g.users.Load(); n > 0 && g.users.CompareAndSwap(n, n+1) {
			return g
		}
	}
}

func (g *generation) leave() {
	if g.users.Add(-1) == 0 {
		_ = g.Close() // it was only read from
	}
}
