//go:build unix

package e2e

// Attacks on the built binary, on both engines, that are not about where a request ends:
// paths, what ends up in logs and headers, files that go away, the admin listener.
// SECURITY.md has them all.

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// onEachEngine runs a test with a server on each.
func onEachEngine(t *testing.T, dir string, do func(*testing.T, *server), args ...string) {
	t.Helper()
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			do(t, start(t, append([]string{dir, "--engine", engine}, args...)...))
		})
	}
}

// ask is the answer to a request that is sent as it is, on a connection that stays.
func (c *client) ask(t *testing.T, method, raw string) (*http.Response, string) {
	t.Helper()
	c.send(t, raw)
	resp, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%.200q: %v", raw, err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%.200q: %v", raw, err)
	}
	resp.Body.Close()
	return resp, string(body)
}

// No spelling of a path leads out of the folder, to what is hidden in it, or to a file
// that a plainer spelling does not have.
func TestNoSpellingOfAPathLeadsOut(t *testing.T) {
	dir := t.TempDir()
	const secret = "SECRET"
	root := filepath.Join(dir, "root")
	for name, content := range map[string]string{
		"secret": secret, "root_evil/secret": secret, "root/.hidden": secret, "root/.private/f": secret, "root/a/b": "inside", "root/f": "inside", "root/a;x/f": "inside",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), content)
	}
	for name, target := range map[string]string{"out": "../secret", "up": "..", "a/up": "../..", "beside": "../root_evil", "in": "f", "abs": filepath.Join(dir, "secret")} {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	onEachEngine(t, root, func(t *testing.T, s *server) {
		c := dial(t, s.addr, 0)
		for target, want := range map[string]int{
			"/../secret": 404, "/%2e%2e/secret": 404, "/%2e%2e%2fsecret": 404, "/%252e%252e/secret": 404, "/..;/secret": 404, "/..%5c..%5csecret": 404,
			"/%00": 404, "/f%00.txt": 404, "/f%00": 404, "//evil.example/..": 200, "/.%2e/secret": 404, "/%%32%65/secret": 404, "/%ff": 404, "/admi%0a": 404,
			"/a/./b": 200, "/a//b": 200, "/f/": 404, "/a/b/": 404, "/a/../f": 200, "/a;x/f": 200, "/a%3Bx/f": 200, "/%66": 200, "/F": 404,
			"/out": 404, "/abs": 404, "/up/secret": 404, "/a/up/secret": 404, "/beside/secret": 404, "/up/root_evil/secret": 404, "/in": 200, "/up/../f": 200,
			"/.hidden": 404, "/%2ehidden": 404, "/.private/f": 404, "//.private/f": 404, "/.private%2ff": 404, "/a/%2e%2e/.private/f": 404, "/.private/": 404,
			"http://test/%2e%2e/secret": 404, "http://evil.example/../secret": 404,
		} {
			var headers []http.Header
			for _, method := range []string{"GET", "HEAD"} {
				resp, body := c.ask(t, method, method+" "+target+" HTTP/1.1\r\nHost: test\r\n\r\n")
				if resp.StatusCode != want || strings.Contains(body, secret) || resp.Header.Get("Location") != "" {
					t.Errorf("%s %s: %s to %q %.100q, want %d", method, target, resp.Status, resp.Header.Get("Location"), body, want)
				}
				resp.Header.Del("Date")
				headers = append(headers, resp.Header)
			}
			if !maps.EqualFunc(headers[0], headers[1], slices.Equal) {
				t.Errorf("%s: GET has %v, HEAD %v", target, headers[0], headers[1])
			}
		}
	})
}

