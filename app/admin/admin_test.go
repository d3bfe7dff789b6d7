package admin

// These tests ask the app over real sockets what an operator, a program and an
// attacker would ask. What is in flight is made by hand here; the real thing is
// in the end-to-end tests.

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"go.uber.org/goleak"

	"fullbore/app/health"
	"fullbore/app/limit"
	"fullbore/app/transfer"
	"fullbore/static/reply"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// Fiber's clock and fasthttp's date have no end.
		goleak.IgnoreAnyFunction("github.com/gofiber/fiber/v2/utils.StartTimeStampUpdater.func1.1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		// It ends within 10 s of its server.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
	)
}

// made is what is in flight, by hand.
type made struct {
	transfers []transfer.Transfer
	downloads []transfer.Download

	mu    sync.Mutex
	ended []uint64
}

func (m *made) Transfers() []transfer.Transfer {
	return append([]transfer.Transfer(nil), m.transfers...)
}

func (m *made) Downloads() []transfer.Download {
	return append([]transfer.Download(nil), m.downloads...)
}

func (m *made) Cut(id uint64, reason error) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.transfers {
		if t.ID == id && errors.Is(reason, errEnded) {
			m.ended = append(m.ended, id)
			return true
		}
	}
	return false
}

func (m *made) endedIDs() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return fmt.Sprint(m.ended)
}

// serve runs an admin app until the test ends and gives its address.
func serve(t *testing.T, cfg Config) string {
	t.Helper()
	if cfg.Transfers == nil {
		cfg.Transfers = &made{}
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	app := New(cfg)
	done := make(chan error, 1)
	go func() { done <- app.Listener(ln) }()
	addr := ln.Addr().String()
	if _, _, err := Ask(addr, "/livez", 30*time.Second); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		if err := errors.Join(app.Shutdown(), <-done); err != nil {
			t.Error(err)
		}
	})
	return addr
}

type answer struct {
	*http.Response
	body string
}

// ask sends a request with header fields "Name: value"; "Host: " is one, too.
func ask(t *testing.T, addr, method, path string, fields ...string) answer {
	t.Helper()
	req, err := http.NewRequest(method, "http://"+addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		if req.Header.Set(name, value); name == "Host" {
			req.Host = value
		}
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp, string(body)}
}

const (
	browser = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	program = "Accept: application/json"
)

// Names that other sites can have do not get in, so none of their pages does.
func TestHostsThatAreNotOursAreRefused(t *testing.T) {
	m := &made{transfers: []transfer.Transfer{{ID: 1}}}
	addr := serve(t, Config{Transfers: m, Hosts: func() []string { return []string{"Downloads.Example.com", "other.example."} }})
	for host, want := range map[string]int{
		addr: 200, "127.0.0.1": 200, "10.1.2.3:8081": 200, "[::1]:8081": 200, "[fe80::1]": 200,
		"localhost": 200, "LOCALHOST:8081": 200, "fullbore": 200, "fullbore:8081": 200,
		"downloads.example.com": 200, "DOWNLOADS.example.com:8081": 200, "downloads.example.com.": 200, "other.example:1": 200,
		"evil.example": 421, "evil.example:8081": 421, "127.0.0.1.evil.example": 421, "localhost.evil.example:8081": 421,
		"downloads.example.com.evil.example": 421, "x.downloads.example.com": 421, "127.0.0.1.": 200, "1.2.3.4.5": 421,
	} {
		for _, path := range []string{"/", "/livez", "/transfers", "/debug/pprof/", "/nothing"} {
			want := want
			if path == "/nothing" && want == 200 {
				want = 404
			}
			got := ask(t, addr, "GET", path, "Host: "+host, "X-Forwarded-Host: 127.0.0.1")
			if got.StatusCode != want {
				t.Errorf("Host %q, %s: %d, want %d", host, path, got.StatusCode, want)
			}
			if want == 421 && (strings.Count(got.body, "\n") != 1 || !strings.Contains(got.body, "admin-hosts") || got.Header.Get("Content-Type") != "text/plain; charset=utf-8") {
				t.Errorf("Host %q: %q", host, got.body)
			}
		}
	}
	got := ask(t, addr, "POST", "/transfers/1/end", "Host: evil.example", "Origin: http://evil.example", "Sec-Fetch-Site: same-origin")
	if got.StatusCode != 421 || m.endedIDs() != "[]" {
		t.Errorf("a page that came by another name ended a transfer: %d %s", got.StatusCode, m.endedIDs())
	}
}

