package metrics

import (
	"compress/gzip"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/common/expfmt"
)

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
	if acceptsGzip(c.Get(fiber.HeaderAcceptEncoding)) {
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

// acceptsGzip reports whether Accept-Encoding names gzip without refusing it.
// RFC 9110 section 12.5.3.
func acceptsGzip(header string) bool {
	for coding := range strings.SplitSeq(header, ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(coding), ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			weight = strings.ReplaceAll(weight, " ", "")
			return weight != "q=0" && weight != "q=0.0" && weight != "q=0.00" && weight != "q=0.000"
		}
	}
	return false
}