// Whatever clients say of themselves, a record is one line, and its JSON is JSON.
func TestNothingThatIsSentBreaksTheLog(t *testing.T) {
	hostile := []string{
		"/%0d%0aGET%20/forged", "/%0a{\"status\":200}", "/%1b[31mred%1b]0;title%07", "/\"}", "/'%22%5c", "/%ff%fe%c3", "/%e2%80%a8%e2%80%ae", "/%00", "/?\"},{\"", "/%7f%c2%85",
		"/" + strings.Repeat("%0a", 9000), "/?" + strings.Repeat("\"", 20_000),
	}
	agents := []string{"\x1b[2J\"},{\"x\":\"", "\\\" - - [forged] \"", "\xff\xfe\u2028\u202e", strings.Repeat("\"\x80", 10_000), "${ip} ${path}", "a\tb"}
	lines := map[string]*regexp.Regexp{
		"json":              regexp.MustCompile(`^\{[^\x00-\x1f\x7f-\x{9f}\x{2028}-\x{202e}]*\}$`),
		"combined":          regexp.MustCompile(`^127\.0\.0\.1 - - \[[^]]*\] "GET [ -!#-~]* HTTP/1\.1" 4\d\d \d+ "([ -!#-~]|\\.)*" "([ -!#-~]|\\.)*"$`),
		"${path}|${ua}|end": regexp.MustCompile(`^/[ -~]*\|[ -~]*\|end$`),
	}
	dir := t.TempDir()
	for format, line := range lines {
		onEachEngine(t, dir, func(t *testing.T, s *server) {
			n := 0
			for _, target := range hostile {
				for _, agent := range agents {
					if strings.HasPrefix(target, "/?") {
						target = "/nope" + target[1:]
					}
					dial(t, s.addr, 0).ask(t, "GET", "GET "+target+" HTTP/1.1\r\nHost: test\r\nUser-Agent: "+agent+"\r\nReferer: "+agent[:min(len(agent), 100)]+"\r\n\r\n")
					n++
				}
			}
			s.stop()
			content := strings.TrimSuffix(read(t, s.log), "\n")
			records := strings.Split(content, "\n")
			if len(records) != n {
				t.Errorf("%s: %d lines of %d requests", format, len(records), n)
			}
			for _, record := range records {
				if !line.MatchString(record) || format == "json" && !json.Valid([]byte(record)) {
					t.Errorf("%s: %.300q", format, record)
				}
			}
		}, "--log-format", format)
	}
}

// A name is data wherever it ends up in a header: whatever it has in it, there are as many
// fields as with another.
func TestNamesEndNoHeaderField(t *testing.T) {
	dir := t.TempDir()
	names := []string{"a\r\nSet-Cookie: a=b", "a\nX: y", "a\"; filename=\"b.exe", "a%0d%0aX: y", "\u202egnp.exe", "\xff\xfe", strings.Repeat("\u00e9", 127), "a;b=c", "a\tb"}
	for _, name := range names {
		if err := os.MkdirAll(filepath.Join(dir, "folders", name), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), "content")
	}
	write(t, filepath.Join(dir, "plain"), "content")
	if err := os.MkdirAll(filepath.Join(dir, "folders", "plain"), 0o755); err != nil {
		t.Fatal(err)
	}
	escaped := func(name string) (path string) {
		for _, b := range []byte(name) {
			path += fmt.Sprintf("%%%02X", b)
		}
		return path
	}
	onEachEngine(t, dir, func(t *testing.T, s *server) {
		c := dial(t, s.addr, 0)
		for _, prefix := range []string{"/", "/folders/"} {
			plain, _ := c.ask(t, "GET", getRequest(prefix+"plain?download"))
			for _, name := range names {
				resp, _ := c.ask(t, "GET", getRequest(prefix+escaped(name)+"?download"))
				if resp.StatusCode != plain.StatusCode || len(resp.Header) != len(plain.Header) {
					t.Errorf("%s%q: %s %q; of a plain name %s %q", prefix, name, resp.Status, resp.Header, plain.Status, plain.Header)
				}
			}
		}
	})
}

// A file that is deleted while it is sent is sent to its end, from what is open; nobody
// gets it afterwards.
func TestFileThatIsDeletedDuringTheDownload(t *testing.T) {
	const size = 64 << 20
	dir := t.TempDir()
	onEachEngine(t, dir, func(t *testing.T, s *server) {
		sparse(t, dir, "file", size)
		c := dial(t, s.addr, 64<<10)
		c.send(t, getRequest("/file"))
		c.header(t)
		if _, err := io.CopyN(io.Discard, c.r, 1<<20); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(dir, "file")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, c.r, size-1<<20); err != nil {
			t.Error(err)
		}
		for _, ranges := range []string{"0-0", "1048576-"} {
			if resp, _ := c.ask(t, "GET", "GET /file HTTP/1.1\r\nHost: test\r\nRange: bytes="+ranges+"\r\n\r\n"); resp.StatusCode != 404 {
				t.Errorf("afterwards a range is answered with %s", resp.Status)
			}
		}
		if r := s.records(3)[0]; r.Outcome != "complete" || r.Sent != size {
			t.Errorf("logged %+v", r)
		}
	})
}

