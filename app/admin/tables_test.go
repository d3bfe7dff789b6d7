package admin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"fullbore/app/drain"
	"fullbore/app/transfer"
)

// elements gives those of a page with a tag.
func elements(t *testing.T, page, tag string) (found []*html.Node) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == tag {
			found = append(found, n)
		}
	}
	return found
}

func TestHostileTextIsInert(t *testing.T) {
	addr := serve(t, Config{Transfers: hostile(), Version: "<script>"})
	for _, path := range []string{"/transfers", "/downloads", "/", "/transfers?filter=" + url.QueryEscape(`"><script>alert(1)</script>`)} {
		page := ask(t, addr, "GET", path, browser)
		for _, tag := range []string{"img", "style"} {
			if found := elements(t, page.body, tag); len(found) > 0 {
				t.Errorf("%s has a <%s>", path, tag)
			}
		}
		for _, script := range elements(t, page.body, "script") {
			if script.FirstChild != nil {
				t.Errorf("%s has a script of its own: %s", path, script.FirstChild.Data)
			}
		}
		for _, unseen := range []string{"\x1b", "\u202E", "\xff", "\x07"} {
			if strings.Contains(page.body, unseen) {
				t.Errorf("%s contains %q", path, unseen)
			}
			if text := ask(t, addr, "GET", path); strings.Contains(text.body, unseen) {
				t.Errorf("%s as text contains %q", path, unseen)
			}
		}
		program := ask(t, addr, "GET", path, program)
		if !json.Valid([]byte(program.body)) || strings.ContainsAny(program.body, "<>\x1b") {
			t.Errorf("%s as JSON: %s", path, program.body)
		}
	}
}

// fleet is n transfers, each of another size, rate and age.
func fleet(n int) *made {
	m := &made{}
	for i := range n {
		m.transfers = append(m.transfers, transfer.Transfer{
			ID: uint64(i + 1), Remote: fmt.Sprintf("10.0.%d.%d", i>>8, i&255), Method: "GET", Path: fmt.Sprintf("/file-%d.iso", i),
			Kind: "file", Status: 200, State: transfer.Sending, Sent: int64(i), Length: int64(1000000 - i), Rate: float64((i * 7919) % n), ETA: 1, Age: float64(n - i),
		})
		m.downloads = append(m.downloads, transfer.Download{
			Client: "10.0.0.1", Path: fmt.Sprintf("/file-%d.iso", i), Size: int64((i * 7919) % n), Outcome: transfer.Complete,
			Started: time.Unix(int64(n-i), 0), Last: time.Unix(int64(i), 0),
		})
	}
	return m
}

func TestTablesAreBounded(t *testing.T) {
	addr := serve(t, Config{Transfers: fleet(4000)})
	for _, test := range []struct {
		query string
		shown int
		count int
	}{
		{"", 1000, 4000},
		{"?limit=10", 10, 4000},
		{"?limit=5000", 1000, 4000},
		{"?limit=999999999", 1000, 4000},
		{"?filter=file-39", 111, 111},
		{"?filter=FILE-3999.iso", 1, 1},
		{"?filter=nothing", 0, 0},
	} {
		for _, what := range []string{"transfers", "downloads"} {
			var a struct {
				Count, Shown, More, Total int
				Transfers, Downloads      []json.RawMessage
			}
			got := ask(t, addr, "GET", "/"+what+test.query, program)
			if err := json.Unmarshal([]byte(got.body), &a); err != nil {
				t.Fatalf("%s: %v: %s", what, err, got.body)
			}
			if rows := len(a.Transfers) + len(a.Downloads); rows != test.shown || a.Shown != test.shown || a.Count != test.count || a.More != test.count-test.shown || a.Total != 4000 {
				t.Errorf("%s%s: %d rows, %+v", what, test.query, rows, a)
			}
			if len(got.body) > 1<<20 {
				t.Errorf("%s%s: %d bytes", what, test.query, len(got.body))
			}
		}
	}
	page := ask(t, addr, "GET", "/transfers", browser).body
	if rows := len(elements(t, page, "tr")) - 2; rows != pageRows || !strings.Contains(page, "and 3,800 more") { // less the head and the template
		t.Errorf("the page has %d rows", rows)
	}
	if text := ask(t, addr, "GET", "/transfers?limit=2").body; !strings.Contains(text, "and 3,998 more") || !strings.Contains(text, "4,000 transfers · ") {
		t.Errorf("%s", text)
	}
	for _, query := range []string{"sort=upwards", "limit=0", "limit=-1", "limit=x", "filter=" + strings.Repeat("x", 513)} {
		got := ask(t, addr, "GET", "/transfers?"+query)
		if word, _, _ := strings.Cut(query, "="); got.StatusCode != 400 || !strings.HasPrefix(got.body, "400 Bad Request: "+word+": want ") || strings.Count(got.body, "\n") != 1 {
			t.Errorf("%.20s: %d %q", query, got.StatusCode, got.body)
		}
	}
}

