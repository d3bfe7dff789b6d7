//go:build unix

package e2e

// What clients may take at once, with programs that people use.

import (
	"encoding/json"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// refusals are the rules that the records of the whole log name.
func (s *server) refusals() (rules []string) {
	s.t.Helper()
	for _, r := range s.wholeLog() {
		if r.Rule != "" {
			rules = append(rules, r.Rule)
		}
	}
	return rules
}

// A client that has as many downloads as it may is told by what it is refused, in its own
// form, and when to come again; curl does as it is told, and gets the file.
func TestClientDownloadsAreLimited(t *testing.T) {
	t.Parallel()
	needTool(t, "curl")
	dir := t.TempDir()
	sparse(t, dir, "large", 1<<30)
	sum := noise(t, filepath.Join(dir, "file"), 1<<20, 3)
	s := start(t, "--client-downloads", "2", dir)
	slow := []*client{s.slowly(t, "/large"), s.slowly(t, "/large")}
	told := curl(t, dir, "-i", s.url("/file"))
	for _, want := range []string{"HTTP/1.1 429 Too Many Requests\r\n", "\r\nRetry-After: 5\r\n", "as many downloads for your address", "Try again in 5 seconds."} {
		if !strings.Contains(told, want) {
			t.Errorf("want %q in %s", want, told)
		}
	}
	var problem struct {
		Rule   string
		Status int
	}
	if err := json.Unmarshal([]byte(curl(t, dir, "-H", "Accept: application/json", s.url("/file"))), &problem); err != nil || problem.Rule != "client-downloads" || problem.Status != 429 {
		t.Errorf("the problem is %+v, %v", problem, err)
	}
	if page := curl(t, dir, "-H", "Accept: text/html", s.url("/")); !strings.Contains(page, "large") {
		t.Error("folders are limited, too")
	}
	if n := s.scrape()["fullbore_refused_total rule=client-downloads"]; n != 2 {
		t.Errorf("%v are counted", n)
	}
	if page := s.askAdmin("GET", "/").body; !strings.Contains(page, "client-downloads: 127.0.0.1 has 2 of 2 · 2 refused, the last ") {
		t.Errorf("the admin listener says %s", page)
	}
	waits := program(t, dir, "curl", "-sSf", "--retry", "20", "-o", "got", s.url("/file?retried"))
	if err := waits.Start(); err != nil {
		t.Fatal(err)
	}
	s.records(4)
	slow[0].Close()
	if err := waits.Wait(); err != nil {
		t.Error(err)
	}
	if sha256Of(t, filepath.Join(dir, "got")) != sum {
		t.Error("curl got another file")
	}
	slow[1].Close()
	if rules := s.refusals(); len(rules) < 3 || slices.ContainsFunc(rules, func(rule string) bool { return rule != "client-downloads" }) {
		t.Errorf("the records name %q", rules)
	}
}

// A program with more connections than a client may have downloads at once gets the file
// whole all the same.
func TestAria2UnderALimitOfDownloads(t *testing.T) {
	t.Parallel()
	needTool(t, "aria2c")
	dir, into := t.TempDir(), t.TempDir()
	sum := noise(t, filepath.Join(dir, "file"), 100<<20, 4)
	s := start(t, "--client-downloads", "3", dir)
	aria2(t, into, "-x16", "-s16", "-k1M", "--retry-wait=1", "--max-tries=0", "--console-log-level=warn", "--summary-interval=0", "-o", "file", s.url("/file"))
	if sha256Of(t, filepath.Join(into, "file")) != sum {
		t.Error("the file is not the original")
	}
}

// Who asks too often is told when to come, and a reload changes that at once.
func TestClientRequestsAreLimited(t *testing.T) {
	t.Parallel()
	needTool(t, "curl")
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "file"), "content")
	settings := filepath.Join(t.TempDir(), "fullbore.yaml")
	writeFile(t, settings, "client-requests: 1/h,burst=3\n")
	s := start(t, "--config", settings, dir)
	codes := func() string { return curl(t, dir, "-o", "/dev/null", "-w", "%{http_code} ", s.url("/file?[1-5]")) }
	if got := codes(); got != "200 200 200 429 429 " {
		t.Errorf("answered %s", got)
	}
	if told := curl(t, dir, "-i", s.url("/file")); !strings.Contains(told, "\r\nRetry-After: 3600\r\n") && !strings.Contains(told, "\r\nRetry-After: 3599\r\n") {
		t.Errorf("answered %s", told)
	}
	if got := curl(t, dir, "-o", "/dev/null", "-w", "%{http_code}", "-X", "BREW", s.url("/file")); got != "429" {
		t.Errorf("a method that nobody knows is answered with %s", got)
	}
	writeFile(t, settings, "client-requests: 0\n")
	s.signal(syscall.SIGHUP)
	s.reloads(1)
	if got := codes(); got != "200 200 200 200 200 " {
		t.Errorf("answered %s without the limit", got)
	}
	if rules := s.refusals(); strings.Join(rules, " ") != "client-requests client-requests client-requests client-requests" {
		t.Errorf("the records name %q", rules)
	}
}

