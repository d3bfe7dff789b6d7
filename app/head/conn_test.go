package head

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"fullbore/app/deadline"
)

// site is a fasthttp server behind Conns on 127.0.0.1, and what it saw.
type site struct {
	addr string

	mu       sync.Mutex
	requests []string
	refusals []*Refusal
	parked   chan *Conn // those that AtRest ended
}

// serve starts one. park is whether connections end at rest.
func serve(t *testing.T, park bool) *site {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &site{addr: l.Addr().String(), parked: make(chan *Conn, 1)}
	server := &fasthttp.Server{
		Handler: h.answer, ErrorHandler: h.refuse,
		StreamRequestBody: true, DisablePreParseMultipartForm: true, ReduceMemoryUsage: true, SecureErrorLogMessage: true,
		ReadBufferSize: DefaultLimit + 1, ReadTimeout: 10 * time.Second, Logger: silent{},
	}
	var open sync.WaitGroup
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				conn := NewConn(c, nil, 0)
				conn.Limits = limited(time.Second)
				if park {
					conn.AtRest = func() error { return io.EOF }
				}
				_ = server.ServeConn(conn.Served()) // of the last read
				if conn.Resting() {
					h.parked <- conn
				}
			})
		}
	}()
	t.Cleanup(func() { l.Close(); open.Wait() })
	return h
}

type silent struct{}

func (silent) Printf(string, ...any) {}

func (h *site) answer(ctx *fasthttp.RequestCtx) {
	judgement := ctx.Conn().(interface{ Head() *Head }).Head()
	body := []byte("unread") // which fasthttp drains
	if stream := ctx.RequestBodyStream(); stream == nil {
		body = ctx.Request.Body()
	} else if string(ctx.Path()) != "/unread" {
		var err error
		if body, err = io.ReadAll(stream); err != nil {
			ctx.SetStatusCode(400)
		}
	}
	if !judgement.Persist {
		ctx.SetConnectionClose()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.requests = append(h.requests, fmt.Sprintf("%s %s %s", ctx.Method(), ctx.RequestURI(), body))
	length := int64(ctx.Request.Header.ContentLength())
	if length < Chunked { // none
		length = 0
	}
	if judgement.Body != length {
		h.requests = append(h.requests, fmt.Sprintf("with the head of another: %+v", judgement))
	}
}

func (h *site) refuse(ctx *fasthttp.RequestCtx, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var refusal *Refusal
	if ctx.SetStatusCode(500); errors.As(err, &refusal) {
		ctx.SetStatusCode(refusal.Status)
		h.refusals = append(h.refusals, refusal)
	}
}

// send sends raw, and gives the statuses of the answers. Unless halfClose, it
// is the server that has to end the connection.
func (h *site) send(t *testing.T, raw string, halfClose bool) (statuses string) {
	t.Helper()
	c, err := net.Dial("tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, raw); err != nil {
		t.Fatal(err)
	}
	if halfClose {
		_ = c.(*net.TCPConn).CloseWrite()
	}
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	all, err := io.ReadAll(c)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after %.100q the server waits; it said %q", raw, all)
	}
	for _, part := range strings.Split(string(all), "HTTP/1.1 ")[1:] {
		statuses += part[:3] + " "
	}
	return strings.TrimSpace(statuses)
}

func TestFasthttpBehindConn(t *testing.T) {
	smuggled := "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
	unread := func(fields, body string) string {
		return "POST /unread HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n" + body
	}
	long := smuggled + strings.Repeat("x", 20000)
	big := get("A: " + strings.Repeat("x", 30000) + "\r\n")
	for _, test := range []struct {
		name, raw string
		want      string // the statuses
		requests  string
		refused   string // status, method and target
	}{
		{"16 pipelined", strings.Repeat(get(""), 16), strings.TrimSpace(strings.Repeat("200 ", 16)), strings.Repeat("GET /f ;", 16), ""},
		{"content", post("Content-Length: 5\r\n") + "01234" + get(""), "200 200", "POST /f 01234;GET /f ;", ""},
		{"content on GET", get("Content-Length: 5\r\n") + "01234" + get(""), "200 200", "GET /f 01234;GET /f ;", ""},
		{"chunks", post("Transfer-Encoding: chunked\r\n") + "5;a\r\n01234\r\n1\r\n5\r\n0\r\nA: b\r\n\r\n" + get(""), "200 200", "POST /f 012345;GET /f ;", ""},
		{"large heads", big + big, "200 200", "GET /f ;GET /f ;", ""},
		{"a request that nobody reads", unread(fmt.Sprintf("Content-Length: %d\r\n", len(smuggled)), smuggled), "200", "POST /unread unread;", ""},
		{"a longer one", unread(fmt.Sprintf("Content-Length: %d\r\n", len(long)), long), "200", "POST /unread unread;", ""},
		{"one in chunks", unread("Transfer-Encoding: chunked\r\n", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(smuggled), smuggled)), "200", "POST /unread unread;", ""},
		{"one that is identity", unread("Transfer-Encoding: identity\r\n", smuggled), "400", "", "400 POST /unread;"},
		{"after TE, close", get("Connection: TE, close\r\n") + smuggled, "200", "GET /f ;", ""},
		{"a first head", "GET /f HTTP/9.9\r\n\r\n", "505", "", "505 GET /f;"},
		{"a second head", get("") + "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n" + smuggled, "200 400", "GET /f ;", "400 GET /a#b;"},
		{"no HTTP", "\x16\x03\x01", "400", "", "400  ;"},
		{"an endless line", "GET /" + strings.Repeat("x", DefaultLimit), "414", "", "414 GET /" + strings.Repeat("x", maxRecorded-1) + ";"},
		{"LF LF", "GET /f HTTP/1.1\nHost: a\n\n", "400", "", "400 GET /f;"},
		{"a head that does not come", get("") + "GET /slow HTTP/1.1\r\n", "200 408", "GET /f ;", "408 GET /slow;"},
		{"a chunk", post("Transfer-Encoding: chunked\r\n") + "5\r\n01234\r\n1;\nZ\r\n0\r\n\r\n" + smuggled, "400", "POST /f 01234;", ""},
	} {
		h := serve(t, false)
		// Who is refused need not say that there is no more.
		if got := h.send(t, test.raw, test.refused == ""); got != test.want {
			t.Errorf("%s: answered %s, want %s", test.name, got, test.want)
		}
		h.mu.Lock()
		requests, refused := "", ""
		for _, request := range h.requests {
			requests += request + ";"
		}
		for _, r := range h.refusals {
			refused += fmt.Sprintf("%d %s %s;", r.Status, r.Method, r.Target)
		}
		if requests != test.requests || refused != test.refused {
			t.Errorf("%s: requests %.200q, refused %.200q", test.name, requests, refused)
		}
		h.mu.Unlock()
	}
}

