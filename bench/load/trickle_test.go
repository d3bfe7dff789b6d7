//go:build linux

package load

// This file asks who reads how much: of a trickle, and of a loop that says so.

import (
	"context"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"
)

func TestTrickleTakesPiecesOfItsRate(t *testing.T) {
	address := filesOf(t, 1<<30)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	pieces := 0
	trickle := Trickle{
		Address: address, Source: netip.MustParseAddr("127.0.0.9"), Rate: 1_000_000, Want: Answer{200, 1 << 30},
		Request: "GET /1073741824 HTTP/1.1\r\nHost: x\r\n\r\n",
		Arrived: func(bytes int64) {
			if most := int64(1_000_000 * trickleTick / time.Second); bytes > most {
				t.Errorf("%d bytes at once, want %d at most", bytes, most)
			}
			if pieces++; pieces == 10 {
				cancel()
			}
		},
	}
	if err := trickle.Run(ctx); err != nil || pieces < 10 {
		t.Errorf("%d pieces, %v; want 10 and no error", pieces, err)
	}
}

func TestTrickleThatIsCutSaysSo(t *testing.T) {
	address := addressOf(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100000")
		_, _ = w.Write(make([]byte, 5000)) // the server closes what is too short
	}))
	trickle := Trickle{
		Address: address, Rate: 1 << 20, Want: Answer{200, 100_000},
		Request: "GET / HTTP/1.1\r\nHost: x\r\n\r\n", Arrived: func(int64) {},
	}
	if err := trickle.Run(t.Context()); err == nil {
		t.Error("no error though the server hung up")
	}
}

func TestLoopTellsWhatArrivesAndWhereItComesFrom(t *testing.T) {
	var mu sync.Mutex
	clients := map[string]int{}
	const size = 100_000
	address := addressOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer := netip.MustParseAddrPort(r.RemoteAddr)
		mu.Lock()
		clients[peer.Addr().String()]++
		mu.Unlock()
		w.Header().Set("Content-Length", "100000")
		_, _ = w.Write(make([]byte, size))
	}))
	arrived := map[int]int64{}
	loop := Loop{
		Address: address, Connections: 3, Requests: 9, Next: Same(address, "/", Answer{200, size}),
		Source:  func(i int) netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 3, byte(1 + i)}) },
		Arrived: func(connection int, bytes int64) { arrived[connection] += bytes },
	}
	result, err := loop.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const headers = 9 * 1000 // at most
	if all := arrived[0] + arrived[1] + arrived[2]; result.Bytes != 9*size || all <= result.Bytes || all > result.Bytes+headers {
		t.Errorf("told of %v, want the %d bytes of the result and their headers", arrived, result.Bytes)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(clients) != 3 || clients["127.0.3.1"] == 0 || clients["127.0.3.3"] == 0 {
		t.Errorf("the server saw %v, want three clients from 127.0.3.1 on", clients)
	}
}
