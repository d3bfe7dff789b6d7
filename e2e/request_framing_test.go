//go:build unix

package e2e

// Bad requests, over raw sockets: a clear answer, nothing executed twice, one
// honest record each.

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
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

// Whatever the bytes, both engines answer alike: with a status each, the connection
// usable afterwards or closed as it has to be, nothing executed that was content, and
// one record for each answer, which says what was asked and how much was sent.
func TestRequestFraming(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			s := start(t, dir, "--dav", "--engine", engine)
			var sent, logged framings
			for i, test := range framingCases {
				from := fmt.Sprintf("127.0.%d.%d", 1+i/250, 1+i%250)
				if runtime.GOOS != "linux" {
					from = "127.0.0.1" // there is no other, and the log is in order
				}
				t.Run(test.name, func(t *testing.T) { test.run(t, s.addr, from, &sent) })
			}
			s.stop() // and with it the log is whole
			for line := range strings.Lines(read(t, s.log)) {
				var r struct {
					record
					Remote, Proto string
				}
				if err := json.Unmarshal([]byte(line), &r); err != nil {
					t.Fatalf("%q: %v", line, err)
				}
				logged.add(r.Remote, fmt.Sprintf("%s %s %d, %d bytes, %s", r.Method, r.Path, r.Status, r.Sent, r.Outcome))
				if r.DurationMS < 0 || r.DurationMS > 3.6e6 || r.TTFBMS > r.DurationMS {
					t.Errorf("%s: it took %v ms, and %v to the first byte", r.Path, r.DurationMS, r.TTFBMS)
				}
				if strings.Contains(line, "smuggled") {
					t.Errorf("what was content, or came after the end, was executed: %s", line)
				}
				sent.hasProto(t, r.Remote, r.Proto)
			}
			for from, want := range sent.records {
				if got := logged.records[from]; !slices.Equal(got, want) {
					t.Errorf("%s:\nlogged %.400q\nwant   %.400q", sent.names[from], got, want)
				}
			}
			if len(logged.records) != len(sent.records) {
				t.Errorf("records of %d clients, want %d", len(logged.records), len(sent.records))
			}
		})
	}
}

// framings is what clients have asked, or what was logged of them, by their addresses.
type framings struct{ records, names, raws map[string][]string }

func (f *framings) add(from, record string) { put(&f.records, from, record) }

func put(of *map[string][]string, from, what string) {
	if *of == nil {
		*of = map[string][]string{}
	}
	(*of)[from] = append((*of)[from], what)
}

// hasProto checks that who came from there has sent that version.
func (f *framings) hasProto(t *testing.T, from, proto string) {
	t.Helper()
	if !strings.Contains(strings.Join(f.raws[from], ""), proto) {
		t.Errorf("%s: the version is logged as %q", f.names[from], proto)
	}
}

// run sends what is to be sent from an address, and notes what the log has to say of it.
func (test framingCase) run(t *testing.T, addr, from string, sent *framings) {
	t.Helper()
	wanted, state, _ := strings.Cut(test.want, "; ")
	raw := test.raw
	if state == "closed" {
		raw += smuggled
	}
	put(&sent.names, from, test.name)
	put(&sent.raws, from, raw)
	c := dialFrom(t, addr, from)
	defer c.Close()
	c.send(t, raw)
	for answer := range strings.SplitSeq(wanted, ", ") {
		method, _, _ := strings.Cut(answer, " ")
		status, body := c.answer(t, test.name, method)
		if !strings.HasSuffix(answer, " "+status) {
			t.Errorf("%s: answered %s, want %.60s", test.name, status, answer)
		}
		sent.add(from, fmt.Sprintf("%s, %d bytes, complete", answer, body))
	}
	if state == "open" {
		c.send(t, getRequest("/f?next"))
		put(&sent.raws, from, getRequest("/f?next"))
		status, body := c.answer(t, test.name, "GET")
		if status != "200" {
			t.Errorf("%s: the next request is answered with %s", test.name, status)
		}
		sent.add(from, fmt.Sprintf("GET /f 200, %d bytes, complete", body))
	} else if rest, err := io.ReadAll(c.r); err != nil || len(rest) > 0 {
		t.Errorf("%s: before the connection ended came %.100q, %v", test.name, rest, err)
	}
}

// answer reads one answer to a request by that method as net/http does, and tells its
// status and the length of its body; no status if none came.
func (c *client) answer(t *testing.T, name, method string) (status string, body int64) {
	t.Helper()
	resp, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		t.Errorf("%s: no answer: %v", name, err)
		return "", 0
	}
	defer resp.Body.Close()
	body, err = io.Copy(io.Discard, resp.Body)
	if err != nil || resp.Proto != "HTTP/1.1" || resp.Header.Get("Date") == "" && resp.StatusCode >= 200 {
		t.Errorf("%s: answered %s %s with %v, %v", name, resp.Proto, resp.Status, resp.Header, err)
	}
	return fmt.Sprint(resp.StatusCode), body
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
