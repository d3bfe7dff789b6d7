package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

// cutters are proxies of Toxiproxy's that end each connection somewhere: after a number of
// bytes, or by a reset after a time. It gives their addresses.
func cutters(t *testing.T, upstream string, n int, most int64) (addrs []string) {
	t.Helper()
	api := freePorts(t, 1)[0]
	_, port, err := net.SplitHostPort(api)
	if err != nil {
		t.Fatal(err)
	}
	launch(t, asIs, needTool(t, "toxiproxy-server"), "-host", "127.0.0.1", "-port", port)
	post := func(path string, what any) (answer map[string]any) {
		body, err := json.Marshal(what)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.Post("http://"+api+path, "application/json", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || resp.StatusCode/100 != 2 {
			t.Fatalf("%s: %s, %v, %v", path, resp.Status, answer, err)
		}
		return answer
	}
	waitUntil(t, "toxiproxy is there", func() bool {
		resp, err := http.Get("http://" + api + "/version")
		if err == nil {
			resp.Body.Close()
		}
		return err == nil
	})
	for i := range n {
		name := fmt.Sprint("p", i)
		proxy := post("/proxies", map[string]any{"name": name, "listen": "127.0.0.1:0", "upstream": upstream, "enabled": true})
		kind, attributes := "limit_data", map[string]any{"bytes": rand.Int64N(most)}
		if i%4 == 3 {
			kind, attributes = "reset_peer", map[string]any{"timeout": rand.IntN(30)}
		}
		post("/proxies/"+name+"/toxics", map[string]any{"type": kind, "stream": "downstream", "attributes": attributes})
		addrs = append(addrs, proxy["listen"].(string))
	}
	return addrs
}

// arrived is what a client has got of one download.
type arrived struct {
	bytes int64
	whole bool
	begun bool // the header came
}

// Connections that end anywhere: the server does not mind, and each record has at least
// what arrived, at most what there is, and says of what was cut that it was.
func TestDownloadsThatAreCutAnywhere(t *testing.T) {
	const downloads = 10_000
	sizes := map[string]int64{"/small": 256 << 10, "/large": 4 << 20}
	dir := t.TempDir()
	for name, size := range sizes {
		sparse(t, dir, name, size)
	}
	s := start(t, dir)
	addrs := cutters(t, s.addr, 32, sizes["/large"])
	got := make([]arrived, downloads)
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	path := func(i int) string {
		if i%4 == 0 {
			return "/large"
		}
		return "/small"
	}
	var next atomic.Int64
	var resident float64 // when a tenth is over
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < downloads; i = int(next.Add(1)) - 1 {
				if i == downloads/10 {
					resident = s.scrape()["process_resident_memory_bytes"]
				}
				resp, err := client.Get(fmt.Sprintf("http://%s%s?%d", addrs[rand.IntN(len(addrs))], path(i), i))
				if err != nil {
					continue
				}
				n, err := io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				got[i] = arrived{n, err == nil, true}
			}
		})
	}
	all.Wait()
	waitUntil(t, "all connections are over", func() bool {
		m := s.scrape()
		return m["fullbore_connections state=active"] == 0 && m["fullbore_active_transfers"] == 0
	})
	waitUntil(t, "memory is given back", func() bool {
		return s.scrape()["process_resident_memory_bytes"] <= 1.3*resident
	})
	if code := s.stop(); code != 0 {
		t.Errorf("exit status %d", code)
	}
	outcomes := map[string]int{}
	seen := map[int]bool{}
	for _, r := range s.records(0) {
		i, err := strconv.Atoi(r.Query)
		if err != nil || seen[i] {
			t.Fatalf("no request's, or another record of one: %+v", r)
		}
		seen[i] = true
		outcomes[r.Outcome]++
		size := sizes[r.Path]
		switch {
		case r.Path != path(i), r.Status != 200, r.Size != size:
			t.Errorf("%+v", r)
		case r.Sent < got[i].bytes, r.Sent > size:
			t.Errorf("%d bytes arrived: %+v", got[i].bytes, r)
		case (r.Outcome == "complete") != (r.Sent == size), (r.Outcome == "complete") != (r.Error == ""):
			t.Errorf("%+v", r)
		case r.Outcome != "complete" && r.Outcome != "aborted":
			t.Errorf("%+v", r)
		}
	}
	cut := 0
	for i, a := range got {
		if a.begun && !seen[i] {
			t.Errorf("download %d has no record", i)
		}
		if !a.whole {
			cut++
		}
	}
	if cut == 0 || outcomes["aborted"] == 0 || outcomes["complete"] == 0 {
		t.Errorf("%d were cut; %v", cut, outcomes)
	}
	t.Logf("%d downloads, %d cut on their way; records %v; resident memory %.1f MB after a tenth", downloads, cut, outcomes, resident/1e6)
}
