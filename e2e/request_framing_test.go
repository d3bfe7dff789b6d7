//go:build unix

package e2e

// Bad requests, over raw sockets: a clear answer, nothing executed twice, one
// honest record each.

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// answers sends raw, reads until the server closes the connection, and gives
// the status codes of the answers in it.
func answers(t *testing.T, s *server, raw string) []string {
	t.Helper()
	c := dial(t, s.addr, 0)
	c.send(t, raw)
	_ = c.CloseWrite()
	all, err := io.ReadAll(c.r)
	if err != nil {
		t.Errorf("after %q: %v", all, err)
	}
	var codes []string
	for _, part := range strings.Split(string(all), "HTTP/1.1 ")[1:] {
		codes = append(codes, part[:3])
	}
	return codes
}

func TestRequestFraming(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	smuggled := "GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n"
	post := func(path, headers, body string) string {
		return "POST " + path + " HTTP/1.1\r\nHost: test\r\n" + headers + "\r\n" + body
	}
	length := func(body string) string { return fmt.Sprintf("Content-Length: %d\r\n", len(body)) }
	long := smuggled + strings.Repeat("x", 9000)
	late := strings.Repeat("x", 8192) + smuggled // beyond what fasthttp reads ahead
	huge := smuggled + strings.Repeat("x", 300<<10)
	for _, test := range []struct {
		name, raw string
		want      string // the status codes
	}{
		{"one request", getRequest("/f"), "200"},
		{"16 pipelined", strings.Repeat(getRequest("/f"), 16), strings.TrimSpace(strings.Repeat("200 ", 16))},
		{"a short body that nobody reads", post("/f", length(smuggled), smuggled) + getRequest("/f"), "405 200"},
		{"a body over the prefetch that nobody reads", post("/f", length(long), long) + getRequest("/f"), "405 200"},
		{"a request beyond the prefetch", post("/f", length(late), late) + getRequest("/f"), "405 200"},
		{"a body over the limit", post("/f", length(huge), huge) + getRequest("/f"), "405"},
		{"a chunked body that nobody reads", post("/f", "Transfer-Encoding: chunked\r\n",
			fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(smuggled), smuggled)) + getRequest("/f"), "405"},
		{"a body on GET", "GET /f HTTP/1.1\r\nHost: test\r\n" + length(smuggled) + "\r\n" + smuggled + getRequest("/f"), "200 200"},
		{"a body on 404", post("/nope", length(smuggled), smuggled) + getRequest("/f"), "405 200"},
		{"two lengths", post("/f", "Content-Length: 0\r\nContent-Length: 1\r\n", ""), "400"},
		{"length with a sign", post("/f", "Content-Length: +5\r\n", "12345"), "400"},
		{"length in hex", post("/f", "Content-Length: 0x5\r\n", "12345"), "400"},
		{"length as a list", post("/f", "Content-Length: 5, 5\r\n", "12345"), "400"},
		{"length beyond all", post("/f", "Content-Length: 18446744073709551621\r\n", "12345"), "400"},
		{"negative length", post("/f", "Content-Length: -1\r\n", ""), "400"},
		{"length and chunks", post("/f", "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n") + getRequest("/f"), "400"},
		{"a coding that frames nothing", post("/f", "Transfer-Encoding: identity\r\n", smuggled), "400"},
		{"chunked, but not last", post("/f", "Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"+smuggled), "400"},
		{"chunks in HTTP/1.0", "POST /f HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, "400"},
		{"a head as single sign-on makes it", "GET /f HTTP/1.1\r\nHost: test\r\nCookie: " + strings.Repeat("x", 20<<10) + "\r\n\r\n" + getRequest("/f"), "200 200"},
		{"a signed URL", "GET /f?" + strings.Repeat("x", 20<<10) + " HTTP/1.1\r\nHost: test\r\n\r\n" + getRequest("/f"), "200 200"},
		{"request line over the limit", "GET /" + strings.Repeat("x", 40<<10) + " HTTP/1.1\r\nHost: test\r\n\r\n", "414"},
		{"a head that ends in bare LF", "GET /f HTTP/1.1\nHost: test\n\n", "400"},
		{"Host that is no authority", "GET /f HTTP/1.1\r\nHost: a b\r\n\r\n", "400"},
		{"close among others", "GET /f HTTP/1.1\r\nHost: test\r\nConnection: TE, Close\r\n\r\n" + getRequest("/f"), "200"},
		{"HTTP/9.9", "GET /f HTTP/9.9\r\nHost: test\r\n\r\n", "505"},
		{"unknown coding", post("/f", "Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), "400"},
		{"space before the colon", "GET /f HTTP/1.1\r\nHost: test\r\nA : b\r\n\r\n", "400"},
		{"NUL in a value", "GET /f HTTP/1.1\r\nHost: test\r\nA: \x00\r\n\r\n", "400"},
		{"bare CR in a value", "GET /f HTTP/1.1\r\nHost: test\r\nA: b\rc\r\n\r\n", "400"},
		{"no Host", "GET /f HTTP/1.1\r\n\r\n", "400"},
		{"two Hosts", "GET /f HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"},
		{"header over the limit", "GET /f HTTP/1.1\r\nHost: test\r\nA: " + strings.Repeat("x", 40<<10) + "\r\n\r\n", "431"},
		{"unknown method", "BREW /f HTTP/1.1\r\nHost: test\r\n\r\n" + getRequest("/f"), "501 200"},
		{"unknown method with a short body", "BREW /f HTTP/1.1\r\nHost: test\r\n" + length(smuggled) + "\r\n" + smuggled + getRequest("/f"), "501 200"},
		{"unknown method with a long body", "BREW /f HTTP/1.1\r\nHost: test\r\n" + length(late) + "\r\n" + late + getRequest("/f"), "501 200"},
		{"unknown method with a chunked body", "BREW /f HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n" + smuggled, "501"},
		{"lower-case method", "get /f HTTP/1.1\r\nHost: test\r\n\r\n", "501"},
		{"CONNECT", "CONNECT test:80 HTTP/1.1\r\nHost: test\r\n\r\n", "405"},
		{"HTTP/2 in the clear", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"},
		{"no HTTP at all", "hello\r\n\r\n", "400"},
		{"HTTP/0.9", "GET /f\r\n\r\n", "400"},
		{"unknown method that expects", "BREW /f HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", "501"},
		{"expecting on the second request", getRequest("/f") + post("/f", "Content-Length: 5\r\nExpect: 100-continue\r\n", ""), "200 405"},
		{"expecting to be refused", post("/f", "Content-Length: 5\r\nExpect: 100-continue\r\n", ""), "405"},
	} {
		s := start(t, dir)
		got := answers(t, s, test.raw)
		s.stop() // and with it the log is whole
		records := s.records(0)
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: answered %v, want %s", test.name, got, test.want)
		}
		if len(records) != len(got) {
			t.Errorf("%s: %d answers, %d records: %+v", test.name, len(got), len(records), records)
		}
		for i, r := range records {
			if r.DurationMS < 0 || r.DurationMS > 3.6e6 || r.TTFBMS > r.DurationMS {
				t.Errorf("%s: it took %v ms, and %v to the first byte", test.name, r.DurationMS, r.TTFBMS)
			}
			if strings.Contains(r.Path, "smuggled") {
				t.Errorf("%s: the body was executed as a request", test.name)
			}
			if i < len(got) && fmt.Sprint(r.Status) != got[i] {
				t.Errorf("%s: answer %d was %s, logged %d", test.name, i, got[i], r.Status)
			}
		}
	}
}

func TestHealth(t *testing.T) {
	s := start(t, t.TempDir())
	resp, err := http.Get("http://" + s.admin + "/livez")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Errorf("/livez: %s", resp.Status)
	}
	c := dial(t, s.addr, 0)
	c.send(t, getRequest("/livez"))
	if status := c.header(t); status != "HTTP/1.1 404 Not Found" {
		t.Errorf("the public listener answers /livez with %q", status)
	}
	if out, code := run(t, "health", "--admin", s.admin); code != 0 || out != "ok\n" {
		t.Errorf("health: %d %q", code, out)
	}
	admin := s.admin
	s.stop()
	if out, code := run(t, "health", "--admin", admin); code != 1 || strings.Count(out, "\n") != 1 {
		t.Errorf("health of a dead server: %d %q", code, out)
	}
}

// fasthttp answers these before it has looked at its clock.
func TestGetThatExpectsHasTheHeaderOfTheFile(t *testing.T) {
	dir := t.TempDir()
	sparse(t, dir, "f", 5)
	s := start(t, dir)
	header := func(extra string) string {
		c := dial(t, s.addr, 0)
		c.send(t, "GET /f HTTP/1.1\r\nHost: test\r\nConnection: close\r\n"+extra+"\r\n")
		all, err := io.ReadAll(c.r)
		if err != nil {
			t.Fatal(err)
		}
		return regexp.MustCompile(`(?m)^Last-Modified: .*$`).FindString(string(all))
	}
	want := header("")
	if got := header("Expect: 100-continue\r\nContent-Length: 5\r\n"); got != want || want == "" {
		t.Errorf("with Expect: %q, without: %q", got, want)
	}
}

// A request whose body does not come is recorded with what is known of it: which it
// was, how much came, and how long that was awaited.
func TestBodyThatNeverComes(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	const chunked = "Transfer-Encoding: chunked\r\n\r\n"
	for _, test := range []struct {
		name, head, body string
		half             bool // close the sending side; else be silent
		want             record
	}{
		{
			"nothing, then the end", "POST /f?q HTTP/1.1\r\nContent-Length: 1000\r\n\r\n", "", true,
			record{Method: "POST", Path: "/f", Query: "q", Status: 400, Error: "the connection ended within the content"},
		},
		{
			"a part, then the end", "PUT /a%20b HTTP/1.1\r\nContent-Length: 1000\r\n\r\n", "0123456789", true,
			record{Method: "PUT", Path: "/a b", Status: 400, Received: 10, Error: "the connection ended within the content"},
		},
		{
			"all but a byte of a GET's", "GET /f HTTP/1.1\r\nContent-Length: 11\r\n\r\n", "0123456789", true,
			record{Method: "GET", Path: "/f", Status: 400, Received: 10, Error: "the connection ended within the content"},
		},
		{
			"nothing, in silence", "POST /f HTTP/1.1\r\nContent-Length: 1000\r\n\r\n", "", false,
			record{Method: "POST", Path: "/f", Status: 408, Error: "the content did not come in time", Rule: "minimum-upload-rate"},
		},
		{
			"a part, then silence", "DELETE /f HTTP/1.1\r\nContent-Length: 1000\r\n\r\n", "0123456789", false,
			record{Method: "DELETE", Path: "/f", Status: 408, Received: 10, Error: "the content did not come in time", Rule: "minimum-upload-rate"},
		},
		{
			"chunks, then silence", "POST /f HTTP/1.1\r\n" + chunked, "5\r\n01234\r\n", false,
			record{Method: "POST", Path: "/f", Status: 405},
		}, // it is not waited for
		{
			"a larger one, then silence", "POST /f HTTP/1.1\r\nContent-Length: 100000\r\n\r\n", strings.Repeat("x", 9000), false,
			record{Method: "POST", Path: "/f", Status: 405, Received: 9000},
		},
		{
			"continue is awaited", "POST /f HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n", "", false,
			record{Method: "POST", Path: "/f", Status: 405},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, dir)
			c := dial(t, s.addr, 0)
			c.send(t, getRequest("/f")) // so that the connection has served before
			first, rest, _ := strings.Cut(test.head, "\r\n")
			c.send(t, first+"\r\nHost: test\r\n"+rest+test.body)
			if test.half {
				_ = c.CloseWrite()
			}
			if _, err := io.ReadAll(c.r); err != nil {
				t.Error(err)
			}
			got := s.records(2)[1]
			if test.want.Status == 408 && got.DurationMS < 1000 {
				t.Errorf("it took %.1f ms; the server was silent for longer", got.DurationMS)
			}
			if !strings.Contains(got.Error, test.want.Error) {
				t.Errorf("the error is %q, want %q", got.Error, test.want.Error)
			}
			want := test.want
			want.Error, want.Outcome, want.Sent, want.Size = got.Error, "complete", got.Sent, got.Size
			want.DurationMS, want.TTFBMS = got.DurationMS, got.TTFBMS
			if got != want {
				t.Errorf("got  %+v, want %+v", got, want)
			}
		})
	}
}

