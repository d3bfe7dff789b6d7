//go:build linux && (amd64 || arm64)

package engine

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"fullbore/app/deadline"
	"fullbore/app/wire"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
}

// served is a server on an engine, for one test.
type served struct {
	*testing.T
	addr   string
	ln     *wire.Listener
	engine *Engine
}

func serve(t *testing.T, handler fasthttp.RequestHandler, change ...func(*fasthttp.Server)) *served {
	t.Helper()
	ln, err := wire.Listen("127.0.0.1:0", wire.Config{IdleTimeout: 400 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	server := &fasthttp.Server{
		Handler: handler, Name: "test", ReadTimeout: 500 * time.Millisecond, IdleTimeout: 5 * time.Second,
		ReduceMemoryUsage: true, StreamRequestBody: true, DisablePreParseMultipartForm: true,
	}
	for _, change := range change {
		change(server)
	}
	e, err := New(ln, server, Config{Loops: 2})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- e.Serve() }()
	t.Cleanup(func() {
		_ = ln.Retire(true)
		if !ln.WaitClosed(2 * time.Second) {
			ln.Cut(errors.New("the test is over"))
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if n := ln.Open(); n != 0 {
			t.Errorf("%d connections left", n)
		}
	})
	return &served{t, ln.Addr().String(), ln, e}
}

// patient is for tests that are not about time limits.
func patient(server *fasthttp.Server) { server.ReadTimeout = time.Minute }

func (s *served) dial() *net.TCPConn {
	s.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c.(*net.TCPConn)
}

func (s *served) get(path string) (*http.Response, []byte) {
	s.Helper()
	resp, err := http.Get("http://" + s.addr + path)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.Fatal(err)
	}
	return resp, body
}

func hello(ctx *fasthttp.RequestCtx) {
	ctx.SetBodyString("hello ")
	ctx.Response.AppendBody(ctx.Path())
}

func TestHello(t *testing.T) {
	s := serve(t, hello)
	defer http.DefaultClient.CloseIdleConnections()
	for range 3 {
		resp, body := s.get("/x")
		if resp.StatusCode != 200 || string(body) != "hello /x" || resp.Header.Get("Server") != "test" {
			t.Fatalf("%v %q", resp, body)
		}
	}
}

func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	s := serve(t, hello)
	c := s.dial()
	var all strings.Builder
	for i := range 40 {
		fmt.Fprintf(&all, "GET /%d HTTP/1.1\r\nHost: h\r\n\r\n", i)
	}
	if _, err := io.WriteString(c, all.String()); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	for i := range 40 {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(i, err)
		}
		body, _ := io.ReadAll(resp.Body)
		if string(body) != fmt.Sprintf("hello /%d", i) {
			t.Fatalf("%d: %q", i, body)
		}
	}
}

