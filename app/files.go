package app

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"

	"fullbore/app/config"
	"fullbore/static"
)

// openHandler opens what is served.
func openHandler(cfg config.Config) (*static.Handler, error) {
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
		ETag:                  f.ETag,
		Compress:              f.Compress,
		Precompressed:         f.Precompressed,
		Hidden:                f.Hidden,
		OutsideLinks:          f.OutsideLinks,
		Growing:               f.Growing,
		HotCache:              int64(cfg.HotCache),
		ContentSecurityPolicy: policy,
	})
}

// files serves the folder or file that the config names, which a reload
// exchanges for another while requests are being answered. It is safe for
// concurrent use.
type files struct {
	now atomic.Pointer[generation]
}

// generation is a handler and the number of those who use it: one for being in
// force, and one for each request inside. The last one closes it. A body that
// is still being sent then has a descriptor of its own.
type generation struct {
	*static.Handler
	users atomic.Int64
}

func openFiles(cfg config.Config) (*files, error) {
	h, err := openHandler(cfg)
	if err != nil {
		return nil, err
	}
	return newFiles(h), nil
}

func newFiles(h *static.Handler) *files {
	f := &files{}
	f.now.Store(newGeneration(h))
	return f
}

func newGeneration(h *static.Handler) *generation {
	g := &generation{Handler: h}
	g.users.Store(1)
	return g
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
	return g.Handle(c)
}

// swap puts another handler in place; requests inside end with the old one.
func (f *files) swap(h *static.Handler) {
	f.now.Swap(newGeneration(h)).leave()
}

// close closes the handler when no request is inside. Those that come later
// are refused. There must be no swap after it.
func (f *files) close() { f.now.Load().leave() }

// alive asks the handler in force; see source.Source.
func (f *files) alive() (replaced bool, err error) {
	g := f.enter()
	if g == nil {
		return false, errors.New("closed")
	}
	defer g.leave()
	return g.Alive()
}

// enter is the generation in force, with one user more; nil after close.
func (f *files) enter() *generation {
	for {
		g := f.now.Load()
		n := g.users.Load()
		if n > 0 && g.users.CompareAndSwap(n, n+1) {
			return g
		}
		// One without users is closed, so another took its place before.
		if n == 0 && f.now.Load() == g {
			return nil
		}
	}
}

func (g *generation) leave() {
	if g.users.Add(-1) == 0 {
		_ = g.Close() // it was only read from
	}
}
