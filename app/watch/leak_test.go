package watch

// Real leaks in a real server: they must be found, named and told of, and the
// same server without them must not be accused under the same load.

import (
	"bufio"
	"encoding/json"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"fullbore/app/wire"
)

// leaky is a server on the real stack with handlers that leak if they are told
// to.
type leaky struct {
	ln    *wire.Listener
	leaks bool

	mu     sync.Mutex
	memory [][]byte         // what leakOfMemory leaks
	pipes  []*io.PipeReader // to end what leakOfGoroutines leaks
}

const answerSize = 64 << 10

//go:noinline
func (l *leaky) leakOfMemory() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.memory = append(l.memory, make([]byte, 16<<10))
}

func (l *leaky) free() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.memory = nil
	for _, pipe := range l.pipes {
		_ = pipe.Close()
	}
	l.pipes = nil
}

// leakOfGoroutines is what is behind a body: when nobody reads it any more, nor
// closes it, it waits forever.
func leakOfGoroutines(w *io.PipeWriter) {
	chunk := make([]byte, 32<<10)
	for {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// unclosable is a body that hides that it should be closed: the bug.
type unclosable struct{ io.Reader }

func serveLeaky(t *testing.T, leaks bool) *leaky {
	t.Helper()
	l := &leaky{leaks: leaks}
	app := fiber.New(fiber.Config{DisableStartupMessage: true, ReduceMemoryUsage: true})
	answer := make([]byte, answerSize)
	app.Get("/memory", func(c *fiber.Ctx) error {
		if l.leaks {
			l.leakOfMemory()
		}
		return c.Send(answer)
	})
	app.Get("/goroutine", func(c *fiber.Ctx) error {
		r, w := io.Pipe()
		go leakOfGoroutines(w)
		var body io.Reader = r
		if l.leaks {
			body = unclosable{r}
			l.mu.Lock()
			l.pipes = append(l.pipes, r)
			l.mu.Unlock()
		}
		return c.SendStream(body, 1<<30)
	})
	var err error
	if l.ln, err = wire.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- app.Listener(l.ln) }()
	t.Cleanup(func() {
		l.ln.Cut(net.ErrClosed)
		_ = app.Shutdown()
		_ = l.ln.Close()
		<-served
		l.ln.WaitClosed(patience)
		l.free()
	})
	return l
}

// download asks for path again and again until told to stop.
func (l *leaky) download(t *testing.T, path string, stop *atomic.Bool, requests *atomic.Int64) {
	conn, err := net.Dial("tcp", l.ln.Addr().String())
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	for !stop.Load() {
		_, _ = io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: test\r\n\r\n")
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		if n, _ := io.Copy(io.Discard, resp.Body); n != answerSize {
			t.Errorf("%d bytes", n)
			return
		}
		requests.Add(1)
	}
}

// abort begins downloads and goes away.
func (l *leaky) abort(t *testing.T, path string, stop *atomic.Bool, requests *atomic.Int64) {
	for !stop.Load() {
		conn, err := net.Dial("tcp", l.ln.Addr().String())
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: test\r\n\r\n")
		if _, err := io.CopyN(io.Discard, conn, answerSize); err != nil {
			t.Error(err)
		}
		_ = conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
		requests.Add(1)
	}
}

// load runs four clients until done says so, and counts what they did.
func (l *leaky) load(t *testing.T, client func(*testing.T, string, *atomic.Bool, *atomic.Int64), path string,
	done func(requests int64) bool,
) int64 {
	t.Helper()
	var stop atomic.Bool
	var requests atomic.Int64
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() { client(t, path, &stop, &requests) })
	}
	clients.Go(func() { // at least; on a server of files it is every two minutes
		for !stop.Load() {
			runtime.GC()
			time.Sleep(10 * time.Millisecond)
		}
	})
	defer clients.Wait()
	defer stop.Store(true)
	until(t, "the end of the load", func() bool { return t.Failed() || done(requests.Load()) })
	return requests.Load()
}

// watchLeaky runs a Watch on the server.
func watchLeaky(t *testing.T, l *leaky, edit func(*Config)) *watched {
	return run(t, func(c *Config) {
		c.BytesServed = func() int64 { written, _ := l.ln.Bytes(); return written }
		c.Connections, c.Peak = l.ln.Open, l.ln.Peak
		edit(c)
	}, nil)
}

// full reports whether the rule has judged a whole window, and then some.
func (w *watched) full(rule Rule) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, g := range w.growth[rule] {
		if g.seen < warmUp+2*window {
			return false
		}
	}
	return true
}

// hooks is a receiver of alarms.
func hooks(t *testing.T) (url string, got chan alarm) {
	t.Helper()
	got = make(chan alarm, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var a alarm
		if err := json.NewDecoder(r.Body).Decode(&a); err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %v: %v", r.Method, r.Header, err)
		}
		got <- a
	}))
	t.Cleanup(server.Close)
	return server.URL, got
}