// What a refused request leaves in the log does not depend on the engine.
func TestEnginesRecordRefusalsAlike(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there are no event loops on " + runtime.GOOS)
	}
	raws := []string{
		"hello\r\n\r\n",
		"GET /a%20b?q HTTP/1.1\r\n\r\n",
		"GET /f HTTP/9.9\r\nHost: test\r\n\r\n",
		"GET /f HTTP/1.1\r\nHost: test\r\nA : b\r\n\r\n",
		"GET /" + strings.Repeat("x", 40<<10) + " HTTP/1.1\r\nHost: test\r\n\r\n",
		"GET /f HTTP/1.1\r\nHost: test\r\nA: " + strings.Repeat("x", 40<<10) + "\r\n\r\n",
		"GET /f HTTP/1.1\r\nHo",
		"POST /f HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
		"POST /f HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\n123",
		getRequest("/f") + "\x00\r\n\r\n",
	}
	said := map[string][]record{}
	for _, engine := range []string{"epoll", "goroutines"} {
		s := start(t, t.TempDir(), "--engine", engine)
		for _, raw := range raws {
			answers(t, s, raw)
		}
		s.stop()
		said[engine] = s.records(len(raws))
		for i := range said[engine] {
			said[engine][i].DurationMS, said[engine][i].TTFBMS = 0, 0
		}
	}
	for i, want := range said["goroutines"] {
		if got := said["epoll"][i]; got != want {
			t.Errorf("on loops %+v\non goroutines %+v", got, want)
		}
		if prefix := fmt.Sprintf("refused with %d: ", want.Status); want.Status != 404 && !strings.HasPrefix(want.Error, prefix) {
			t.Errorf("the error is %q, and does not begin with %q", want.Error, prefix)
		}
	}
}
