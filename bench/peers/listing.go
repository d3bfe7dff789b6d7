//go:build linux

package peers

// This file asks for the listing of a large folder. It exists because that is
// where a user waits and sees nothing.

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/dustin/go-humanize"

	"fullbore/bench/load"
)

func listing(config Config) *workload {
	return &workload{
		name: "listing", rounds: config.ListingRounds, warmUp: 1,
		title: fmt.Sprintf("Listing of a folder with %s files", count(config.Entries)),
		metrics: []Metric{
			{Name: "first_byte", Title: "first byte", Unit: "ms", Better: lower, Headline: true},
			{Name: "last_byte", Title: "last byte", Unit: "ms", Better: lower},
			{Name: "server_cpu_ms", Title: "CPU", Unit: "ms", Better: lower},
			{Name: "page_size", Title: "size", Unit: "MB"},
		},
		note: "First byte of the body, of the page that a browser gets. fullbore sends it in pages, so that its answer is shorter and its " +
			"last byte is that of the first page. The folder gets a new name each time, so that no cached listing is measured.",
		prepare: func(b *bench) error {
			return emptyFiles(filepath.Join(b.files, listedName(0)), config.Entries)
		},
		measure: func(ctx context.Context, b *bench, s *subject, _ int) (work, error) {
			b.listed++
			name := listedName(b.listed)
			if err := os.Rename(filepath.Join(b.files, listedName(b.listed-1)), filepath.Join(b.files, name)); err != nil {
				return work{}, err
			}
			page, err := load.Fetch(ctx, s.address, "/"+name+"/", nil)
			if err != nil {
				return work{}, err
			}
			if page.Status != http.StatusOK {
				return work{}, fmt.Errorf("status %d, want %d", page.Status, http.StatusOK)
			}
			return work{took: page.Took, extra: figures{
				"first_byte": 1000 * page.FirstByte.Seconds(),
				"last_byte":  1000 * page.Took.Seconds(),
				"page_size":  float64(page.Bytes) / 1e6,
			}}, nil
		},
	}
}

func listedName(n int) string { return fmt.Sprintf("folder-%d", n) }

func count(n int) string { return humanize.Comma(int64(n)) }