func TestOnlyOurPagesEndTransfers(t *testing.T) {
	for _, test := range []struct {
		fields []string
		want   int
	}{
		{nil, 200},
		{[]string{"Sec-Fetch-Site: same-origin"}, 200},
		{[]string{"Sec-Fetch-Site: none"}, 200},
		{[]string{"Sec-Fetch-Site: cross-site"}, 403},
		{[]string{"Sec-Fetch-Site: same-site"}, 403},
		{[]string{"Sec-Fetch-Site: nonsense"}, 403},
		{[]string{"Sec-Fetch-Site: cross-site", "Origin: http://HOST"}, 403},
		{[]string{"Origin: http://HOST"}, 200},
		{[]string{"Origin: https://HOST"}, 200}, // a proxy in front speaks TLS
		{[]string{"Origin: http://evil.example"}, 403},
		{[]string{"Origin: http://HOST.evil.example"}, 403},
		{[]string{"Origin: http://127.0.0.1"}, 403}, // another port
		{[]string{"Origin: null"}, 403},
		{[]string{"Origin: http://"}, 403},
	} {
		m := &made{transfers: []transfer.Transfer{{ID: 7}}}
		addr := serve(t, Config{Transfers: m})
		fields := strings.Split(strings.ReplaceAll(strings.Join(test.fields, "\n"), "HOST", addr), "\n")
		if len(test.fields) == 0 {
			fields = nil
		}
		got := ask(t, addr, "POST", "/transfers/7/end", append(fields, program)...)
		if got.StatusCode != test.want || (m.endedIDs() == "[7]") != (test.want == 200) {
			t.Errorf("%q: %d %q, ended %s; want %d", fields, got.StatusCode, got.body, m.endedIDs(), test.want)
		}
	}
}

func TestEndAnswersInTheFormatAskedFor(t *testing.T) {
	m := &made{transfers: []transfer.Transfer{{ID: 7}}}
	addr := serve(t, Config{Transfers: m})
	if got := ask(t, addr, "POST", "/transfers/7/end", browser); got.StatusCode != 303 || got.Header.Get("Location") != "/transfers" {
		t.Errorf("a browser: %d %v", got.StatusCode, got.Header)
	}
	if got := ask(t, addr, "POST", "/transfers/7/end", "Accept: */*"); got.StatusCode != 200 || got.body != "ended 7\n" {
		t.Errorf("curl: %d %q", got.StatusCode, got.body)
	}
	if got := ask(t, addr, "POST", "/transfers/7/end", program); got.StatusCode != 200 || got.body != `{"ended":7}`+"\n" {
		t.Errorf("a program: %d %q", got.StatusCode, got.body)
	}
	for _, id := range []string{"8", "0", "-7", "x", "18446744073709551616", "7%2f", "+7"} {
		if got := ask(t, addr, "POST", "/transfers/"+id+"/end"); got.StatusCode != 404 || got.body != "404 Not Found: There is no such transfer; it may have ended.\n" {
			t.Errorf("%s: %d %q", id, got.StatusCode, got.body)
		}
	}
	if m.endedIDs() != "[7 7 7]" {
		t.Errorf("ended %s", m.endedIDs())
	}
}

