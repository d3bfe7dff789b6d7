package metrics

import (
	"compress/gzip"
	"net/http"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/common/expfmt"

	"fullbore/static/accept"
)

// gzipAlone is what Prometheus knows.
var gzipAlone = accept.Codings(0).With(accept.Gzip)

// Handler answers a scrape in the format that the client requests, with gzip if it
// accepts that.
func (m *Metrics) Handler(c *fiber.Ctx) error {
	families, err := m.registry.Gather()
	if err != nil && len(families) == 0 {
		return err
	}
	// A partial answer is worth more than an error.
	format := expfmt.NegotiateAccept(http.Header{"Accept": {c.Get(fiber.HeaderAccept)}}, expfmt.DefaultOpenMetricsAcceptedFormats()...)
	c.Set(fiber.HeaderContentType, string(format))
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Vary(fiber.HeaderAccept, fiber.HeaderAcceptEncoding)
	w := c.Response().BodyWriter()
	if accept.Encoding(accept.List(&c.Request().Header, fiber.HeaderAcceptEncoding)).Choose(gzipAlone) == accept.Gzip {
		c.Set(fiber.HeaderContentEncoding, "gzip")
		zipped := gzip.NewWriter(w)
		defer func() { _ = zipped.Close() }() // it writes to memory
		w = zipped
	}
	encoder := expfmt.NewEncoder(w, format)
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			return err
		}
	}
	if closer, ok := encoder.(expfmt.Closer); ok { // OpenMetrics ends with a mark
		return closer.Close()
	}
	return nil
}