func TestHeadThatComesByteByByte(t *testing.T) {
	s := serve(t, hello)
	c := s.dial()
	for _, b := range []byte("GET /slow HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n") {
		if _, err := c.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	all, err := io.ReadAll(c)
	if err != nil || !strings.HasSuffix(string(all), "hello /slow") {
		t.Fatalf("%q %v", all, err)
	}
}

func TestBodiesAreServedAsideAndTheConnectionComesBack(t *testing.T) {
	s := serve(t, func(ctx *fasthttp.RequestCtx) {
		if ctx.IsPost() {
			_, inLoop := ctx.Conn().(*Conn)
			body, err := io.ReadAll(ctx.RequestBodyStream())
			fmt.Fprintf(ctx, "%v %q %v", inLoop, body, err)
			return
		}
		_, inLoop := ctx.Conn().(*Conn)
		fmt.Fprint(ctx, inLoop)
	})
	c := s.dial()
	r := bufio.NewReader(c)
	for i, step := range []struct{ request, want string }{
		{"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "true"},
		{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", `false "abc" <nil>`},
		{"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "true"},
		{"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", `false "abc" <nil>`},
		{"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "true"},
	} {
		if _, err := io.WriteString(c, step.request); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(i, err)
		}
		body, _ := io.ReadAll(resp.Body)
		if string(body) != step.want {
			t.Errorf("%d: %q, want %q", i, body, step.want)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if n := s.ln.Accepted(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestLargeBodyInMemoryForASlowClient(t *testing.T) {
	large := make([]byte, 30<<20)
	_, _ = rand.Read(large)
	s := serve(t, func(ctx *fasthttp.RequestCtx) { ctx.SetBody(large) })
	c := s.dial()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	time.Sleep(100 * time.Millisecond)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || !bytes.Equal(body, large) {
		t.Fatalf("%d bytes, %v", len(body), err)
	}
}

func TestStreamsAreReadAside(t *testing.T) {
	s := serve(t, func(ctx *fasthttp.RequestCtx) {
		ctx.SetBodyStream(strings.NewReader(strings.Repeat("stream ", 10000)), -1)
	})
	c := s.dial()
	r := bufio.NewReader(c)
	for range 3 {
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); err != nil || len(body) != 70000 {
			t.Fatal(len(body), err)
		}
	}
	old := s.dial()
	_, _ = io.WriteString(old, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
	all, err := io.ReadAll(old)
	head, body, _ := strings.Cut(string(all), "\r\n\r\n")
	if err != nil || len(body) != 70000 || strings.Contains(head, "Transfer-Encoding") || strings.Contains(head, "keep-alive") {
		t.Fatal(head, len(body), err)
	}
}

func TestHandlerThatSleepsHoldsNobodyUp(t *testing.T) {
	for _, says := range []bool{true, false} {
		t.Run(fmt.Sprint(says), func(t *testing.T) {
			release := make(chan struct{})
			var sleeping atomic.Int32
			s := serve(t, func(ctx *fasthttp.RequestCtx) {
				if string(ctx.Path()) == "/sleep" {
					if says {
						ctx.Conn().(*Conn).Block()
					}
					sleeping.Add(1)
					<-release
				}
				hello(ctx)
			})
			var slow []*net.TCPConn
			for range 10 {
				c := s.dial()
				_, _ = io.WriteString(c, "GET /sleep HTTP/1.1\r\nHost: h\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n")
				slow = append(slow, c)
			}
			for sleeping.Load() < 10 {
				time.Sleep(time.Millisecond)
			}
			defer http.DefaultClient.CloseIdleConnections()
			if _, body := s.get("/fast"); string(body) != "hello /fast" {
				t.Fatalf("%q", body)
			}
			close(release)
			for _, c := range slow {
				r := bufio.NewReader(c)
				for _, want := range []string{"hello /sleep", "hello /next"} {
					resp, err := http.ReadResponse(r, nil)
					if err != nil {
						t.Fatal(err)
					}
					if body, _ := io.ReadAll(resp.Body); string(body) != want {
						t.Fatalf("%q, want %q", body, want)
					}
				}
			}
		})
	}
}

// fileBody is a Body of a file.
type fileBody struct {
	file    *os.File
	size    int64
	sent    atomic.Int64
	changed atomic.Bool
	refs    atomic.Int32
	err     error
	over    chan struct{}
}

func newFileBody(t *testing.T, name string) *fileBody {
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	info, _ := f.Stat()
	b := &fileBody{file: f, size: info.Size(), over: make(chan struct{})}
	b.refs.Store(1)
	return b
}

func (b *fileBody) Plan() (int64, bool) { return b.size, true }

func (b *fileBody) AppendTo(p []byte) ([]byte, error) {
	at := len(p)
	p = append(p, make([]byte, b.size)...)
	if n, errno := probeCached(int(b.file.Fd()), p[at:], 0); n < int(b.size) || errno != 0 {
		return p[:at], nil
	}
	return p, b.Verify()
}

func (b *fileBody) Next() (string, int, int64, int64, bool) {
	done := b.sent.Load()
	return "", int(b.file.Fd()), done, min(b.size-done, 16<<20), true
}

func (b *fileBody) Verify() error {
	if b.changed.Load() {
		return io.ErrUnexpectedEOF
	}
	return nil
}
func (b *fileBody) Advance(n int64)          { b.sent.Add(n) }
func (b *fileBody) Fail(err error)           { b.err = err }
func (b *fileBody) Retain()                  { b.refs.Add(1) }
func (b *fileBody) Read([]byte) (int, error) { panic("read") }
func (b *fileBody) Close() error {
	if b.refs.Add(-1) == 0 {
		close(b.over)
		return b.file.Close()
	}
	return nil
}

func randomFile(t *testing.T, size int) (string, []byte) {
	t.Helper()
	content := make([]byte, size)
	_, _ = rand.Read(content)
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return name, content
}

// hook is a user value that can be detached.
type hook struct{ detached, closed, after atomic.Int32 }

func (h *hook) Close() error      { h.closed.Add(1); return nil }
func (h *hook) Detach() io.Closer { h.detached.Add(1); return closer(func() { h.after.Add(1) }) }

type closer func()

func (c closer) Close() error { c(); return nil }

func TestFilesOfEverySize(t *testing.T) {
	for _, size := range []int{0, 1, 4096, 4097, smallBody, smallBody + 1, 1 << 20, 40 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			name, content := randomFile(t, size)
			bodies := make(chan *fileBody, 3)
			s := serve(t, func(ctx *fasthttp.RequestCtx) {
				b := newFileBody(t, name)
				bodies <- b
				ctx.SetUserValue("hook", &hook{})
				ctx.SetBodyStream(b, size)
			}, patient)
			s.ln.SetLimits(deadline.Limits{})
			c := s.dial()
			r := bufio.NewReader(c)
			for range 3 {
				_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
				resp, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(resp.Body)
				if err != nil || !bytes.Equal(body, content) {
					t.Fatalf("%d bytes, %v", len(body), err)
				}
				b := <-bodies
				<-b.over
				if n := b.sent.Load(); n != int64(size) || b.err != nil {
					t.Fatalf("counted %d, %v", n, b.err)
				}
			}
		})
	}
}

func TestColdFile(t *testing.T) {
	name, content := randomFile(t, coldRun+8<<20)
	s := serve(t, func(ctx *fasthttp.RequestCtx) {
		b := newFileBody(t, name)
		_ = b.file.Sync()
		_ = unix.Fadvise(int(b.file.Fd()), 0, 0, unix.FADV_DONTNEED)
		ctx.SetBodyStream(b, len(content))
	})
	defer http.DefaultClient.CloseIdleConnections()
	if _, body := s.get("/"); !bytes.Equal(body, content) {
		t.Fatal("another content")
	}
}

func TestStalledClientIsCutAndASlowOneIsNot(t *testing.T) {
	name, content := randomFile(t, 12<<20)
	bodies := make(chan *fileBody, 2)
	s := serve(t, func(ctx *fasthttp.RequestCtx) {
		b := newFileBody(t, name)
		bodies <- b
		ctx.SetBodyStream(b, len(content))
	})
	stalled := s.dial()
	_ = stalled.SetReadBuffer(4 << 10)
	_, _ = io.WriteString(stalled, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	b := <-bodies
	<-b.over
	if !errors.Is(b.err, os.ErrDeadlineExceeded) {
		t.Errorf("stalled: %v", b.err)
	}
	slow := s.dial()
	_ = slow.SetReadBuffer(64 << 10)
	_, _ = io.WriteString(slow, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	buf := make([]byte, 256<<10)
	for total := 0; ; {
		n, err := slow.Read(buf)
		total += n
		if errors.Is(err, io.EOF) {
			if total < len(content) {
				t.Fatalf("%d bytes", total)
			}
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	b = <-bodies
	<-b.over
	if b.err != nil || b.sent.Load() != int64(len(content)) {
		t.Errorf("slow: %d, %v", b.sent.Load(), b.err)
	}
}

func TestChangedSourceBreaksTheResponseOff(t *testing.T) {
	name, content := randomFile(t, 40<<20)
	bodies := make(chan *fileBody, 1)
	s := serve(t, func(ctx *fasthttp.RequestCtx) {
		b := newFileBody(t, name)
		bodies <- b
		ctx.SetBodyStream(b, len(content))
	})
	c := s.dial()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	b := <-bodies
	b.changed.Store(true)
	all, _ := io.ReadAll(c)
	<-b.over
	if len(all) >= len(content) || !errors.Is(b.err, io.ErrUnexpectedEOF) {
		t.Errorf("%d bytes, %v", len(all), b.err)
	}
}

func TestCutEndsADownload(t *testing.T) {
	name, content := randomFile(t, 40<<20)
	bodies := make(chan *fileBody, 1)
	conns := make(chan *Conn, 1)
	s := serve(t, func(ctx *fasthttp.RequestCtx) {
		b := newFileBody(t, name)
		bodies <- b
		conns <- ctx.Conn().(*Conn)
		ctx.SetBodyStream(b, len(content))
	})
	c := s.dial()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	reason := errors.New("by an operator")
	(<-conns).Cut(reason)
	b := <-bodies
	<-b.over
	if !errors.Is(b.err, reason) {
		t.Error(b.err)
	}
}

func TestRefusals(t *testing.T) {
	s := serve(t, hello)
	for _, test := range []struct{ request, want string }{
		{"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
		{"GET / HTTP/2.0\r\nHost: h\r\n\r\n", "HTTP/1.1 505 "},
		{"GET / HTTP/1.1\r\nHost: h\r\nA : b\r\n\r\n", "HTTP/1.1 400 "},
		{"GET /" + strings.Repeat("x", 40000) + " HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 414 "},
		{"GET / HTTP/1.1\r\nHost: h\r\nA: " + strings.Repeat("x", 40000) + "\r\n\r\n", "HTTP/1.1 431 "},
		{"GET / HTTP/1.1\r\nHost: h\r\nA: " + strings.Repeat("x", 30000) + "\r\n\r\n", "HTTP/1.1 200 "},
		{"GET / HTTP/1.1\r\nHost: h\r\n", "HTTP/1.1 408 "},
		{"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
	} {
		c := s.dial()
		_, _ = io.WriteString(c, test.request)
		line, err := bufio.NewReader(c).ReadString('\n')
		if !strings.HasPrefix(line, test.want) {
			t.Errorf("%.60q: %q %v", test.request, line, err)
		}
		_ = c.Close()
	}
}

func TestRetiredConnectionsEndWhenTheyRest(t *testing.T) {
	s := serve(t, hello)
	idle := s.dial()
	_, _ = io.WriteString(idle, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	if _, err := http.ReadResponse(bufio.NewReader(idle), nil); err != nil {
		t.Fatal(err)
	}
	fresh := s.dial()
	for s.ln.Open() < 2 {
		time.Sleep(time.Millisecond)
	}
	_ = s.ln.Retire(false)
	if _, err := io.ReadAll(idle); err != nil {
		t.Error(err)
	}
	_, _ = io.WriteString(fresh, "GET /first HTTP/1.1\r\nHost: h\r\n\r\n")
	all, err := io.ReadAll(fresh)
	if err != nil || !strings.HasSuffix(string(all), "hello /first") {
		t.Errorf("%q %v", all, err)
	}
}

// What loops do not honor is fasthttp's to do.
func TestSettingsThatLoopsDoNotHonour(t *testing.T) {
	for _, test := range []struct {
		name    string
		change  func(*fasthttp.Server)
		request string
		honors  func(resp *http.Response, raw string) bool
	}{
		{
			"GetOnly", func(s *fasthttp.Server) { s.GetOnly = true }, "OPTIONS / HTTP/1.1\r\nHost: h\r\n\r\n",
			func(resp *http.Response, _ string) bool { return resp.StatusCode >= 400 },
		},
		{
			"NoDefaultDate", func(s *fasthttp.Server) { s.NoDefaultDate = true }, "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
			func(resp *http.Response, _ string) bool { return resp.Header.Get("Date") == "" },
		},
		{
			"NoDefaultContentType", func(s *fasthttp.Server) { s.NoDefaultContentType = true }, "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
			func(resp *http.Response, _ string) bool { return resp.Header.Get("Content-Type") == "" },
		},
		{
			"DisableHeaderNamesNormalizing", func(s *fasthttp.Server) { s.DisableHeaderNamesNormalizing = true }, "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
			func(_ *http.Response, raw string) bool { return strings.Contains(raw, "\r\nx-ODD: 1\r\n") },
		},
		{
			"MaxRequestsPerConn", func(s *fasthttp.Server) { s.MaxRequestsPerConn = 1 }, "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
			func(resp *http.Response, _ string) bool { return resp.Close },
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			server := &fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) {
				ctx.Response.Header.Set("x-ODD", "1")
				ctx.SetBodyString("hello")
			}}
			test.change(server)
			done := make(chan error, 1)
			go func() { done <- Serve(ln, server) }()
			c, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(c, test.request)
			raw := &strings.Builder{}
			resp, err := http.ReadResponse(bufio.NewReader(io.TeeReader(c, raw)), nil)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if !test.honors(resp, raw.String()) {
				t.Errorf("answered %q", raw)
			}
			_ = c.Close()
			if err := server.Shutdown(); err != nil {
				t.Error(err)
			}
			_ = ln.Close()
			<-done
		})
	}
}
