//go:build linux

package peers

// This file reads the clocks: what the server used, what we used, and what the
// two processors did in all. It exists because on a shared machine the last of
// them says whether the first two can be believed.

import (
	"context"
	"fmt"
	"maps"
	"os"
	"time"

	"github.com/prometheus/procfs"

	"fullbore/bench/process"
)

const (
	// Between two measurements: for a server to finish its work, such as a
	// record of its log, and to see whether the processors are idle.
	pause = 50 * time.Millisecond

	// How much of the two processors others may use: while we wait for quiet, and
	// while we measure, in per cent. Not less, because the kernel counts idle time
	// in steps of 10 ms.
	quietBelow = 0.2
	disturbed  = 15
)

// meter is one reading. On loopback the kernel does part of the server's sending
// on the client's account, whenever it is an acknowledgement that sets it going;
// only the sum of server and client is free of that.
type meter struct {
	at     time.Time
	server time.Duration
	client time.Duration
	idle   [2]float64 // seconds, of the server's processor and the client's
}

func (b *bench) read(s *subject) (meter, error) {
	server, err := s.tree.CPU()
	if err != nil {
		return meter{}, err
	}
	self, err := process.Attach(os.Getpid())
	if err != nil {
		return meter{}, err
	}
	client, err := self.Sample()
	if err != nil {
		return meter{}, err
	}
	idle, err := b.idle()
	return meter{time.Now(), server, client.CPU, idle}, err
}

// idle is how long each of the two processors has been idle since boot.
func (b *bench) idle() ([2]float64, error) {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return [2]float64{}, err
	}
	stat, err := fs.Stat()
	if err != nil {
		return [2]float64{}, fmt.Errorf("read /proc/stat: %w", err)
	}
	var idle [2]float64
	for i, cpu := range []int{b.serverCPU, b.clientCPU} {
		idle[i] = stat.CPU[int64(cpu)].Idle + stat.CPU[int64(cpu)].Iowait
	}
	return idle, nil
}

// figures of what was done between two readings.
func (m meter) figures(end meter, done work) figures {
	server, client := (end.server - m.server).Seconds(), (end.client - m.client).Seconds()
	wall := end.at.Sub(m.at).Seconds()
	busy := 2*wall - (end.idle[0] - m.idle[0]) - (end.idle[1] - m.idle[1])
	f := figures{
		"server_cpu_ms": 1000 * server,
		"client_cpu_ms": 1000 * client,
		"others":        100 * max(0, busy-server-client) / (2 * wall),
	}
	took := done.took.Seconds()
	if took > 0 {
		f["took"] = took
		f["server_busy"] = 100 * server / took
		f["client_busy"] = 100 * client / took
	}
	if gb := float64(done.bytes) / 1e9; gb > 0 {
		f["cpu_per_gb"] = server / gb
		f["both_per_gb"] = (server + client) / gb
		f["gb_per_s"] = gb / took
	}
	if n := float64(done.requests); n > 0 {
		f["cpu_per_request"] = 1e6 * server / n
		f["both_per_request"] = 1e6 * (server + client) / n
		f["requests_per_s"] = n / took
	}
	maps.Copy(f, done.extra)
	return f
}

// quiet waits until others leave the two processors alone, or patience ends. It
// takes one pause at least.
func (b *bench) quiet(ctx context.Context) error {
	for {
		begin := time.Now()
		before, err := b.idle()
		if err != nil {
			return err
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
		after, err := b.idle()
		if err != nil {
			return err
		}
		wall := 2 * time.Since(begin).Seconds()
		if 1-(after[0]-before[0]+after[1]-before[1])/wall < quietBelow {
			return nil
		}
		if b.patience -= time.Since(begin); b.patience <= 0 {
			return nil
		}
	}
}

// measure runs the workload once on one server. A disturbed measurement is repeated
// while patience lasts, unless the workload needs a rest.
func (b *bench) measure(ctx context.Context, w *workload, s *subject, round int) (figures, string, error) {
	for {
		begin := time.Now()
		f, detail, err := b.measureOnce(ctx, w, s, round)
		if err != nil || f["others"] < disturbed || w.rested != nil || b.patience <= 0 {
			return f, detail, err
		}
		b.patience -= time.Since(begin)
	}
}

func (b *bench) measureOnce(ctx context.Context, w *workload, s *subject, round int) (figures, string, error) {
	if err := b.quiet(ctx); err != nil {
		return nil, "", err
	}
	if w.before != nil {
		if err := w.before(b); err != nil {
			return nil, "", err
		}
	}
	before, err := b.read(s)
	if err != nil {
		return nil, "", err
	}
	done, err := w.measure(ctx, b, s, round)
	if err != nil {
		return nil, "", err
	}
	if err := sleep(ctx, pause); err != nil {
		return nil, "", err
	}
	after, err := b.read(s)
	if err != nil {
		return nil, "", err
	}
	return before.figures(after, done), done.detail, nil
}
