package limit_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"fullbore/app/limit"
	"fullbore/logger"
)

// observer tallies, as the app does.
type observer struct{ *limit.Tally }

func (observer) Begin(*logger.Result)   {}
func (observer) Ready(*logger.Result)   {}
func (o observer) End(r *logger.Result) { o.Observe(r) }

// serve serves one handler, with a record of each request in log and in tally, until
// stop.
func serve(t *testing.T, handle fiber.Handler) (addr string, log *bytes.Buffer, tally *limit.Tally, stop func()) {
	t.Helper()
	log, tally = &bytes.Buffer{}, &limit.Tally{}
	addr, stop = serveApp(t, log, tally, handle)
	return addr, log, tally, stop
}

func serveApp(t *testing.T, log io.Writer, tally *limit.Tally, handlers ...fiber.Handler) (addr string, stop func()) {
	t.Helper()
	app := fiber.New(fiber.Config{DisableStartupMessage: true, ReduceMemoryUsage: true, WriteBufferSize: 1})
	app.Use(logger.New(logger.Config{Format: logger.FormatJSON, Fields: []string{"status", "rule"}, Output: log, Observer: observer{tally}}))
	for _, handle := range handlers {
		app.Use(handle)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- app.Listener(ln) }()
	stop = sync.OnceFunc(func() {
		http.DefaultClient.CloseIdleConnections()
		if err := app.Shutdown(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return ln.Addr().String(), stop
}

// ask is a GET, with a choice of formats.
func ask(t *testing.T, addr, accept string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http://"+addr+"/file", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// Whoever is refused is told by what, and when to come again, in the form that was
// asked for; record and count have the same.
func TestRefusalNamesTheRule(t *testing.T) {
	addr, log, tally, stop := serve(t, func(c *fiber.Ctx) error {
		return limit.Refuse(c, limit.ClientDownloads, fiber.StatusTooManyRequests, 1500*time.Millisecond)
	})
	began := time.Now()
	for _, accept := range []string{"application/problem+json", "text/html", "*/*"} {
		resp, body := ask(t, addr, accept)
		if resp.StatusCode != 429 || resp.Header.Get("Retry-After") != "2" || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", accept, resp.StatusCode, resp.Header)
		}
		if !strings.Contains(body, "as many downloads for your address as one may have at once") || !strings.Contains(body, "Try again in 2 seconds.") {
			t.Errorf("%s: %s", accept, body)
		}
		var problem struct {
			Title, Rule string
			Status      int
		}
		if accept == "application/problem+json" {
			if err := json.Unmarshal([]byte(body), &problem); err != nil || problem.Rule != "client-downloads" || problem.Status != 429 || problem.Title != "Too Many Requests" {
				t.Errorf("%v: %s", err, body)
			}
		}
	}
	stop()
	if want := strings.Repeat(`{"status":429,"rule":"client-downloads"}`+"\n", 3); log.String() != want {
		t.Errorf("logged\n%s", log)
	}
	for _, r := range tally.Refused() {
		if want := map[bool]int64{true: 3}[r.Rule == "client-downloads"]; r.N != want || (want > 0) != (r.Last != nil) {
			t.Errorf("%s has refused %d, the last at %v", r.Rule, r.N, r.Last)
		} else if r.Last != nil && r.Last.Before(began.Truncate(time.Millisecond)) {
			t.Errorf("the last one was at %v, before the test", r.Last)
		}
	}
}

// A time that nobody knows is not made up, and a name that is no rule's makes no series.
func TestRefusalWithoutTime(t *testing.T) {
	addr, _, tally, stop := serve(t, func(c *fiber.Ctx) error {
		return limit.Refuse(c, "nobody's", fiber.StatusServiceUnavailable, 0)
	})
	if resp, body := ask(t, addr, "*/*"); resp.StatusCode != 503 || resp.Header["Retry-After"] != nil || body != "503 Service Unavailable\n" {
		t.Errorf("%d %v %s", resp.StatusCode, resp.Header, body)
	}
	stop()
	for _, r := range tally.Refused() {
		if r.N != 0 {
			t.Errorf("%s has refused %d", r.Rule, r.N)
		}
	}
}

func TestTallyCountsWithoutAllocation(t *testing.T) {
	var tally limit.Tally
	result := &logger.Result{Rule: limit.Connections}
	if n := testing.AllocsPerRun(1000, func() { tally.Observe(result); tally.Count(limit.Memory) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// files answers as the files of a server do: GETs of /file are downloads, which last
// until release is closed.
func files(release chan struct{}) fiber.Handler {
	return func(c *fiber.Ctx) error {
		switch {
		case c.Path() == "/missing":
			return fiber.ErrNotFound
		case c.Path() == "/listing":
			c.Context().SetUserValue(logger.KindKey, "listing")
		default:
			c.Context().SetUserValue(logger.KindKey, "file")
			c.Set("ETag", `"x"`)
			if c.Get("If-None-Match") != "" {
				return c.SendStatus(fiber.StatusNotModified)
			}
			if c.Query("wait") != "" {
				return c.SendStream(&waiting{release: release}, 2)
			}
		}
		return c.SendString("ok")
	}
}

// waiting is a body of two bytes that come apart.
type waiting struct {
	release chan struct{}
	read    int
}

func (w *waiting) Read(p []byte) (int, error) {
	w.read++
	switch w.read {
	case 1:
	case 2:
		<-w.release
	default:
		return 0, io.EOF
	}
	return copy(p, "x"), nil
}

// limited serves files under caps.
func limited(t *testing.T, settings limit.Settings, release chan struct{}) (addr string, caps *limit.Caps, log *bytes.Buffer, stop func()) {
	t.Helper()
	caps = limit.New(settings)
	log = &bytes.Buffer{}
	addr, stop = serveApp(t, log, &caps.Tally, caps.Handle, files(release))
	return addr, caps, log, stop
}

func get(t *testing.T, method, url string, fields ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// A client has as many downloads as it may; what is none is answered all the same, and a
// place is free again when one is over.
func TestClientDownloads(t *testing.T) {
	release := make(chan struct{})
	addr, caps, log, stop := limited(t, limit.Settings{ClientDownloads: 2}, release)
	defer func() { close(release) }()
	url := "http://" + addr
	first, second := get(t, "GET", url+"/a?wait=1"), get(t, "GET", url+"/b?wait=1")
	if first.StatusCode != 200 || second.StatusCode != 200 {
		t.Fatalf("answered %d and %d", first.StatusCode, second.StatusCode)
	}
	third := get(t, "GET", url+"/c")
	if third.StatusCode != 429 || third.Header.Get("Retry-After") != "5" || third.Header.Get("ETag") != "" {
		t.Errorf("the third: %d %v", third.StatusCode, third.Header)
	}
	for _, other := range []struct {
		method, path, field string
		status              int
	}{{"HEAD", "/c", "A: b", 200}, {"GET", "/listing", "A: b", 200}, {"GET", "/missing", "A: b", 404}, {"GET", "/c", "If-None-Match: x", 304}} {
		if resp := get(t, other.method, url+other.path, other.field); resp.StatusCode != other.status {
			t.Errorf("%s %s is %d, want %d", other.method, other.path, resp.StatusCode, other.status)
		}
	}
	caps.Set(limit.Settings{ClientDownloads: 3}) // at once
	if resp := get(t, "GET", url+"/c"); resp.StatusCode != 200 {
		t.Errorf("after the change: %d", resp.StatusCode)
	}
	caps.Set(limit.Settings{Downloads: 1})
	if resp := get(t, "GET", url+"/c"); resp.StatusCode != 503 {
		t.Errorf("above the limit of all: %d", resp.StatusCode)
	}
	caps.Set(limit.Settings{ClientDownloads: 2})
	release <- struct{}{}
	release <- struct{}{}
	for _, resp := range []*http.Response{first, second} {
		if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "xx" {
			t.Errorf("%q %v", body, err)
		}
	}
	for deadline := time.Now().Add(30 * time.Second); get(t, "GET", url+"/c").StatusCode != 200; {
		if time.Now().After(deadline) {
			t.Fatal("no place is free again")
		}
	}
	stop()
	if refused := strings.Count(log.String(), `"rule":"client-downloads"`); refused < 1 || !strings.Contains(log.String(), `{"status":503,"rule":"downloads"}`) {
		t.Errorf("logged\n%s", log)
	}
}

// Requests that come too often are told when to come, whatever they ask for.
func TestClientRequests(t *testing.T) {
	addr, caps, log, stop := limited(t, limit.Settings{Requests: limit.Rate{N: 1, Per: time.Hour, Burst: 3}}, nil)
	url := "http://" + addr
	for _, want := range []int{200, 404, 200, 429, 429} {
		path := map[int]string{200: "/a", 404: "/missing", 429: "/listing"}[want]
		resp := get(t, "GET", url+path)
		if resp.StatusCode != want {
			t.Errorf("%s is %d, want %d", path, resp.StatusCode, want)
		}
		if after := resp.Header.Get("Retry-After"); (want == 429) != (after == "3600") {
			t.Errorf("%d says to retry after %q", want, after)
		}
	}
	caps.Set(limit.Settings{})
	if resp := get(t, "GET", url+"/a"); resp.StatusCode != 200 {
		t.Errorf("without the limit: %d", resp.StatusCode)
	}
	stop()
	if n := strings.Count(log.String(), `{"status":429,"rule":"client-requests"}`); n != 2 {
		t.Errorf("%d in\n%s", n, log)
	}
}
