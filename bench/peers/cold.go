//go:build linux

package peers

// This file is the download of a file that is on disk only. It exists because a
// server can be fast from the page cache and read a disk in small pieces.

import (
	"context"
	"path/filepath"

	"fullbore/bench/load"
)

func cold(config Config) *workload {
	return &workload{
		name: "cold", rounds: config.Rounds, warmUp: 1, metrics: transferMetrics,
		title: "One download of " + size(config.ColdSize) + " from disk",
		note: "A file of random bytes, taken out of the page cache before each download by posix_fadvise(DONTNEED), checked with " +
			"mincore. A virtual disk's host may still have it in memory.",
		prepare: func(b *bench) error {
			if err := b.have(coldName, config.ColdSize, randomFile); err != nil {
				return err
			}
			return dropFromCache(filepath.Join(b.files, coldName)) // or say at once that it cannot be done
		},
		before: func(b *bench) error { return dropFromCache(filepath.Join(b.files, coldName)) },
		measure: func(ctx context.Context, _ *bench, s *subject, _ int) (work, error) {
			return s.run(ctx, load.Loop{Connections: 1, Requests: 1, Next: s.same(coldName, config.ColdSize)})
		},
	}
}
