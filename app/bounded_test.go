//go:build linux && (amd64 || arm64) && !race

package app

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"testing"

	"fullbore/app/config"
)

// Of 1,000,000 requests in all, half of them on each engine, each for another path, with
// another query, agent and referer, nothing stays: the memory and the metrics are what
// they were after the first 50,000.
func TestAMillionPathsKeepMemoryAndMetricsBounded(t *testing.T) {
	for _, engine := range []string{config.EngineEpoll, config.EngineGoroutines} {
		s := serveFuzzed(t, engine, t.TempDir())
		c, err := net.DialUnix("unix", nil, s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		r, number := bufio.NewReaderSize(c, 64<<10), 0
		ask := func(requests int) {
			const batch = 100
			for range requests / batch {
				var raw []byte
				for range batch {
					number++
					raw = fmt.Appendf(raw, "GET /%d/nope-%d?q=%d HTTP/1.1\r\nHost: h%d\r\nUser-Agent: a%d\r\nReferer: http://r%d/\r\n\r\n", number%1000, number, number, number, number, number)
				}
				if _, err := c.Write(raw); err != nil {
					t.Fatal(err)
				}
				for range batch {
					skip(t, r)
				}
				_ = s.app.records.Flush()
				s.lines.take()
			}
		}
		ask(50_000)
		s.metricsNow(t) // which is counted itself
		memory, metrics := heap(), s.metricsNow(t)
		ask(450_000)
		if grown := heap() - memory; grown > 4<<20 {
			t.Errorf("%s: %d KiB more after 450,000 more paths", engine, grown>>10)
		}
		if now := s.metricsNow(t); now != metrics {
			t.Errorf("%s: %d lines of metrics, %d after the first paths", engine, now, metrics)
		}
	}
}

// skip reads an answer with a length.
func skip(t *testing.T, r *bufio.Reader) {
	t.Helper()
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 404 {
		t.Fatal(resp.Status, err)
	}
}

// metricsNow is how many lines of metrics the admin listener has.
func (s *fuzzed) metricsNow(t *testing.T) int {
	t.Helper()
	c, err := net.Dial("unix", s.app.admin.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	text, err := io.ReadAll(c)
	if err != nil || !bytes.HasPrefix(text, []byte("HTTP/1.1 200 ")) {
		t.Fatalf("%.200q, %v", text, err)
	}
	return bytes.Count(text, []byte("\n"))
}

// heap is what is in use, in bytes, when all that can go has gone.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // pools give up what they keep in two rounds
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
