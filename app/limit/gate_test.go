package limit

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"fullbore/app/wire"
)

// enter is what a listener does for a connection.
func enter(g *Gate, addr string) (share wire.Share, refusal []byte) {
	if refusal = g.Enter(-1); refusal != nil {
		return nil, refusal
	}
	if share, refusal = g.Count(netip.MustParseAddr(addr)); refusal != nil {
		g.Leave()
	}
	return share, refusal
}

func ruleIn(t *testing.T, refusal []byte) string {
	t.Helper()
	if refusal == nil {
		return ""
	}
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(refusal)), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || int64(len(body)) != resp.ContentLength || !resp.Close || resp.Header.Get("Retry-After") != "5" || resp.Header.Get("Date") == "" {
		t.Errorf("%v: %+v", err, resp)
	}
	_, rule, _ := strings.Cut(string(body), `"rule":"`)
	rule, _, _ = strings.Cut(rule, `"`)
	return rule
}

// Connections are counted in all and for each client, but for those of trusted proxies;
// and what was refused takes no place.
func TestGate(t *testing.T) {
	caps := New(Settings{Connections: 5, ClientConnections: 2})
	proxy := netip.MustParseAddr("10.0.0.1")
	g := caps.Gate(func(addr netip.Addr) bool { return addr == proxy })
	var last wire.Share
	for _, c := range []struct{ addr, rule string }{
		{"192.0.2.1", ""},
		{"192.0.2.1", ""},
		{"192.0.2.1", ClientConnections},
		{"192.0.2.1", ClientConnections},
		{"10.0.0.1", ""},
		{"10.0.0.1", ""},
		{"2001:db8::1", ""},
		{"2001:db8::2", Connections},
	} {
		share, refusal := enter(g, c.addr)
		if rule := ruleIn(t, refusal); rule != c.rule {
			t.Errorf("%s is refused by %q, want %q", c.addr, rule, c.rule)
		}
		if share != nil {
			last = share
		}
	}
	report := map[string]Refused{}
	for _, r := range caps.Report() {
		report[r.Rule] = r
	}
	if r := report[Connections]; r.N != 1 || r.Now != 5 || r.Most != 5 {
		t.Errorf("in all: %+v", r)
	}
	if r := report[ClientConnections]; r.N != 2 || r.Now != 2 || r.Most != 2 || r.Client != "192.0.2.1" {
		t.Errorf("of one client: %+v", r)
	}
	last.Leave()
	g.Leave()
	if _, refusal := enter(g, "2001:db8::2"); refusal != nil {
		t.Errorf("refused though one has left: %s", refusal)
	}
	caps.Set(Settings{})
	if _, refusal := enter(g, "192.0.2.1"); refusal != nil {
		t.Errorf("refused without limits: %s", refusal)
	}
}

// A million clients that come and go leave nothing behind, and no more than a limit are
// in at once however many come together.
func TestGateForgets(t *testing.T) {
	caps := New(Settings{ClientConnections: 1})
	g := caps.Gate(func(netip.Addr) bool { return false })
	before := inUse()
	for n := range uint32(1_000_000) {
		share, refusal := g.Count(addrOf(n))
		if refusal != nil {
			t.Fatal("refused")
		}
		share.Leave()
	}
	grown := int64(inUse()) - int64(before)
	t.Logf("grew by %d bytes", grown)
	if grown > 256<<10 {
		t.Errorf("grew by %d bytes", grown)
	}
	if _, n := g.clients.use(); n != 0 {
		t.Errorf("somebody has %d", n)
	}
	caps.Set(Settings{Connections: 10})
	var together sync.WaitGroup
	var mu sync.Mutex
	entered := 0
	for range 100 {
		together.Go(func() {
			if g.Enter(-1) == nil {
				mu.Lock()
				entered++
				mu.Unlock()
			}
		})
	}
	together.Wait()
	if entered != 10 || g.open.Load() != 10 {
		t.Errorf("%d entered, %d are counted", entered, g.open.Load())
	}
}
