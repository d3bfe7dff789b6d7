package listing

// A compressed page has a twelfth of its size, less even than its packed rows,
// so it is made at once and held whole.

import (
	"bytes"
	"sync"

	"github.com/gofiber/fiber/v2"
	"github.com/klauspost/compress/gzip"

	"fullbore/static/accept"
)

const (
	// compressible, in bytes, is from where compressing is worth it.
	compressible = 1 << 10

	// compressing is how many pages are compressed at the same time. Each needs
	// about a MB; who comes meanwhile gets the page as it is.
	compressing = 4
)

// compressor compresses pages. It is safe for concurrent use.
type compressor struct {
	turns   chan struct{}
	writers sync.Pool // of *gzip.Writer; never more than turns were in use
}

func newCompressor() *compressor {
	return &compressor{turns: make(chan struct{}, compressing), writers: sync.Pool{New: func() any {
		w, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
		if err != nil {
			panic(err) // the level is known
		}
		return w
	}}}
}

// compress replaces b by what it is compressed, if that can be done now. The
// memory that b holds is given back but for what is needed.
func (z *compressor) compress(c *fiber.Ctx, b *body) *body {
	c.Vary(fiber.HeaderAcceptEncoding)
	if b.measure() < compressible || !acceptsGzip(accept.List(&c.Request().Header, fiber.HeaderAcceptEncoding)) {
		return b
	}
	select {
	case z.turns <- struct{}{}:
		defer func() { <-z.turns }()
	default:
		return b
	}
	var packed bytes.Buffer
	w, _ := z.writers.Get().(*gzip.Writer)
	defer z.writers.Put(w)
	w.Reset(&packed)
	if _, err := b.WriteTo(w); err != nil {
		panic(err) // memory takes everything
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	w.Reset(nil)        // forget the buffer
	_ = b.closeSource() // which was only read
	b.held.shrink(int64(packed.Len()))
	c.Set(fiber.HeaderContentEncoding, "gzip")
	return &body{before: [][]byte{bytes.Clone(packed.Bytes())}, held: b.held}
}

func acceptsGzip(value string) bool {
	return accept.Encoding(value).Choose(accept.Codings(0).With(accept.Gzip)) == accept.Gzip
}
