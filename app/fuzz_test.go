//go:build linux && (amd64 || arm64)

package app

// The whole server, from raw bytes on a socket to the records of what it answered, on
// both engines.

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fullbore/app/config"
	"fullbore/app/deadline"
)

const (
	// secret is content that nobody may get, and that no fuzzer comes upon.
	secret = "eiYahx4ohz5aeyie7taixoh1"
	// patience is for what must happen at all.
	patience = 60 * time.Second
	// spare is how many descriptors and goroutines may come and go: kept files, workers
	// that wait for the next.
	spare = 256
)

// fuzzed is a server for raw bytes.
type fuzzed struct {
	engine      string
	app         *App
	lines       *records
	addr        *net.UnixAddr
	descriptors int // when it had served nothing
	goroutines  int
}

// records is where the access log goes.
type records struct {
	mu   sync.Mutex
	text []byte
}

func (r *records) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text = append(r.text, p...)
	return len(p), nil
}

// take is what has come since it was asked last.
func (r *records) take() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	text := r.text
	r.text = nil
	return text
}

// fuzzedServers are one for each engine, with every feature that looks at requests.
func fuzzedServers(f *testing.F) (servers []*fuzzed) {
	f.Helper()
	dir := f.TempDir()
	root := filepath.Join(dir, "root")
	for name, content := range map[string]string{
		"secret": secret, "root/.hidden": secret, "root/f": "content", "root/d/g.html": strings.Repeat("<p>text", 500), "root/d/g.html.gz": "coded",
		"root/large.bin": strings.Repeat("0123456789", 20_000), "root/README.md": "text", "root/i/index.html": "index", "root/a b?#%\x1b": "odd",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			f.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			f.Fatal(err)
		}
	}
	for name, target := range map[string]string{"out": "../secret", "in": "f", "up": "..", "d/hidden": "../.hidden/../../secret"} {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			f.Fatal(err)
		}
	}
	for _, engine := range []string{config.EngineEpoll, config.EngineGoroutines} {
		servers = append(servers, serveFuzzed(f, engine, root))
	}
	return servers
}

func serveFuzzed(f testing.TB, engine, root string) *fuzzed {
	f.Helper()
	socket, err := os.MkdirTemp("", "fuzz") // f.TempDir may be too long for a socket's name
	if err != nil {
		f.Fatal(err)
	}
	cfg := config.Config{
		Path: root, Listen: []string{"unix:" + filepath.Join(socket, "s")}, Admin: "unix:" + filepath.Join(socket, "a"), SocketMode: "600", Engine: engine, HotCache: 1 << 20,
		AccessLog: "-", LogFormat: "json", Times: deadline.Default(), DrainTimeout: time.Second,
		Files: config.Files{
			Index: "index.html", Browse: true, Readme: true, Compress: true, Precompressed: true, DAV: true, CORS: []string{"https://a.example"},
		},
	}
	s := &fuzzed{engine: engine, lines: &records{}, addr: &net.UnixAddr{Net: "unix", Name: filepath.Join(socket, "s")}}
	if s.app, err = New(cfg, "test", s.lines, io.Discard); err != nil {
		f.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.app.Run(ctx) }()
	f.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			f.Error(err)
		}
		s.app.Close()
		_ = os.RemoveAll(socket)
	})
	s.descriptors, s.goroutines = descriptors(f), runtime.NumGoroutine()
	return s
}

func descriptors(t testing.TB) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// exchange sends parts, each when the one before was sent, then no more, and gives all
// that came back until the server ended the connection, and the records of it.
func (s *fuzzed) exchange(t *testing.T, parts ...[]byte) (answers []byte, said []answered) {
	t.Helper()
	c, err := net.DialUnix("unix", nil, s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for _, part := range parts {
			_, _ = c.Write(part) // it may have heard enough
		}
		_ = c.CloseWrite()
	}()
	answers, err = io.ReadAll(c)
	<-sent
	if err != nil {
		t.Errorf("%s: after %q: %v", s.engine, answers, err)
	}
	_ = c.Close()
	for deadline := time.Now().Add(patience); s.app.public.Open() > 0 || s.app.transfers.Active() > 0; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: %d connections are open, %d requests in flight", s.engine, s.app.public.Open(), s.app.transfers.Active())
		}
	}
	if err := s.app.records.Flush(); err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(s.lines.take()) {
		var record answered
		if err := json.Unmarshal(line, &record); err != nil {
			t.Fatalf("%s: %q: %v", s.engine, line, err)
		}
		said = append(said, record)
	}
	s.leavesNothing(t)
	return answers, said
}

// answered is what a record says that both engines must say alike.
type answered struct {
	Method, Path, Query, Proto, Outcome, Error string
	Status                                     int
	Sent                                       int64 `json:"bytes_sent"`
}

// leavesNothing checks that what an exchange took is given back.
func (s *fuzzed) leavesNothing(t *testing.T) {
	t.Helper()
	if n := runtime.NumGoroutine(); n > s.goroutines+spare {
		t.Errorf("%s: %d goroutines, %d at first", s.engine, n, s.goroutines)
	}
	if n := descriptors(t); n > s.descriptors+spare {
		t.Errorf("%s: %d descriptors, %d at first", s.engine, n, s.descriptors)
	}
}

