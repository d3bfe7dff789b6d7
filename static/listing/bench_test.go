package listing

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func BenchmarkListing1k(b *testing.B) { benchmarkListing(b, 1000, "/") }
func BenchmarkListing100k(b *testing.B) {
	benchmarkListing(b, 100_000, "/", "/?format=index", "/?page=50", "/?sort=size", "/?filter=77")
}

func BenchmarkListing1M(b *testing.B) {
	benchmarkListing(b, 1_000_000, "/", "/?format=index", "/?page=500", "/?page=1000", "/?filter=77777")
}

// benchmarkListing asks a real server for HTML pages of a real folder, and
// meanwhile, every 5 ms, for a small folder beside it. Run it with -cpu 1.
func benchmarkListing(b *testing.B, names int, queries ...string) {
	root := b.TempDir()
	dir := filepath.Join(root, "large")
	if err := os.Mkdir(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	for i := range names {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("file-%011d.dat", i)))
		if err != nil {
			b.Fatal(err)
		}
		f.Close()
	}
	write(b, root, "small/file", "")
	addr := serveFolder(b, root, "/")
	for _, query := range queries {
		b.Run(strings.ReplaceAll(query, "?", ""), func(b *testing.B) {
			b.ReportAllocs()
			stop, stopped := make(chan struct{}), make(chan []time.Duration)
			go func() { stopped <- besides(b, addr, stop) }()
			forgetPeak()
			var first []time.Duration
			for b.Loop() {
				first = append(first, firstByte(b, addr, "/large"+query))
			}
			close(stop)
			small := <-stopped
			slices.Sort(first)
			slices.Sort(small)
			b.ReportMetric(ms(first[len(first)/2]), "ms-first-byte")
			b.ReportMetric(ms(small[len(small)/2]), "ms-small-p50")
			b.ReportMetric(ms(small[len(small)*99/100]), "ms-small-p99")
			b.ReportMetric(peakMB(), "MB-peak-RSS")
		})
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// firstByte is how long the first byte of a response takes. It reads all.
func firstByte(b *testing.B, addr, path string) time.Duration {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Error(err)
		return 0
	}
	defer conn.Close()
	start := time.Now()
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\nConnection: close\r\n\r\n", path)
	r := bufio.NewReader(conn)
	line, err := r.ReadString('\n')
	took := time.Since(start)
	if err != nil || !strings.Contains(line, " 200 ") {
		b.Errorf("%s: %s (%v)", path, line, err)
	}
	if _, err := r.WriteTo(io.Discard); err != nil {
		b.Error(err)
	}
	return took
}

// besides asks for a small folder until it is stopped.
func besides(b *testing.B, addr string, stop chan struct{}) []time.Duration {
	var took []time.Duration
	for {
		took = append(took, firstByte(b, addr, "/small/"))
		select {
		case <-stop:
			return took
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// forgetPeak and peakMB are about the peak of the resident set (proc(5)). They
// do nothing and 0 where there is none.
func forgetPeak() { _ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

func peakMB() float64 {
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	var kB float64
	fmt.Sscan(rest, &kB)
	return kB / 1024
}

// BenchmarkRow is one row of a page.
func BenchmarkRow(b *testing.B) {
	r := row{name: "debian-12.9.0-amd64-netinst.iso", size: 663_748_608, modified: time.Unix(1_700_000_000, 0).UTC()}
	for name, appendRow := range map[string]func([]byte, row, int) []byte{"html": appendHTML, "json": appendEntry} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var dst []byte
			for b.Loop() {
				dst = appendRow(dst[:0], r, 1)
			}
		})
	}
}
