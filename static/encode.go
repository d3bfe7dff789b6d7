package static

// This file chooses the representation of a file: itself, one in a content
// coding that lies beside it, or one that is compressed on the fly. RFC 9110
// sections 8.4 and 12.5.3.

import (
	"path"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"fullbore/static/accept"
	"fullbore/static/source"
)

// choose turns the body into the representation that the client likes best of
// those there are, and says in Vary that it did. name is the file's as seen
// from the root.
func (h *Handler) choose(c *fiber.Ctx, b *Body, name string) {
	onTheFly := h.cfg.Compress && compressible(b.mediaType) && b.Size() >= minCompressed && b.Size() <= maxCompressed
	if !onTheFly && !h.cfg.Precompressed {
		return
	}
	c.Vary(fiber.HeaderAcceptEncoding)
	accepted := accept.Encoding(accept.List(&c.Request().Header, fiber.HeaderAcceptEncoding))
	if h.cfg.Precompressed && h.only == "" && h.useSibling(c, b, name, accepted) {
		return
	}
	if onTheFly && mayCompress(&c.Request().Header) {
		b.compress(accepted)
	}
}

// mayCompress reports whether a request could be answered with what is
// compressed on the fly: no part of that can be found again, its weak entity tag
// never meets an If-Match, and HTTP/1.0 cannot send what has no length yet.
func mayCompress(request *fasthttp.RequestHeader) bool {
	return request.IsHTTP11() && len(request.Peek(fiber.HeaderRange)) == 0 && len(request.Peek(fiber.HeaderIfMatch)) == 0
}

// siblings are the codings in which a file may lie beside another.
var siblings = accept.Codings(0).With(accept.Gzip).With(accept.Brotli).With(accept.Zstd)

// useSibling sends the best of the files beside a file that are it in another
// coding. One that is older than the file was made from an earlier version, and
// an empty one is still being made: no coding of anything is empty.
func (h *Handler) useSibling(c *fiber.Ctx, b *Body, name string, accepted accept.Weights) bool {
	for available := siblings; ; {
		coding := accepted.Choose(available)
		if coding == accept.Identity {
			return false
		}
		// An error is that of a file that need not be there.
		if f, info, err := h.open(c, name+coding.Suffix()); err == nil {
			if info.Kind == source.Regular && info.Size > 0 && !info.ModTime.Before(b.info.ModTime) {
				closeQuietly(b.file)
				b.file, b.info, b.coding = f, info, coding
				b.name = path.Base(name) + coding.Suffix()
				b.validators = validatorsOf(info, timeOf(c))
				b.whole()
				return true
			}
			closeQuietly(f)
		}
		available = available.Without(coding)
	}
}

// compress sends the file compressed on the fly, if there is an encoder to be
// had. The entity tag is weak, since another version of the compressor would
// give other bytes.
func (b *Body) compress(accepted accept.Weights) {
	coding := accepted.Choose(encodable)
	if coding == accept.Identity {
		return
	}
	if encoder, ok := acquireEncoder(coding); ok {
		b.encoder, b.coding = encoder, coding
		b.etag = `W/` + strings.TrimSuffix(strings.TrimPrefix(b.etag, "W/"), `"`) + "-" + coding.Token() + `"`
	}
}
