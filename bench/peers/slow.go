//go:build linux

package peers

// This file asks what a client costs that takes bytes slowly, or waits between two
// requests. It exists because a download server's day is thousands of them: each
// wants next to nothing from the processor, and memory for as long as it lasts.

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"fullbore/bench/load"
	"fullbore/bench/process"
)

const closedWithin = 15 * time.Second // of the last client's going

func slow(config Config) *workload {
	return &workload{
		name: "slow", rounds: config.SlowRounds,
		title: fmt.Sprintf("%s slow downloads at once, each of %s", count(config.Slow), size(config.Size)),
		metrics: []Metric{
			{Name: "anon_per_download", Title: "RssAnon per download", Unit: "KiB", Better: lower, Headline: true},
			{Name: "pss_per_download", Title: "PSS per download", Unit: "KiB", Better: lower},
			{Name: "rss_before", Title: "RSS before", Unit: "MiB", Better: lower},
			{Name: "rss_during", Title: "during", Unit: "MiB", Better: lower},
			{Name: "rss_after", Title: "after", Unit: "MiB", Better: lower},
			{Name: "rss_rested", Title: "RSS " + span(config.Rest) + " after", Unit: "MiB", Better: lower, Headline: true},
			{Name: "rss_kept", Title: "of RSS before", Unit: "×", Better: lower},
		},
		note: fmt.Sprintf("Each client takes a few KiB and stops, its receive buffer as small as the kernel lets it be. Per download: "+
			"what the server's processes hold more than before, divided by %s, once that stands still. Then all clients go; "+
			"\"after\" is when the server has closed the last connection. Memory of the kernel (socket buffers) is not counted.", count(config.Slow)),
		prepare: func(b *bench) error {
			if err := enoughDescriptors(config.Slow, "--slow"); err != nil {
				return err
			}
			return b.have(wholeName, config.Size, sparseFile)
		},
		measure: func(ctx context.Context, _ *bench, s *subject, _ int) (work, error) {
			return s.hold(ctx, config.Slow, "download", func() (*load.Held, error) {
				return load.Hold(ctx, s.address, s.get(wholeName), config.Slow, load.Answer{Status: http.StatusOK, Length: config.Size})
			})
		},
		rest: config.Rest,
		rested: func(s *subject, of figures) (figures, error) {
			memory, err := s.tree.Memory()
			rss := mib(memory.RSS)
			return figures{"rss_rested": rss, "pss_rested": mib(memory.PSS), "rss_kept": rss / of["rss_before"]}, err
		},
	}
}

func idle(config Config) *workload {
	const bytes = 4 << 10
	return &workload{
		name: "idle", rounds: config.SlowRounds,
		title: fmt.Sprintf("%s kept-alive connections that wait", count(config.Idle)),
		metrics: []Metric{
			{Name: "anon_per_connection", Title: "RssAnon per connection", Unit: "KiB", Better: lower, Headline: true},
			{Name: "pss_per_connection", Title: "PSS per connection", Unit: "KiB", Better: lower},
			{Name: "rss_before", Title: "RSS before", Unit: "MiB", Better: lower},
			{Name: "rss_during", Title: "during", Unit: "MiB", Better: lower},
			{Name: "rss_after", Title: "after", Unit: "MiB", Better: lower},
		},
		note: fmt.Sprintf("Each client takes a file of %s and waits. Per connection: what the server's processes hold more than before, "+
			"divided by %s, once that stands still. All connections are still open then.", size(bytes), count(config.Idle)),
		prepare: func(b *bench) error {
			if err := enoughDescriptors(config.Idle, "--idle"); err != nil {
				return err
			}
			return b.have(smallName(bytes), bytes, randomFile)
		},
		measure: func(ctx context.Context, _ *bench, s *subject, _ int) (work, error) {
			return s.hold(ctx, config.Idle, "connection", func() (*load.Held, error) {
				return load.HoldIdle(ctx, s.address, s.get(smallName(bytes)), config.Idle, load.Answer{Status: http.StatusOK, Length: bytes})
			})
		},
	}
}

// hold measures n connections that sit still.
func (s *subject) hold(ctx context.Context, n int, what string, open func() (*load.Held, error)) (work, error) {
	// Warm up: one-time allocations are not what is asked.
	if _, err := s.run(ctx, load.Loop{Connections: 8, Requests: 200, Next: s.same(checkName, checkSize)}); err != nil {
		return work{}, err
	}
	before, err := s.tree.Steady(ctx)
	if err != nil {
		return work{}, err
	}
	begin := time.Now()
	held, err := open()
	if err != nil {
		return work{}, err
	}
	defer held.Close()
	opened := time.Since(begin)
	if err := held.Sip(); err != nil {
		return work{}, err
	}
	during, err := s.tree.Steady(ctx)
	if err != nil {
		return work{}, err
	}
	if err := held.Sip(); err != nil { // they are all still there
		return work{}, err
	}
	held.Close()
	after, err := s.closed(ctx, before.Open)
	if err != nil {
		return work{}, err
	}
	each := func(grown int64) float64 { return float64(grown) / 1024 / float64(n) }
	return work{extra: figures{
		"opened":           opened.Seconds(),
		"anon_per_" + what: each(during.Anon - before.Anon),
		"pss_per_" + what:  each(during.PSS - before.PSS),
		"rss_before":       mib(before.RSS), "pss_before": mib(before.PSS), "anon_before": mib(before.Anon),
		"rss_during": mib(during.RSS), "pss_during": mib(during.PSS), "anon_during": mib(during.Anon),
		"rss_after": mib(after.RSS), "pss_after": mib(after.PSS), "anon_after": mib(after.Anon),
		"threads_during": float64(during.Threads), "processes_during": float64(during.Processes),
	}}, nil
}

// get is the text of a request for a file.
func (s *subject) get(name string) string {
	return fmt.Sprintf("GET /%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: fullbore-bench\r\n\r\n", name, s.address)
}

// closed waits until the server's descriptors are back to what they were, within a
// few, then reads its memory. It gives up waiting after closedWithin.
func (s *subject) closed(ctx context.Context, before int) (process.Memory, error) {
	const few = 16
	for begin := time.Now(); ; {
		now, err := s.tree.Memory()
		if err != nil || now.Open <= before+few || time.Since(begin) > closedWithin {
			return now, err
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return now, err
		}
	}
}

// enoughDescriptors checks that this process and its children may open enough
// descriptors for n connections; flag is what set n.
func enoughDescriptors(n int, flag string) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("read RLIMIT_NOFILE: %w", err)
	}
	if needed := descriptorsFor(n); limit.Cur < uint64(needed) {
		return fmt.Errorf("needs %d descriptors and the limit is %d: raise it (ulimit -Hn), be root, or choose fewer (%s)", needed, limit.Cur, flag)
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// span is a duration without the zeros at its end: "1m", not "1m0s".
func span(d time.Duration) string {
	if text, whole := strings.CutSuffix(d.String(), "m0s"); whole {
		return text + "m"
	}
	return d.String()
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }
