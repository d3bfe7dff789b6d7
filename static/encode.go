package static

import (
	"path"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"fullbore/static/accept"
	"fullbore/static/source"
)

// choose makes the body the client's preferred representation: the file itself, a
// precompressed sibling, or one compressed on the fly. RFC 9110 sections 8.4 and
// 12.5.3. name is relative to the root.
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

// mayCompress reports whether a response may be compressed on the fly: that has no
// ranges, its weak entity tag never satisfies an If-Match, and HTTP/1.0 needs a length
// in advance.
func mayCompress(request *fasthttp.RequestHeader) bool {
	return request.IsHTTP11() && len(request.Peek(fiber.HeaderRange)) == 0 && len(request.Peek(fiber.HeaderIfMatch)) == 0
}

// siblings are the codings of precompressed files.
var siblings = accept.Codings(0).With(accept.Gzip).With(accept.Brotli).With(accept.Zstd)

// useSibling switches the body to the best precompressed sibling. One older than the
// file was made from an earlier version, and an empty one is still being written.
func (h *Handler) useSibling(c *fiber.Ctx, b *Body, name string, accepted accept.Weights) bool {
	for available := siblings; ; {
		coding := accepted.Choose(available)
		if coding == accept.Identity {
			return false
		}
		// Siblings are optional, so errors do not matter.
		if f, info, err := h.open(c, name+coding.Suffix()); err == nil {
			if info.Kind == source.Regular && info.Size > 0 && !info.ModTime.Before(b.info.ModTime) {
				closeQuietly(b.file)
				b.file, b.info, b.coding = f, info, coding
				b.name = path.Base(name) + coding.Suffix()
				b.validate(h.cfg.ETag)
				b.coded(coding)
				b.only(byteRange{length: info.Size})
				return true
			}
			closeQuietly(f)
		}
		available = available.Without(coding)
	}
}

// compress compresses the file on the fly, if an encoder is free. The entity tag is
// weak, since another version of the compressor may produce other bytes.
func (r *representation) compress(accepted accept.Weights) {
	coding := accepted.Choose(encodable)
	if coding == accept.Identity {
		return
	}
	if encoder, ok := acquireEncoder(coding); ok {
		r.encoder, r.coding = encoder, coding
		if r.etag != "" {
			r.etag = `W/` + strings.TrimSuffix(strings.TrimPrefix(r.etag, "W/"), `"`) + "-" + coding.Token() + `"`
		}
	}
}
