package static

// This file is for servers that run handlers where nothing may sleep: what a
// handler can do at once it does, and before it sleeps it says so.

import (
	"github.com/gofiber/fiber/v2"

	"fullbore/static/source"
)

// mayBlock reports whether the handler may sleep where it is. A connection that
// does not say lets it.
func mayBlock(c *fiber.Ctx) bool {
	conn, ok := c.Context().Conn().(interface{ MayBlock() bool })
	return !ok || conn.MayBlock()
}

// block tells a connection that wants to know that from here on the handler may
// sleep.
func block(c *fiber.Ctx) {
	if conn, ok := c.Context().Conn().(interface{ Block() }); ok {
		conn.Block()
	}
}

// open opens a name below the root: at once, if it can be, or with leave to
// sleep.
func (h *Handler) open(c *fiber.Ctx, name string) (source.File, source.Info, error) {
	if !mayBlock(c) {
		f, info, err := h.root.Open(name, source.NoWait)
		if err != source.ErrWouldBlock { //nolint:errorlint // it is given bare
			return f, info, err
		}
	}
	block(c)
	return h.root.Open(name, source.MayWait)
}