func TestConnectionAtRestCanBeKept(t *testing.T) {
	h := serve(t, true)
	if got := h.send(t, get("")+get(""), false); got != "200 200" {
		t.Errorf("answered %s", got)
	}
	if conn := <-h.parked; !conn.Resting() || conn.Head().Length == 0 {
		t.Errorf("%+v", conn.Head())
	}
	if got := h.send(t, get("Connection: close\r\n"), false); got != "200" {
		t.Errorf("answered %s", got)
	}
	select {
	case <-h.parked:
		t.Error("a connection that ends is at rest")
	default:
	}
}

// limited allows a head as long, and everything else the default.
func limited(head time.Duration) *deadline.Current {
	limits := new(deadline.Current)
	limits.Set(deadline.Limits{Head: head})
	return limits
}

// The time for a head begins with its first byte, and ends with its last.
func TestHeadTimeout(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	conn := NewConn(server, nil, 0)
	conn.Limits = limited(time.Hour)
	if err := conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	go func() {
		raw := get("")
		_, _ = io.WriteString(client, raw[:5])
		time.Sleep(100 * time.Millisecond)
		_, _ = io.WriteString(client, raw[5:])
	}()
	p := make([]byte, 100)
	if n, err := conn.Read(p); n != len(get("")) || err != nil {
		t.Fatalf("%d bytes, %v", n, err)
	}
	if _, err := conn.Read(p); !errors.Is(err, os.ErrDeadlineExceeded) || conn.Refused() != nil {
		t.Errorf("fasthttp's deadline is not back: %v", err)
	}
}

func TestServedKeepsSendfileAndTLS(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	tcp := NewConn(client, nil, 0).Served()
	from, ok := tcp.(io.ReaderFrom)
	if !ok {
		t.Fatal("no ReadFrom over TCP")
	}
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if n, err := from.ReadFrom(file); n != 7 || err != nil {
		t.Errorf("ReadFrom: %d, %v", n, err)
	}
	if tcp.(interface{ NetConn() net.Conn }).NetConn() != client {
		t.Error("NetConn is another connection")
	}

	secure := NewConn(tls.Client(client, &tls.Config{InsecureSkipVerify: true}), nil, 0).Served()
	if _, ok := secure.(io.ReaderFrom); ok {
		t.Error("ReadFrom over TLS")
	}
	if _, ok := secure.(handshaker); !ok {
		t.Error("TLS is hidden")
	}
	pipe, _ := net.Pipe()
	if _, ok := NewConn(pipe, nil, 0).Served().(io.ReaderFrom); ok {
		t.Error("ReadFrom over what has none")
	}
}

// fasthttp must know that a request came by TLS.
func TestTLSBehindConn(t *testing.T) {
	certified := httptest.NewTLSServer(nil)
	certified.Close()
	l, err := tls.Listen("tcp", "127.0.0.1:0", certified.TLS)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	served := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			server := &fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) { fmt.Fprint(ctx, ctx.IsTLS()) }}
			err = server.ServeConn(NewConn(c, nil, 0).Served())
		}
		served <- err
	}()
	client := &fasthttp.Client{TLSConfig: &tls.Config{InsecureSkipVerify: true}}
	_, body, err := client.Get(nil, "https://"+l.Addr().String())
	if string(body) != "true" || err != nil {
		t.Errorf("%q, %v", body, err)
	}
	client.CloseIdleConnections()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
