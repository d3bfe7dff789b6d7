//go:build linux

package peers

// This file is the workloads that move bytes: one large file, many at once,
// ranges, small files. They exist as four because a server can be good at one and
// bad at the next.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"

	"github.com/dustin/go-humanize"

	"fullbore/bench/load"
)

// The metrics of moving bytes.
var (
	cpuPerGB        = Metric{Name: "cpu_per_gb", Title: "CPU", Unit: "s/GB", Better: lower, Headline: true}
	bothPerGB       = Metric{Name: "both_per_gb", Title: "CPU with client", Unit: "s/GB", Better: lower}
	gbPerSecond     = Metric{Name: "gb_per_s", Title: "throughput", Unit: "GB/s", Better: higher, Headline: true}
	requestsPer     = Metric{Name: "requests_per_s", Title: "requests", Unit: "1/s", Better: higher, Headline: true}
	cpuPerRequest   = Metric{Name: "cpu_per_request", Title: "CPU per request", Unit: "µs", Better: lower, Headline: true}
	bothPerRequest  = Metric{Name: "both_per_request", Title: "with client", Unit: "µs", Better: lower}
	serverBusy      = Metric{Name: "server_busy", Title: "server busy", Unit: "%"}
	transferMetrics = []Metric{cpuPerGB, bothPerGB, gbPerSecond, serverBusy}
)

const transferNote = "On loopback the kernel does part of the sending on the client's account, more of it for a server that " +
	"fills the connection faster; \"with client\" counts both. The client discards in the kernel (MSG_TRUNC)."

func whole(config Config) *workload {
	return &workload{
		name: "whole", rounds: config.Rounds, warmUp: 1, metrics: transferMetrics,
		title:   "One download of " + size(config.Size),
		note:    transferNote,
		prepare: func(b *bench) error { return b.have(wholeName, config.Size, sparseFile) },
		measure: func(ctx context.Context, _ *bench, s *subject, _ int) (work, error) {
			return s.run(ctx, load.Loop{Connections: 1, Requests: 1, Next: s.same(wholeName, config.Size)})
		},
	}
}

func parallel(config Config) *workload {
	each := config.Size / int64(config.Parallel)
	return &workload{
		name: "parallel", rounds: config.Rounds, warmUp: 1, metrics: transferMetrics,
		title:   fmt.Sprintf("%d downloads of %s at once", config.Parallel, size(each)),
		note:    transferNote,
		prepare: func(b *bench) error { return b.have(partName, each, sparseFile) },
		measure: func(ctx context.Context, _ *bench, s *subject, _ int) (work, error) {
			return s.run(ctx, load.Loop{Connections: config.Parallel, Requests: config.Parallel, Next: s.same(partName, each)})
		},
	}
}

func ranges(config Config) *workload {
	return &workload{
		name: "ranges", rounds: config.Rounds, warmUp: 1, metrics: transferMetrics,
		title:   fmt.Sprintf("Random ranges of %s out of %s, %d connections", size(config.Range), size(config.Size), config.Parallel),
		note:    "The same random ranges for every server. " + transferNote,
		prepare: func(b *bench) error { return b.have(wholeName, config.Size, sparseFile) },
		measure: func(ctx context.Context, _ *bench, s *subject, round int) (work, error) {
			random := rand.New(rand.NewPCG(uint64(round), 0))
			head := fmt.Sprintf("GET /%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: fullbore-bench\r\nRange: bytes=", wholeName, s.address)
			next := func(_ int, buffer []byte) ([]byte, load.Answer) {
				first := random.Int64N(config.Size - config.Range + 1)
				return fmt.Appendf(buffer, "%s%d-%d\r\n\r\n", head, first, first+config.Range-1),
					load.Answer{Status: http.StatusPartialContent, Length: config.Range}
			}
			return s.run(ctx, load.Loop{Connections: config.Parallel, For: config.For, Next: next})
		},
	}
}

func small(config Config, bytes int64) *workload {
	name := smallName(bytes)
	return &workload{
		name: "small", rounds: config.Rounds, warmUp: 1,
		metrics: []Metric{requestsPer, cpuPerRequest, bothPerRequest, serverBusy},
		title:   fmt.Sprintf("A file of %s, %d connections", size(bytes), config.SmallAtOnce),
		note: "One file, kept-alive connections, no pipelining. Where the server is less than fully busy, the client or somebody " +
			"else on the machine held it up, and the CPU per request is the figure to trust.",
		prepare: func(b *bench) error { return b.have(name, bytes, randomFile) },
		measure: func(ctx context.Context, _ *bench, s *subject, _ int) (work, error) {
			return s.run(ctx, load.Loop{Connections: config.SmallAtOnce, For: config.For, Next: s.same(name, bytes)})
		},
	}
}

// run performs a loop against the server.
func (s *subject) run(ctx context.Context, loop load.Loop) (work, error) {
	loop.Address = s.address
	result, err := loop.Run(ctx)
	return work{
		bytes: result.Bytes, requests: result.Requests, took: result.Took,
		extra: figures{"reconnects": float64(result.Reconnects)},
	}, err
}

// same asks for one file again and again.
func (s *subject) same(name string, size int64) func(int, []byte) ([]byte, load.Answer) {
	return load.Same(s.address, "/"+name, load.Answer{Status: http.StatusOK, Length: size})
}

// have makes a file unless it is there.
func (b *bench) have(name string, size int64, create func(path string, size int64) error) error {
	if b.made[name] {
		return nil
	}
	b.made[name] = true
	return create(filepath.Join(b.files, name), size)
}

func size(bytes int64) string { return humanize.IBytes(uint64(bytes)) }