// check checks that what came back is one well-formed answer for each record, of the
// length that it tells.
func (s *fuzzed) check(t *testing.T, answers []byte, said []answered) {
	t.Helper()
	if bytes.Contains(answers, []byte(secret)) {
		t.Errorf("%s: what is outside or hidden was sent: %q", s.engine, answers)
	}
	r := bufio.NewReader(bytes.NewReader(answers))
	for i, record := range said {
		status, body, err := readAnswer(r, record.Method)
		if err != nil {
			t.Errorf("%s: answer %d, to %+v: %v in %q", s.engine, i, record, err, answers)
			return
		}
		if status != record.Status || body != record.Sent || record.Outcome != "complete" {
			t.Errorf("%s: answer %d is %d of %d bytes, the record says %+v", s.engine, i, status, body, record)
		}
	}
	if rest, _ := io.ReadAll(r); len(rest) > 0 {
		t.Errorf("%s: after all that has a record came %q", s.engine, rest)
	}
}

// readAnswer reads a final answer as net/http does, which is strict where it matters.
func readAnswer(r *bufio.Reader, method string) (status int, body int64, err error) {
	for {
		resp, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			return 0, 0, err
		}
		n, err := io.Copy(io.Discard, resp.Body)
		switch {
		case err != nil:
			return 0, 0, err
		case resp.Proto != "HTTP/1.1":
			return 0, 0, fmt.Errorf("version %q", resp.Proto)
		case resp.StatusCode >= http.StatusOK:
			return resp.StatusCode, n, nil
		case resp.StatusCode != http.StatusContinue:
			return 0, 0, errors.New(resp.Status)
		}
	}
}

// fragments are what requests are made of; a fuzzer takes hours to come upon each.
var fragments = []string{
	"GET /f HTTP/1.1\r\nHost: a\r\n\r\n", "GET /f HTTP/1.1\r\nHost: a\r\n", "HEAD /d/ HTTP/1.1\r\nHost: a\r\n", "POST /f HTTP/1.1\r\nHost: a\r\n",
	"PROPFIND / HTTP/1.1\r\nHost: a\r\n", "OPTIONS * HTTP/1.1\r\nHost: a\r\n", "GET /large.bin HTTP/1.1\r\nHost: a\r\n", "GET /d/g.html HTTP/1.0\r\n",
	"GET /?sort=size&filter=a HTTP/1.1\r\nHost: a\r\n", "GET /d HTTP/1.1\r\nHost: a\r\n", "GET http://b/f HTTP/1.1\r\nHost: a\r\n", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n",
	"BREW /f HTTP/1.1\r\nHost: a\r\n", "GET /%2e%2e%2fsecret HTTP/1.1\r\nHost: a\r\n", "GET /up/secret HTTP/1.1\r\nHost: a\r\n", "GET /.hidden HTTP/1.1\r\nHost: a\r\n",
	"GET ", "HEAD ", "POST ", "PROPFIND ", "/", "/f", "/d/", "//", "..", "%2e", "%00", "%0d%0a", "?", "#", "*", "http://a", " ", "\t", "HTTP/1.1", " HTTP/1.1\r\n", " HTTP/1.0\r\n",
	"\r\n", "\r\n\r\n", "\r", "\n", "\x00", ":", " :", ",", ";", "\"", "5", "x", "\xff", "\x1b",
	"Host: a\r\n", "Host: b\r\n", "Content-Length: 5\r\n", "Content-Length: 0\r\n", "Content-Length: 34\r\n", "Content-Length: +5\r\n", "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: identity\r\n",
	"Connection: close\r\n", "Connection: keep-alive\r\n", "Connection: upgrade\r\nUpgrade: h2c\r\n", "Expect: 100-continue\r\n", "Trailer: A\r\n", "Depth: 1\r\n", "Depth: 0\r\n",
	"Range: bytes=0-0\r\n", "Range: bytes=-5,0-1,3-\r\n", "Range: bytes=5-4\r\n", "If-None-Match: *\r\n", "If-Match: \"x\"\r\n", "If-Range: \"x\"\r\n", "If-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT\r\n",
	"Accept-Encoding: gzip\r\n", "Accept-Encoding: zstd;q=0\r\n", "Accept: application/json\r\n", "Origin: https://a.example\r\n", "X-Forwarded-For: 192.0.2.1\r\n", "A: \"\x1b[31m\xff\r\n", "A:\r\n b\r\n",
	"01234", "5\r\n01234\r\n", "5;a=b\r\n01234\r\n", "0\r\n\r\n", "0\r\nA: b\r\n\r\n", "1;\nZ\r\n", "0x5\r\n", "<propfind xmlns=\"DAV:\"><allprop/></propfind>", "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
}

