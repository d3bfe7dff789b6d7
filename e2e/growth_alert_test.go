//go:build unix

package e2e

// The alert for growing memory, seen by a real Prometheus: it fires for a
// server that keeps a little of each download, and not for this one.

import (
	"bufio"
	"io"
	"net"
	"testing"
	"time"
)

func TestGrowingMemoryIsAnAlert(t *testing.T) {
	t.Parallel() // most of it is waiting
	needTool(t, "prometheus")
	const size = 64 << 20
	dir := t.TempDir()
	sparse(t, dir, "large.iso", size)
	honest := start(t, dir, "--state-dir", t.TempDir())
	leaky := startLeaky(t, dir)
	// What a server has after its first downloads and scrapes is where growth
	// begins.
	for _, addr := range []string{honest.addr, leaky} {
		if err := keepDownloading(addr, "/large.iso", size, 10, nil); err != nil {
			t.Fatal(err)
		}
	}
	for range 50 {
		fetch(t, "http://"+honest.admin+"/metrics")
	}
	p := startPrometheus(t, honest.admin, leaky)

	stop := make(chan struct{})
	done := make(chan error, 2)
	for _, addr := range []string{honest.addr, leaky} {
		go func() { done <- keepDownloading(addr, "/large.iso", size, 1e9, stop) }()
	}
	defer func() {
		close(stop)
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}()

	const alert = `ALERTS{alertname="FullboreMemoryGrowing"`
	count := func(selector string) string { return "count(" + selector + ") or vector(0)" }
	p.until(count(alert+`, alertstate="firing", instance="`+leaky+`"}`), func(n float64) bool { return n == 1 })
	kept := p.until(`instance:fullbore_memory_growth_bytes_per_gigabyte:90m{instance="`+leaky+`"}`, anything)
	grown := p.until(`instance:fullbore_memory_growth_bytes_per_gigabyte:90m{instance="`+honest.admin+`"}`, anything)
	served := `sum(fullbore_response_body_bytes_total{instance="`
	ratio := p.until(served+honest.admin+`"}) / `+served+leaky+`"})`, anything)
	t.Logf("memory added per GB: leaky %.0f KiB, fullbore %.0f KiB, which served %.1f times as much", kept/1024, grown/1024, ratio)
	if ratio < 0.25 {
		t.Errorf("fullbore served only %.2f of what the leaky one did, and so shows little", ratio)
	}
	p.until(count(`max_over_time(`+alert+`, alertstate="firing", instance="`+honest.admin+`"}[10m])`), func(n float64) bool {
		if n != 0 {
			t.Errorf("the alert fired for fullbore")
		}
		return true
	})
}

func anything(float64) bool { return true }

// startLeaky builds and runs the control and gives its address.
func startLeaky(t *testing.T, dir string) string {
	t.Helper()
	return launch(t, asIs, built(t, "./"+prometheusFiles+"/testdata/leaky"), dir).listening().addr
}

// keepDownloading fetches a file of size bytes so many times on one connection,
// or until it is to stop, with a pause after each.
func keepDownloading(addr, path string, size, times int, stop <-chan struct{}) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	reader, room := bufio.NewReader(conn), make([]byte, 1<<20)
	for range times {
		if _, err := io.WriteString(conn, getRequest(path)); err != nil {
			return err
		}
		for line := ""; line != "\r\n"; {
			if line, err = reader.ReadString('\n'); err != nil {
				return err
			}
		}
		for left := size; left > 0; {
			n, err := reader.Read(room[:min(left, len(room))])
			if left -= n; err != nil {
				return err
			}
		}
		select {
		case <-stop:
			return nil
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}
