package static

// Some servers run handlers where nothing may block: they do what they can at once,
// and say so before they block.

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"fullbore/static/source"
)

// mayBlock reports whether the handler may block. It may unless the connection, or one
// below it, objects.
func mayBlock(c *fiber.Ctx) bool {
	conn, ok := within[interface{ MayBlock() bool }](c.Context().Conn())
	return !ok || conn.MayBlock()
}

// block tells the connection that the handler may block from here on.
func block(c *fiber.Ctx) {
	if conn, ok := within[interface{ Block() }](c.Context().Conn()); ok {
		conn.Block()
	}
}

// open opens a name below the root, without blocking if possible.
func (h *Handler) open(c *fiber.Ctx, name string) (source.File, source.Info, error) {
	if !mayBlock(c) {
		f, info, err := h.root.Open(name, source.NoWait)
		if err != source.ErrWouldBlock { //nolint:errorlint // it is given bare
			return f, info, err
		}
	}
	block(c)
	return h.root.Open(strings.Clone(name), source.MayWait)
}