// Whatever is asked with a safe method changes nothing, and what is not there
// is said in the format of the client.
func TestMethodsAndErrors(t *testing.T) {
	m := &made{transfers: []transfer.Transfer{{ID: 7}}}
	addr := serve(t, Config{Transfers: m, Metrics: func(c *fiber.Ctx) error { return c.SendString("metrics") }})
	for _, path := range []string{"/", "/livez", "/readyz", "/health", "/transfers", "/downloads", "/metrics", "/assets/live.js", "/favicon.ico"} {
		if got := ask(t, addr, "HEAD", path); got.StatusCode != 200 || got.body != "" {
			t.Errorf("HEAD %s: %d", path, got.StatusCode)
		}
		for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "PATCH"} {
			got := ask(t, addr, method, path)
			if got.StatusCode != 405 || !strings.Contains(got.Header.Get("Allow"), "GET") {
				t.Errorf("%s %s: %d, Allow %q", method, path, got.StatusCode, got.Header.Get("Allow"))
			}
		}
	}
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE"} {
		if got := ask(t, addr, method, "/transfers/7/end"); got.StatusCode != 405 || got.Header.Get("Allow") != "POST" {
			t.Errorf("%s of end: %d, Allow %q", method, got.StatusCode, got.Header.Get("Allow"))
		}
	}
	if m.endedIDs() != "[]" {
		t.Errorf("ended %s", m.endedIDs())
	}
	for _, path := range []string{"/nothing", "/Transfers", "/transfers/", "/assets/admin.html", "/assets/../admin.go", "/assets/%2e%2e%2fadmin.go", "/assets/layout.html", "/transfers/7", "/health/x"} {
		page, problem, text := ask(t, addr, "GET", path, browser), ask(t, addr, "GET", path, program), ask(t, addr, "GET", path)
		if page.StatusCode != 404 || !strings.Contains(page.body, "<h1>Not Found</h1>") || !strings.HasPrefix(page.Header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %d %s", path, page.StatusCode, page.body)
		}
		var p map[string]any
		if err := json.Unmarshal([]byte(problem.body), &p); err != nil || problem.StatusCode != 404 || p["status"] != 404.0 || problem.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", path, problem.StatusCode, problem.body)
		}
		if text.StatusCode != 404 || text.body != "404 Not Found: There is nothing here.\n" {
			t.Errorf("%s: %d %q", path, text.StatusCode, text.body)
		}
	}
	if got := ask(t, serve(t, Config{}), "GET", "/metrics"); got.StatusCode != 404 {
		t.Errorf("without metrics: %d", got.StatusCode)
	}
}

func TestEveryAnswerIsGuarded(t *testing.T) {
	addr := serve(t, Config{})
	for _, path := range []string{"/", "/livez", "/readyz", "/health", "/transfers", "/downloads", "/nothing", "/assets/live.js", "/favicon.ico", "/debug/pprof/", "/debug/pprof/heap"} {
		for _, accept := range []string{browser, program, "Accept: */*"} {
			got := ask(t, addr, "GET", path, accept)
			for name, want := range map[string]string{
				"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Content-Security-Policy": "frame-ancestors 'none'",
				"X-Frame-Options": "DENY", "Referrer-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
			} {
				if !strings.Contains(got.Header.Get(name), want) {
					t.Errorf("%s, %s: %s is %q", path, accept, name, got.Header.Get(name))
				}
			}
			if csp := got.Header.Get("Content-Security-Policy"); strings.Contains(csp, "unsafe") {
				t.Errorf("%s: %s", path, csp)
			}
			if got.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s: other origins may read it", path)
			}
		}
	}
}

