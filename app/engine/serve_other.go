//go:build !linux || !(amd64 || arm64)

package engine

import (
	"errors"
	"net"

	"github.com/valyala/fasthttp"
)

// Serve is fasthttp's own: there are no event loops here.
func Serve(ln net.Listener, server *fasthttp.Server, _ ...Config) error { return server.Serve(ln) }

// Engine cannot be made here.
type Engine struct{}

// New fails: event loops are made for Linux.
func New(net.Listener, *fasthttp.Server, ...Config) (*Engine, error) {
	return nil, errors.ErrUnsupported
}

// Serve fails.
func (*Engine) Serve() error { return errors.ErrUnsupported }

// SlowTurns is 0.
func (*Engine) SlowTurns() int64 { return 0 }
