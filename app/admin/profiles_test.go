package admin

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// until waits for a condition; no test depends on how soon it is met.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// begin asks for a path and gives the answer when its header has come. leave
// closes the connection.
func begin(t *testing.T, addr, path string) (_ *http.Response, leave func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	leave = func() { cancel(); _ = resp.Body.Close() }
	t.Cleanup(leave)
	return resp, leave
}

// A page of another site must not make the server profile itself.
func TestProfilesAreNotForOtherSites(t *testing.T) {
	addr := serve(t, Config{})
	for _, path := range []string{"", "/", "/profile?seconds=60", "/trace?seconds=60", "/heap", "/goroutine?debug=2", "/allocs", "/nothing"} {
		for _, fields := range [][]string{
			{"Sec-Fetch-Site: cross-site"}, {"Sec-Fetch-Site: same-site"}, {"Origin: http://evil.example"}, {"Origin: null"},
		} {
			if got := ask(t, addr, "GET", "/debug/pprof"+path, fields...); got.StatusCode != 403 || strings.Count(got.body, "\n") != 1 {
				t.Errorf("%s, %s: %d %q", path, fields, got.StatusCode, got.body)
			}
		}
	}
	for _, site := range []string{"same-origin", "none"} {
		if got := ask(t, addr, "GET", "/debug/pprof/profile?seconds=0.01", "Sec-Fetch-Site: "+site); got.StatusCode != 200 {
			t.Errorf("%s: %d %q", site, got.StatusCode, got.body)
		}
	}
}

func TestProfilesSayWhatTheyWant(t *testing.T) {
	addr := serve(t, Config{})
	for _, path := range []string{"profile", "trace"} {
		for _, seconds := range []string{"61", "300", "0", "-1", "x", "NaN", "Inf", "1e300", "1h"} {
			got := ask(t, addr, "GET", "/debug/pprof/"+path+"?seconds="+seconds)
			if got.StatusCode != 400 || got.body != "400 Bad Request: seconds: want more than 0, and at most 60.\n" || got.Header.Get("X-Go-Pprof") == "" {
				t.Errorf("%s of %s seconds: %d %q", path, seconds, got.StatusCode, got.body)
			}
		}
	}
	if got := ask(t, addr, "GET", "/debug/pprof/heap?seconds=5"); got.StatusCode != 400 || !strings.Contains(got.body, "diff_base") {
		t.Errorf("heap over time: %d %q", got.StatusCode, got.body)
	}
	for path, want := range map[string]string{
		"heap?debug=1": "heap profile:", "goroutine?debug=1": "goroutine profile:", "goroutine?debug=2": "goroutine ",
		"threadcreate?debug=1": "threadcreate profile:", "block?debug=1": "--- contention", "mutex?debug=1": "--- mutex", "heap?debug=1&gc=1": "heap profile:",
		"?format=json": `{"profiles":["/debug/pprof/profile`,
	} {
		if got := ask(t, addr, "GET", "/debug/pprof/"+path); got.StatusCode != 200 || !strings.HasPrefix(got.body, want) {
			t.Errorf("%s: %d %.100q", path, got.StatusCode, got.body)
		}
	}
	for _, path := range []string{"cmdline", "symbol", "nothing"} { // a command line may hold secrets
		if got := ask(t, addr, "GET", "/debug/pprof/"+path); got.StatusCode != 404 {
			t.Errorf("%s: %d %q", path, got.StatusCode, got.body)
		}
	}
	for _, path := range []string{"profile?seconds=60", "trace?seconds=60", "heap", "goroutine?debug=2"} {
		if got := ask(t, addr, "HEAD", "/debug/pprof/"+path); got.StatusCode != 200 {
			t.Errorf("HEAD %s: %d", path, got.StatusCode)
		}
	}
}

// There is one at a time, and it ends when its client goes.
func TestProfilesEndWithTheirClients(t *testing.T) {
	addr := serve(t, Config{})
	for _, name := range []string{"profile", "trace"} {
		path := "/debug/pprof/" + name
		resp, leave := begin(t, addr, path+"?seconds=60")
		if resp.StatusCode != 200 {
			t.Fatalf("%s: %d", name, resp.StatusCode)
		}
		if got := ask(t, addr, "GET", path+"?seconds=0.01"); got.StatusCode != 409 || !strings.Contains(got.body, "one at a time") || strings.Count(got.body, "\n") != 1 {
			t.Errorf("a second %s: %d %q", name, got.StatusCode, got.body)
		}
		leave()
		until(t, "the end of the "+name, func() bool {
			return ask(t, addr, "GET", path+"?seconds=0.01").StatusCode == 200
		})
	}
}

// The runtime would keep a trace that its client does not take.
func TestTraceOfASlowClientIsBrokenOff(t *testing.T) {
	addr := serve(t, Config{})
	resp, _ := begin(t, addr, "/debug/pprof/trace?seconds=60")
	if resp.StatusCode != 200 {
		t.Fatal(resp.StatusCode)
	}
	// Something to trace: goroutines that wake each other.
	stop := make(chan struct{})
	var busy sync.WaitGroup
	for range 4 {
		ping := make(chan struct{})
		busy.Go(func() {
			defer close(ping)
			for {
				select {
				case <-stop:
					return
				case ping <- struct{}{}:
				}
			}
		})
		busy.Go(func() {
			for range ping {
			}
		})
	}
	until(t, "the end of the trace", func() bool {
		return ask(t, addr, "GET", "/debug/pprof/trace?seconds=0.01").StatusCode == 200
	})
	close(stop)
	busy.Wait()
	if n, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Errorf("the trace looks whole, with %d bytes", n)
	}
}

func TestQueueIsBounded(t *testing.T) {
	ended := 0
	q := newQueue(func() { ended++ })
	part := make([]byte, 64<<10)
	for range queueLimit / len(part) {
		if _, err := q.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := q.Read(make([]byte, 10)); n != 10 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := q.Write(part); n != 0 || !errors.Is(err, errBehind) || q.buffer.Cap() != 0 {
		t.Errorf("%d, %v; %d bytes are kept", n, err, q.buffer.Cap())
	}
	if ended == 0 {
		t.Error("nobody was told of the end")
	}
	if _, err := q.Read(part); !errors.Is(err, errBehind) {
		t.Errorf("%v", err)
	}
	q = newQueue(func() {})
	for _, text := range []string{"ab", "c"} {
		if _, err := io.WriteString(q, text); err != nil {
			t.Fatal(err)
		}
	}
	q.end(io.EOF)
	if all, err := io.ReadAll(q); string(all) != "abc" || err != nil {
		t.Errorf("%q, %v", all, err)
	}
	q.end(io.ErrClosedPipe)
	if _, err := q.Write(part); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("%v", err)
	}
}