func TestOrders(t *testing.T) {
	addr := serve(t, Config{Transfers: fleet(10)})
	first := func(what, sort string) string {
		var a struct{ Transfers, Downloads []struct{ Path string } }
		got := ask(t, addr, "GET", "/"+what+"?limit=3&sort="+sort, program)
		if err := json.Unmarshal([]byte(got.body), &a); err != nil {
			t.Fatal(err)
		}
		return strings.NewReplacer("/file-", "", ".iso", "", "{", "", "}", "").Replace(fmt.Sprint(append(a.Transfers, a.Downloads...)))
	}
	// Rates and sizes of downloads are 9 i modulo 10: that of 1 is 9, of 2 is 8.
	for sort, want := range map[string]string{
		"newest": "[9 8 7]", "oldest": "[0 1 2]", "fastest": "[1 2 3]", "slowest": "[0 9 8]", "largest": "[0 1 2]",
	} {
		if got := first("transfers", sort); got != want {
			t.Errorf("transfers, %s: %s, want %s", sort, got, want)
		}
	}
	for sort, want := range map[string]string{"newest": "[0 1 2]", "oldest": "[9 8 7]", "largest": "[1 2 3]", "recent": "[9 8 7]"} {
		if got := first("downloads", sort); got != want {
			t.Errorf("downloads, %s: %s, want %s", sort, got, want)
		}
	}
}

// Every page says that the server drains, and how far that is.
func TestDrainIsOnEveryPage(t *testing.T) {
	addr := serve(t, Config{Drain: func() drain.Status {
		return drain.Status{Draining: true, Started: time.Now(), Deadline: time.Now().Add(time.Hour), Connections: 3, AtStart: 12, Transfers: 2}
	}})
	for _, path := range []string{"/", "/transfers", "/downloads", "/health", "/nothing"} {
		page := ask(t, addr, "GET", path, browser).body
		for _, want := range []string{`<div id="drain" class="banner" role="status"><p>`, "3 of 12 connections left, 2 transfers in flight.", "is cut.", `value="750"`} {
			if !strings.Contains(page, want) {
				t.Errorf("%s does not say %q", path, want)
			}
		}
		if path == "/nothing" {
			continue
		}
		if got := ask(t, addr, "GET", path, program).body; !strings.Contains(got, `"draining":true`) {
			t.Errorf("%s: %s", path, got)
		}
	}
}

// The tools that people point at profiles read what they get.
func TestProfilesAreReadByTheTools(t *testing.T) {
	addr := serve(t, Config{})
	dir := t.TempDir()
	for path, want := range map[string]string{
		"heap": "Type: inuse_space", "goroutine": "Type: goroutine", "profile?seconds=1": "Type: cpu", "allocs": "Type: alloc_space",
	} {
		tool := exec.Command("go", "tool", "pprof", "-top", "http://"+addr+"/debug/pprof/"+path)
		tool.Env = append(os.Environ(), "PPROF_TMPDIR="+dir)
		if out, err := tool.CombinedOutput(); err != nil || !strings.Contains(string(out), want) {
			t.Errorf("go tool pprof %s: %v\n%s", path, err, out)
		}
	}
	trace := ask(t, addr, "GET", "/debug/pprof/trace?seconds=1")
	name := filepath.Join(dir, "trace")
	if err := os.WriteFile(name, []byte(trace.body), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "tool", "trace", "-d=parsed", name).Output(); err != nil || !bytes.Contains(out, []byte("StateTransition")) {
		t.Errorf("go tool trace: %v, %.200s", err, out)
	}
	if got := ask(t, addr, "GET", "/debug/pprof"); got.StatusCode != 302 || got.Header.Get("Location") != "/debug/pprof/" {
		t.Errorf("without the slash: %d %v", got.StatusCode, got.Header)
	}
	if got := ask(t, addr, "GET", "/debug/pprof/", browser); got.StatusCode != 200 || !strings.Contains(got.body, "goroutine") {
		t.Errorf("the index: %d", got.StatusCode)
	}
}