// A thousand clients that are silent, or whose heads do not end, or who take nothing of a
// download, hold up nobody, and leave nothing behind.
func TestSlowClientsHoldUpNobody(t *testing.T) {
	const each, honest, size = 330, 8, 16 << 20
	dir := t.TempDir()
	sparse(t, dir, "large", 1<<30)
	sparse(t, dir, "file", size)
	onEachEngine(t, dir, func(t *testing.T, s *server) {
		var slow []*client
		for range each {
			silent, heads, takes := dial(t, s.addr, 0), dial(t, s.addr, 0), dial(t, s.addr, 4<<10)
			heads.send(t, "GET /file HTTP/1.1\r\nHost: test\r\nA: b")
			takes.send(t, getRequest("/large"))
			slow = append(slow, silent, heads, takes)
		}
		for range honest {
			c := dial(t, s.addr, 0)
			if resp, body := c.ask(t, "GET", getRequest("/file")); resp.StatusCode != 200 || len(body) != size {
				t.Errorf("beside slow clients: %s, %d bytes", resp.Status, len(body))
			}
			c.Close()
		}
		for _, c := range slow {
			_ = c.SetLinger(0)
			c.Close()
		}
		complete, aborted := 0, 0
		for _, r := range s.records(each + honest) { // who says nothing, or half of it, has none
			switch {
			case r.Path == "/file" && r.Outcome == "complete":
				complete++
			case r.Path == "/large" && r.Outcome == "aborted" && r.Sent < 1<<30:
				aborted++
			default:
				t.Errorf("logged %+v", r)
			}
		}
		if complete != honest || aborted != each {
			t.Errorf("%d complete and %d aborted, want %d and %d", complete, aborted, honest, each)
		}
		waitUntil(t, "all to be gone", func() bool {
			now := s.scrape()
			idle, told := now["fullbore_connections state=idle"]
			return told && idle+now["fullbore_connections state=active"] == 0
		})
	}, "--head-timeout", "10m", "--idle-timeout", "10m") // nobody is late here
}

// What the admin listener has is not to be had through the public one, by whatever name,
// header field or form of the target; nor does the server ask anybody on behalf of a client.
func TestAdminListenerIsNotReachableThroughThePublicOne(t *testing.T) {
	onEachEngine(t, t.TempDir(), func(t *testing.T, s *server) {
		c := dial(t, s.addr, 0)
		for _, raw := range []string{
			"GET http://" + s.admin + "/metrics HTTP/1.1\r\nHost: " + s.admin + "\r\n\r\n",
			"GET http://" + s.admin + "/metrics HTTP/1.1\r\nHost: test\r\n\r\n",
			"GET /metrics HTTP/1.1\r\nHost: " + s.admin + "\r\n\r\n",
			"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Host: " + s.admin + "\r\nForwarded: for=127.0.0.1;host=\"" + s.admin + "\"\r\n\r\n",
			"GET /metrics HTTP/1.1\r\nHost: test\r\nX-Original-URL: /metrics\r\nX-Rewrite-URL: /metrics\r\nX-HTTP-Method-Override: POST\r\n\r\n",
			"GET /..//metrics HTTP/1.1\r\nHost: test\r\n\r\n",
		} {
			if resp, body := c.ask(t, "GET", raw); resp.StatusCode != 404 || strings.Contains(body, "fullbore_") {
				t.Errorf("%q: %s %.100q", raw, resp.Status, body)
			}
		}
		for _, method := range []string{"CONNECT " + s.admin, "POST /transfers/1/end"} {
			name, _, _ := strings.Cut(method, " ")
			if resp, _ := c.ask(t, name, method+" HTTP/1.1\r\nHost: "+s.admin+"\r\n\r\n"); resp.StatusCode != 405 {
				t.Errorf("%s: %s", method, resp.Status)
			}
		}
		c.send(t, getRequest("/nope"))
		if status := c.header(t); status != "HTTP/1.1 404 Not Found" {
			t.Errorf("afterwards: %q", status)
		}
	})
}