// FuzzServer gives both engines the same bytes. Whatever they are: each answer is
// well-formed and has one record that is true, there are no more of them than requests,
// the engines say the same, nothing comes from outside the root, nothing stays behind.
// The bytes are fragments by their numbers, then raw ones; they arrive in two parts.
//
// What is in testdata by the names of attacks is what the end-to-end test sends.
func FuzzServer(f *testing.F) {
	f.Add([]byte{0}, []byte{}, uint16(0))
	f.Add([]byte{}, []byte("GET /large.bin HTTP/1.1\r\nHost: a\r\nRange: bytes=0-1,5-6,-1\r\n\r\nHEAD / HTTP/1.1\r\nHost: a\r\n\r\n"), uint16(30))
	f.Add([]byte{}, []byte("GET /d/g.html HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nIf-None-Match: *\r\n\r\nGET /?sort=size HTTP/1.0\r\n\r\n"), uint16(9))
	f.Add([]byte{}, []byte("PROPFIND / HTTP/1.1\r\nHost: a\r\nDepth: 1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n5;a=b\r\n<a/>\n\r\n0\r\n\r\n"), uint16(99))
	f.Add([]byte{14, 37, 15, 37, 13, 37}, []byte{}, uint16(1))
	servers := fuzzedServers(f)
	f.Fuzz(func(t *testing.T, pieces, raw []byte, split uint16) {
		if len(raw) > 64<<10 || len(pieces) > 200 {
			t.Skip("longer than what matters")
		}
		var all []byte
		for _, piece := range pieces {
			all = append(all, fragments[int(piece)%len(fragments)]...)
		}
		all = append(all, raw...)
		both(t, servers, all, int(split), func(s *fuzzed, said []answered) {
			// Every request but a refused one, which is the last, says its version.
			if most := bytes.Count(all, []byte("HTTP/1.")) + 1; len(said) > most {
				t.Errorf("%s: %d answers to at most %d requests: %+v", s.engine, len(said), most, said)
			}
		})
	})
}

// both sends raw to both servers, split in two, and checks what they answer and that it
// is the same; examine sees the records of each.
func both(t *testing.T, servers []*fuzzed, raw []byte, split int, examine func(*fuzzed, []answered)) {
	t.Helper()
	split = min(split, len(raw))
	var first []answered
	for i, s := range servers {
		answers, said := s.exchange(t, raw[:split], raw[split:])
		s.check(t, answers, said)
		examine(s, said)
		if i == 0 {
			first = said
		} else if !slices.Equal(first, said) {
			t.Errorf("%q:\n%s said %+v\n%s %+v", raw, servers[0].engine, first, s.engine, said)
		}
	}
}

// FuzzContentIsNoRequest sends any bytes as content, of known length or in chunks, of
// requests that are answered without reading it and with. None of it is executed: what
// follows it is, or nothing at all.
func FuzzContentIsNoRequest(f *testing.F) {
	const inner = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
	for _, content := range []string{
		"", inner, "\r\n\r\n" + inner, "0\r\n\r\n" + inner, strings.Repeat("x", 8192) + inner, strings.Repeat("\n", 4096) + inner,
		`<propfind xmlns="DAV:"><allprop/></propfind>` + inner, "POST /x HTTP/1.1\r\nContent-Length: 999\r\n\r\n",
	} {
		for method := range uint8(5) {
			f.Add([]byte(content), method, uint16(0), uint16(len(content)/2))
			f.Add([]byte(content), method, uint16(7), uint16(5))
		}
	}
	servers := fuzzedServers(f)
	methods := []string{"GET", "HEAD", "POST", "PROPFIND", "BREW"}
	f.Fuzz(func(t *testing.T, content []byte, kind uint8, chunk, split uint16) {
		if len(content) > 64<<10 || chunk > 0 && len(content)/int(chunk) > 1000 {
			t.Skip("longer than what matters")
		}
		method := methods[int(kind)%len(methods)]
		raw := withContent(method, content, int(chunk))
		raw = append(raw, "GET /f?after HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"...)
		both(t, servers, raw, int(split), func(s *fuzzed, said []answered) {
			switch {
			case len(said) == 0 || said[0].Method != method || said[0].Path != "/f":
				t.Errorf("%s: %q recorded as %+v", s.engine, raw, said)
			case len(said) > 2 || len(said) == 2 && (said[1].Query != "after" || said[1].Status != http.StatusOK):
				t.Errorf("%s: of %q the content was executed: %+v", s.engine, raw, said)
			case len(said) == 1 && chunk == 0:
				t.Errorf("%s: after %q, of known length, nothing was answered", s.engine, raw)
			}
		})
	})
}

// withContent is a request for /f with content, in chunks of that many bytes; 0 is of
// known length.
func withContent(method string, content []byte, chunk int) []byte {
	head := method + " /f HTTP/1.1\r\nHost: a\r\nDepth: 0\r\n"
	if chunk == 0 {
		return append(fmt.Appendf(nil, "%sContent-Length: %d\r\n\r\n", head, len(content)), content...)
	}
	raw := []byte(head + "Transfer-Encoding: chunked\r\n\r\n")
	for piece := range slices.Chunk(content, chunk) {
		raw = fmt.Appendf(raw, "%x\r\n%s\r\n", len(piece), piece)
	}
	return append(raw, "0\r\n\r\n"...)
}
