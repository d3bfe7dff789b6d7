//go:build linux

package peers

// This file is the download over TLS. It exists apart from the others because
// there is no way around user space, for either side.

import (
	"context"
	"fmt"
	"net/http"

	"fullbore/bench/load"
)

func overTLS(config Config) *workload {
	return &workload{
		name: "tls", rounds: config.Rounds, warmUp: 1, secure: true, metrics: transferMetrics,
		title: "One download of " + size(config.TLSSize) + " over TLS 1.3",
		note: "A certificate with an ECDSA P-256 key. The client is Go's; it decrypts about as fast as a server encrypts, so the " +
			"throughput says less than the CPU time.",
		prepare: func(b *bench) error { return b.have(tlsName, config.TLSSize, sparseFile) },
		measure: func(ctx context.Context, b *bench, s *subject, _ int) (work, error) {
			page, err := load.Fetch(ctx, s.address, "/"+tlsName, b.clientTLS())
			switch {
			case err != nil:
				return work{}, err
			case page.Status != http.StatusOK || page.Bytes != config.TLSSize:
				return work{}, fmt.Errorf("status %d with %d bytes, want %d with %d", page.Status, page.Bytes, http.StatusOK, config.TLSSize)
			}
			return work{bytes: page.Bytes, took: page.Took, detail: page.Cipher}, nil
		},
	}
}
