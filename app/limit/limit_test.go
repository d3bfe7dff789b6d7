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

// serve serves app, with a record of each request in log and in tally, until stop.
func serve(t *testing.T, handle fiber.Handler) (addr string, log *bytes.Buffer, tally *limit.Tally, stop func()) {
	t.Helper()
	log, tally = &bytes.Buffer{}, &limit.Tally{}
	app := fiber.New(fiber.Config{DisableStartupMessage: true, ReduceMemoryUsage: true})
	app.Use(logger.New(logger.Config{Format: logger.FormatJSON, Fields: []string{"status", "rule"}, Output: log, Observer: observer{tally}}), handle)
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
	return ln.Addr().String(), log, tally, stop
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