// pprofTop is what go tool pprof says about a profile.
func pprofTop(t *testing.T, profile string) string {
	t.Helper()
	tool, err := exec.LookPath("go")
	if err != nil {
		if os.Getenv("FULLBORE_REQUIRE_TOOLS") == "1" {
			t.Fatal("go is not installed")
		}
		t.Skip("go is not installed")
	}
	cmd := exec.Command(tool, "tool", "pprof", "-top", "-cum", "-nodecount=40", profile)
	cmd.Env = append(os.Environ(), "PPROF_TMPDIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// leakCase is a leak, how it is reached, and how it must be found.
type leakCase struct {
	rule     Rule
	path     string
	client   func(*leaky, *testing.T, string, *atomic.Bool, *atomic.Int64)
	profile  string
	function string
}

var leakCases = []leakCase{
	{ruleMemoryGrowth, "/memory", (*leaky).download, "heap.pb.gz", "leakOfMemory"},
	{ruleGoroutineGrowth, "/goroutine", (*leaky).abort, "goroutine.pb.gz", "leakOfGoroutines"},
}

func TestLeakIsFoundAndNamed(t *testing.T) {
	for _, c := range leakCases {
		t.Run(string(c.rule), func(t *testing.T) {
			l := serveLeaky(t, true)
			hook, got := hooks(t)
			state := t.TempDir()
			w := watchLeaky(t, l, func(cfg *Config) {
				cfg.StateDir, cfg.Settings.Webhook, cfg.Settings.Memory = state, hook, math.MaxInt64
			})
			client := func(t *testing.T, path string, stop *atomic.Bool, n *atomic.Int64) {
				c.client(l, t, path, stop, n)
			}
			n := l.load(t, client, c.path, func(int64) bool { return w.Alarms(c.rule) > 0 && w.Captures() > 0 })
			t.Logf("found after %d requests", n)
			checkTold(t, w, c, state)
			posted := <-got
			for posted.Rule != c.rule {
				posted = <-got
			}
			if posted.State != stateRaised || posted.Event != "alarm" || posted.Growth == nil || len(posted.Growth.Points) != window || posted.Reason == "" {
				t.Errorf("posted %+v", posted)
			}

			if raceEnabled { // the detector's own memory stays
				return
			}
			l.free()
			until(t, "the end of the alarm", func() bool {
				debug.FreeOSMemory()
				score, _ := w.Health()
				return score == 100
			})
		})
	}
}

// checkTold looks at the event, the health and the capture.
func checkTold(t *testing.T, w *watched, c leakCase, state string) {
	t.Helper()
	if score, reasons := w.Health(); score > 70 || len(reasons) == 0 {
		t.Errorf("health %d, %q", score, reasons)
	}
	var where string
	for _, e := range w.events.of(t, "alarm") {
		t.Logf("%s: %s", e.State, e.Reason)
		if e.Rule == string(c.rule) {
			where = e.Where
		}
	}
	if filepath.Dir(where) != filepath.Join(state, "profiles") || !strings.HasSuffix(where, "Z-"+string(c.rule)) {
		t.Fatalf("the event says %q; all: %s", where, w.events)
	}
	until(t, "the capture", func() bool { _, err := os.Stat(where); return err == nil })
	for name, mode := range map[string]os.FileMode{
		"": 0o700 | os.ModeDir, "heap.pb.gz": 0o600, "goroutine.pb.gz": 0o600, "alarm.json": 0o600,
	} {
		info, err := os.Stat(filepath.Join(where, name))
		if err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v, want mode %v", name, info, err, mode)
		}
	}
	if top := pprofTop(t, filepath.Join(where, c.profile)); !strings.Contains(top, c.function) {
		t.Errorf("%s does not name %s:\n%s", c.profile, c.function, top)
	}
	var said struct {
		alarm
		Samples []Sample
	}
	text, err := os.ReadFile(filepath.Join(where, "alarm.json"))
	if err == nil {
		err = json.Unmarshal(text, &said)
	}
	if err != nil || said.Rule != c.rule || len(said.Samples) < window || said.Growth == nil {
		t.Errorf("alarm.json: %v, %s", err, text)
	}
}

func TestServerThatDoesNotLeakIsNotAccused(t *testing.T) {
	for _, c := range leakCases {
		t.Run(string(c.rule), func(t *testing.T) {
			l := serveLeaky(t, false)
			w := watchLeaky(t, l, func(cfg *Config) { cfg.Settings.Memory = math.MaxInt64 })
			client := func(t *testing.T, path string, stop *atomic.Bool, n *atomic.Int64) {
				c.client(l, t, path, stop, n)
			}
			n := l.load(t, client, c.path, func(n int64) bool { return n > 1200 && w.full(c.rule) })
			t.Logf("%d requests", n)
			for _, rule := range Rules {
				if rule == ruleGC || (rule == ruleMemoryGrowth && raceEnabled) {
					continue // the load collects all the time, and the race detector takes memory
				}
				if n := w.Alarms(rule); n > 0 {
					t.Errorf("%d alarms %s: %s", n, rule, w.events)
				}
			}
		})
	}
}