func TestReadyAndHealthStatuses(t *testing.T) {
	var mu sync.Mutex
	var notReady error
	parts := []health.Part{{Name: "files", Score: 100}, {Name: "disk", Score: 50, Reason: "4 % free"}}
	addr := serve(t, Config{
		Ready:  func() error { mu.Lock(); defer mu.Unlock(); return notReady },
		Health: func() health.Report { mu.Lock(); defer mu.Unlock(); return health.Sum(parts...) },
	})
	if got := ask(t, addr, "GET", "/readyz"); got.StatusCode != 200 || got.body != "ok\n" {
		t.Errorf("ready: %d %q", got.StatusCode, got.body)
	}
	var h health.Report
	got := ask(t, addr, "GET", "/health", program)
	if err := json.Unmarshal([]byte(got.body), &h); err != nil || got.StatusCode != 200 || h.Score != 50 || h.State != health.Degraded || len(h.Parts) != 2 || fmt.Sprint(h.Reasons) != "[disk: 4 % free]" {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	if got := ask(t, addr, "GET", "/health"); !strings.HasPrefix(got.body, "score 50 of 100: degraded\n") || !strings.Contains(got.body, "disk   50  4 % free\n") {
		t.Errorf("%q", got.body)
	}
	mu.Lock()
	notReady = errors.New("draining\x1b[2J since\nnow")
	parts = append(parts, health.Part{Name: "accept", Score: -3, Reason: "it is broken"})
	mu.Unlock()
	if got := ask(t, addr, "GET", "/readyz"); got.StatusCode != 503 || got.body != "not ready: draining\uFFFD[2J since\uFFFDnow\n" {
		t.Errorf("not ready: %d %q", got.StatusCode, got.body)
	}
	if got := ask(t, addr, "GET", "/health", program); got.StatusCode != 503 || !strings.Contains(got.body, `"score":0,"state":"failed"`) {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	if got := ask(t, addr, "GET", "/livez"); got.StatusCode != 200 || got.body != "ok\n" {
		t.Errorf("live: %d %q", got.StatusCode, got.body)
	}
}

func TestTextForPeople(t *testing.T) {
	for seconds, want := range map[float64]string{
		-1: "–", 0: "0s", 59.9: "59s", 60: "1m 00s", 185: "3m 05s", 3600: "1h 00m", 7380: "2h 03m", 86400: "1d 00h", 900000: "10d 10h", 1e300: "–",
	} {
		if got := durationText(seconds); got != want {
			t.Errorf("%v seconds are %q, want %q", seconds, got, want)
		}
	}
	for text, want := range map[string]string{
		"/a b": "/a b", "x\x1b[31m": "x\uFFFD[31m", "\u202Egpj.exe": "\uFFFDgpj.exe", "a\xff\xfeb": "a\uFFFDb", "a\nb": "a\uFFFDb",
		"\u2066x\u2069": "\uFFFDx\uFFFD", "👩‍🚀": "👩‍🚀", "\uFEFFx": "\uFFFDx", "\U000E0041": "\uFFFD", `<img "'>`: `<img "'>`,
	} {
		if got := reply.Printable(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
	if got := permille(3, 2); got != 1000 {
		t.Errorf("3 of 2 is %d", got)
	}
	if got := permille(1<<62, 1<<62); got != 1000 {
		t.Errorf("all of much is %d", got)
	}
}

// hostile is a transfer and a download whose every text is an attack.
func hostile() *made {
	path := `/<img src=x onerror=alert(1)>"'` + "\x1b]0;x\x07\u202E\xff" + strings.Repeat("{{.}}&lt;", 200)
	user := `</bdi><script>alert(2)</script>`
	return &made{
		transfers: []transfer.Transfer{{ID: 1, Remote: "2001:db8::1", User: user, Method: "GET", Path: path, Kind: "file", Status: 206, Range: `0-1"><script>`, State: transfer.Sending, Sent: 1 << 20, Length: -1, ETA: -1}},
		downloads: []transfer.Download{{Client: user, Path: path, ETag: `"<script>"`, Size: 10, Covered: 4, Outcome: transfer.Active}},
	}
}

// The first page says what limits have refused.
func TestOverviewSaysWhatWasRefused(t *testing.T) {
	last := time.Now().Add(-3 * time.Minute)
	addr := serve(t, Config{Refused: func() []limit.Refused {
		return []limit.Refused{{Rule: "queue"}, {Rule: "client-downloads", N: 1234, Last: &last, Now: 3, Most: 4, Client: "192.0.2.1"}, {Rule: "downloads", Most: 9}}
	}})
	for _, accept := range []string{"text/html", "text/plain", "application/json"} {
		body := ask(t, addr, "GET", "/", "Accept: "+accept).body
		if !strings.Contains(body, "client-downloads") || !strings.Contains(body, "192.0.2.1 has 3 of 4 · 1,234 refused, the last 3m 0") || !strings.Contains(body, "0 of 9 · 0 refused") || strings.Contains(body, "queue") {
			t.Errorf("%s: %s", accept, body)
		}
	}
	if body := ask(t, serve(t, Config{}), "GET", "/", "Accept: application/json").body; !strings.Contains(body, `"limits":[]`) {
		t.Errorf("without any: %s", body)
	}
}
