//go:build linux

package process

// This file reads what a Go program says of itself. It exists because the heap
// is known exactly only inside: a leak of a few KB is lost in the resident set
// and plain in the number of goroutines.

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// GoMetrics are those of Prometheus's Go collector. What a program does not
// expose is 0.
type GoMetrics struct {
	Heap       int64         `json:"heap_bytes"`       // allocated and not yet freed
	HeapInUse  int64         `json:"heap_inuse_bytes"` // spans in use
	Goroutines int           `json:"goroutines"`
	GCs        int64         `json:"gc_count"` // since the program began
	GCPause    time.Duration `json:"gc_pause_nanoseconds"`
	Allocated  int64         `json:"allocated_bytes"` // since the program began
	Mallocs    int64         `json:"mallocs"`         // likewise, objects
}

const (
	metricsWithin  = 2 * time.Second
	longestMetrics = 8 << 20
)

// ReadGoMetrics fetches the metrics at url. An answer without Go's is an error.
func ReadGoMetrics(ctx context.Context, url string) (GoMetrics, error) {
	ctx, cancel := context.WithTimeout(ctx, metricsWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return GoMetrics{}, fmt.Errorf("read metrics: %w", err)
	}
	request.Close = true // a connection kept alive would be one of the target's descriptors
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return GoMetrics{}, fmt.Errorf("read metrics: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return GoMetrics{}, fmt.Errorf("read metrics: %s: status %d", url, response.StatusCode)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(io.LimitReader(response.Body, longestMetrics))
	if err != nil {
		return GoMetrics{}, fmt.Errorf("read metrics: %s: %w", url, err)
	}
	if families["go_goroutines"] == nil && families["go_memstats_heap_alloc_bytes"] == nil {
		return GoMetrics{}, fmt.Errorf("read metrics: %s exposes none of Go's", url)
	}
	pauses := summary(families["go_gc_duration_seconds"])
	return GoMetrics{
		Heap:       int64(value(families["go_memstats_heap_alloc_bytes"])),
		HeapInUse:  int64(value(families["go_memstats_heap_inuse_bytes"])),
		Goroutines: int(value(families["go_goroutines"])),
		GCs:        int64(pauses.GetSampleCount()),
		GCPause:    time.Duration(pauses.GetSampleSum() * float64(time.Second)),
		Allocated:  int64(value(families["go_memstats_alloc_bytes_total"])),
		Mallocs:    int64(value(families["go_memstats_mallocs_total"])),
	}, nil
}

// GoMetricsOf is where a server that says its admin address has Go's metrics;
// empty if it has none.
func GoMetricsOf(ctx context.Context, server *Server) string {
	admin := server.Admin(ctx)
	if admin == "" {
		return ""
	}
	url := admin + "/metrics"
	if _, err := ReadGoMetrics(ctx, url); err != nil {
		return ""
	}
	return url
}

// value is a family's first gauge or counter, or 0.
func value(family *dto.MetricFamily) float64 {
	for _, metric := range family.GetMetric() {
		switch {
		case metric.GetGauge() != nil:
			return metric.GetGauge().GetValue()
		case metric.GetCounter() != nil:
			return metric.GetCounter().GetValue()
		default:
			return metric.GetUntyped().GetValue()
		}
	}
	return 0
}

func summary(family *dto.MetricFamily) *dto.Summary {
	for _, metric := range family.GetMetric() {
		return metric.GetSummary()
	}
	return nil
}