// idle is a connection on which a request was answered.
func (s *server) idle(t *testing.T) *client {
	t.Helper()
	c := dial(t, s.addr, 0)
	if status, _ := answered(t, c, "/file"); status != "HTTP/1.1 200 OK" {
		t.Fatalf("answered %s", status)
	}
	return c
}

// Connections beyond a limit are told so at once, before they ask anything, and a reload
// applies to those that are open.
func TestConnectionsAreLimited(t *testing.T) {
	t.Parallel()
	needTool(t, "curl")
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "file"), "content")
	settings := filepath.Join(t.TempDir(), "fullbore.yaml")
	writeFile(t, settings, "connections: 3\n")
	s := start(t, "--config", settings, dir)
	held := []*client{s.idle(t), s.idle(t), s.idle(t)}
	refused := func(status, rule string) {
		t.Helper()
		// Whether a client asks before it reads or after, it reads why.
		silent := dial(t, s.addr, 0)
		all, err := io.ReadAll(silent.r)
		if err != nil || !strings.HasPrefix(string(all), "HTTP/1.1 "+status+"\r\n") || !strings.Contains(string(all), `"rule":"`+rule+`"`) {
			t.Errorf("%v: %s", err, all)
		}
		told := curl(t, dir, "-i", s.url("/file"))
		for _, want := range []string{"HTTP/1.1 " + status + "\r\n", "\r\nRetry-After: 5\r\n", "\r\nContent-Type: application/problem+json\r\n", `"rule":"` + rule + `"`} {
			if !strings.Contains(told, want) {
				t.Errorf("want %q in %s", want, told)
			}
		}
	}
	refused("503 Service Unavailable", "connections")
	if n := s.scrape()["fullbore_refused_total rule=connections"]; n != 2 {
		t.Errorf("%v are counted", n)
	}
	writeFile(t, settings, "client-connections: 3\n")
	s.signal(syscall.SIGHUP)
	s.reloads(1)
	refused("429 Too Many Requests", "client-connections")
	if page := s.askAdmin("GET", "/").body; !strings.Contains(page, "client-connections: 127.0.0.1 has 3 of 3 · 2 refused") {
		t.Errorf("the admin listener says %s", page)
	}
	held[0].Close()
	curl(t, dir, "-f", "--retry", "20", "--retry-delay", "1", s.url("/file"))
	if status, _ := answered(t, held[1], "/file"); status != "HTTP/1.1 200 OK" {
		t.Errorf("who is in is answered %s", status)
	}
	writeFile(t, settings, "client-connections: 0\n")
	s.signal(syscall.SIGHUP)
	s.reloads(2)
	curl(t, dir, "-f", s.url("/file"))
	if rules := s.refusals(); len(rules) != 0 {
		t.Errorf("there are records of what was not asked: %q", rules)
	}
}

// With 16 connections, a program gets the file whole over the four that it may have.
func TestAria2UnderALimitOfConnections(t *testing.T) {
	t.Parallel()
	needTool(t, "aria2c")
	dir, into := t.TempDir(), t.TempDir()
	sum := noise(t, filepath.Join(dir, "file"), 100<<20, 5)
	s := start(t, "--client-connections", "4", dir)
	aria2(t, into, "-x16", "-s16", "-k1M", "--retry-wait=1", "--max-tries=0", "--console-log-level=warn", "--summary-interval=0", "-o", "file", s.url("/file"))
	if sha256Of(t, filepath.Join(into, "file")) != sum {
		t.Error("the file is not the original")
	}
}
