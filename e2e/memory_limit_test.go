//go:build unix

package e2e

import (
	"io"
	"sync"
	"testing"
)

// 100 downloads of 2 GiB at once in 64 MiB, with the kernel's cache of the file: all go on,
// and the server is not killed.
func TestHundredDownloadsIn64MiB(t *testing.T) {
	const downloads, each = 100, 8 << 20
	dir := t.TempDir()
	sparse(t, dir, "file", 2<<30)
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			s := startBy(t, memoryLimit(t, 64<<20), dir, "--engine", engine)
			var all sync.WaitGroup
			clients := make([]*client, downloads)
			for i := range clients {
				clients[i] = dial(t, s.addr, 64<<10)
				clients[i].send(t, getRequest("/file"))
			}
			for _, c := range clients {
				if status := c.header(t); status != "HTTP/1.1 200 OK" {
					t.Fatalf("answered %q", status)
				}
				all.Go(func() {
					if n, err := io.CopyN(io.Discard, c.r, each); err != nil {
						t.Errorf("received %d bytes, %v", n, err)
					}
				})
			}
			all.Wait()
			for _, c := range clients {
				_ = c.SetLinger(0)
				c.Close()
			}
			for _, r := range s.records(downloads) {
				if r.Outcome != "aborted" || r.Sent < each || r.Size != 2<<30 {
					t.Errorf("logged %+v", r)
				}
			}
			if code := s.stop(); code != 0 {
				t.Errorf("exit status %d", code)
			}
		})
	}
}
