//go:build linux && (amd64 || arm64) && !race

package app

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"fullbore/app/config"
	"fullbore/app/deadline"
	"fullbore/app/limit"
)

// Everything together: what any part allocates, each request pays for twice, since a
// collector that runs takes the caches, too. Behind a trusted proxy as well, and under caps.
func TestHotFileDoesNotAllocate(t *testing.T) {
	for name, test := range map[string]struct {
		trusted []string
		fields  string
		limits  limit.Settings
	}{
		"direct": {},
		"capped": {limits: limit.Settings{
			Connections: 100, ClientConnections: 100, Downloads: 100, ClientDownloads: 100,
			Requests: limit.Rate{N: 1_000_000, Per: time.Second}, Queue: limit.Line{N: 100},
		}},
		"not trusted": {trusted: []string{"192.0.2.0/24"}, fields: "X-Forwarded-For: 198.51.100.1\r\n"},
		"proxied":     {trusted: []string{"127.0.0.0/8", "10.0.0.0/8"}, fields: "X-Forwarded-For: 198.51.100.1, 2001:db8::1, 10.0.0.1\r\nX-Forwarded-Proto: https\r\n"},
		"forwarded":   {trusted: []string{"127.0.0.0/8"}, fields: "Forwarded: for=\"[2001:db8::1]:4711\";proto=https\r\n"},
	} {
		t.Run(name, func(t *testing.T) { hotFileDoesNotAllocate(t, test.trusted, test.fields, test.limits) })
	}
}

func hotFileDoesNotAllocate(t *testing.T, trusted []string, fields string, limits limit.Settings) {
	t.Helper()
	const name = "app.go" // of this package: old enough to be kept
	size := sizeOf(t, name)
	cfg := config.Config{
		Path: ".", Listen: []string{"127.0.0.1:0"}, AccessLog: filepath.Join(t.TempDir(), "log"), LogFormat: "json",
		HotCache: 1 << 20, Times: deadline.Default(), DrainTimeout: time.Minute, TrustedProxies: trusted, Limits: limits,
	}
	cfg.Operations.DownloadFrom = 1 << 20
	a, err := New(cfg, "test", &bytes.Buffer{}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- a.Run(ctx) }()
	defer func() { stop(); <-ended }()
	c, err := net.Dial("tcp", a.public.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	request, answer := []byte("GET /"+name+" HTTP/1.1\r\nHost: h\r\nUser-Agent: test\r\nAccept: */*\r\n"+fields+"\r\n"), make([]byte, 64<<10)
	get := func() {
		if _, err := c.Write(request); err != nil {
			t.Fatal(err)
		}
		for head, got := 0, 0; head == 0 || got < head+size; {
			n, err := c.Read(answer[got:])
			if err != nil {
				t.Fatal(err)
			}
			got += n
			head = bytes.Index(answer[:got], []byte("\r\n\r\n")) + len("\r\n\r\n")
		}
	}
	for range 3 {
		get()
	}
	if want := fmt.Sprintf("Content-Length: %d\r\n", size); !bytes.Contains(answer, []byte(want)) {
		t.Fatalf("answered %.300s", answer)
	}
	if n := testing.AllocsPerRun(1000, get); n >= 1 {
		t.Errorf("%v allocations a request", n)
	}
}

func sizeOf(t *testing.T, name string) int {
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Size())
}
