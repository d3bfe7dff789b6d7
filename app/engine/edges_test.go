//go:build linux && (amd64 || arm64)

package engine

// Edges of HTTP/1: how the end of a response shows, and who may end it.

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"
)

func TestStreamOfUnknownLengthEndsWithAnHTTP10Connection(t *testing.T) {
	for _, blocks := range []bool{false, true} {
		s := serve(t, func(ctx *fasthttp.RequestCtx) {
			if blocks {
				ctx.Conn().(*Conn).Block()
			}
			ctx.SetBodyStream(strings.NewReader("abc"), -1)
		})
		c := s.dial()
		_ = c.SetDeadline(time.Now().Add(time.Second))
		s.send(c, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
		all, err := io.ReadAll(c)
		if err != nil || !strings.HasSuffix(string(all), "\r\n\r\nabc") {
			t.Errorf("blocks %v: %q %v", blocks, all, err)
		}
	}
}

// panicking is a body that panics when some of it was read.
type panicking struct{ left int }

func (p *panicking) Read(b []byte) (int, error) {
	if p.left == 0 {
		panic("on purpose")
	}
	p.left--
	return copy(b, "abc"), nil
}

// A panic while a body is read ends its connection and nothing else.
func TestStreamThatPanicsEndsItsConnection(t *testing.T) {
	s := serve(t, func(ctx *fasthttp.RequestCtx) {
		length, _ := ctx.QueryArgs().GetUint("length")
		ctx.SetBodyStream(&panicking{left: 2}, length) // -1 without one
	})
	for _, version := range []string{"1.0", "1.1"} {
		for _, target := range []string{"/", "/?length=1000"} {
			c := s.dial()
			_ = c.SetDeadline(time.Now().Add(time.Minute))
			s.send(c, "GET "+target+" HTTP/"+version+"\r\nHost: h\r\nConnection: keep-alive\r\n\r\n")
			r := bufio.NewReader(c)
			resp, err := http.ReadResponse(r, nil)
			if err == nil {
				_, err = io.ReadAll(resp.Body)
			}
			if unknown := version == "1.0" && target == "/"; err == nil && !unknown {
				t.Errorf("%s on HTTP/%s ended as if it were whole", target, version)
			}
			if rest, err := io.ReadAll(r); len(rest) > 0 || err != nil {
				t.Errorf("%s on HTTP/%s: then came %q, %v", target, version, rest, err)
			}
		}
	}
}

func TestHijackOnALoopIsRefused(t *testing.T) {
	for _, blocks := range []bool{false, true} {
		s := serve(t, func(ctx *fasthttp.RequestCtx) {
			if string(ctx.Path()) != "/hijack" {
				return
			}
			if blocks {
				ctx.Conn().(*Conn).Block()
			}
			ctx.SetBodyString("mine")
			ctx.HijackSetNoResponse(true)
			ctx.Hijack(func(net.Conn) { t.Error("hijacked") })
		})
		c := s.dial()
		s.send(c, "GET /hijack HTTP/1.1\r\nHost: h\r\n\r\n")
		all, err := io.ReadAll(c)
		if err != nil || !bytes.HasPrefix(all, []byte("HTTP/1.1 500 ")) || bytes.Contains(all, []byte("mine")) {
			t.Errorf("blocks %v: %q %v", blocks, all, err)
		}
		next := s.dial()
		s.send(next, getRequest)
		if resp, _ := s.answer(bufio.NewReader(next)); resp.StatusCode != 200 {
			t.Errorf("blocks %v: then %d", blocks, resp.StatusCode)
		}
	}
}

func TestTimeoutOfAHeadRequestHasNoBody(t *testing.T) {
	leave := make(chan struct{})
	defer close(leave)
	s := serve(t, fasthttp.TimeoutHandler(func(ctx *fasthttp.RequestCtx) {
		if ctx.IsHead() {
			<-leave
		}
	}, 50*time.Millisecond, "too late"))
	c := s.dial()
	s.send(c, "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n")
	time.Sleep(100 * time.Millisecond)
	s.send(c, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	all, err := io.ReadAll(c)
	if err != nil || bytes.Contains(all, []byte("too late")) || !bytes.Contains(all, []byte("HTTP/1.1 200")) {
		t.Errorf("%q %v", all, err)
	}
}

// What a client has sent beyond its last request must not turn the end into a
// reset.
func TestHalfClosedClientThatSentMoreIsNotReset(t *testing.T) {
	s := serve(t, func(ctx *fasthttp.RequestCtx) {
		ctx.Conn().(*Conn).Block()
		time.Sleep(50 * time.Millisecond)
		ctx.SetBodyString("all of it")
	})
	for range 20 {
		c := s.dial()
		s.send(c, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"+strings.Repeat("x", 60<<10))
		_ = c.CloseWrite()
		time.Sleep(100 * time.Millisecond)
		if all, err := io.ReadAll(c); err != nil || !strings.HasSuffix(string(all), "all of it") {
			t.Fatalf("%d bytes, %v", len(all), err)
		}
	}
}

// An error of accept that says something about the listener itself does not make
// the server deaf for good.
func TestAcceptingGoesOnAfterAnUnknownError(t *testing.T) {
	s := serve(t, hello)
	s.greet()
	if err := unix.Shutdown(s.engine.listening[0], unix.SHUT_RD); err != nil { // accept4 is EINVAL from here on
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond) // for the loops to meet it
	if err := unix.Listen(s.engine.listening[0], 16); err != nil {
		t.Fatal(err)
	}
	if name, err := unix.Getsockname(s.engine.listening[0]); err == nil { // the port may be another one
		s.addr = fmt.Sprintf("127.0.0.1:%d", name.(*unix.SockaddrInet4).Port)
	}
	s.greet()
}

// A client may reset its connection whatever it is doing. Nothing is left of it, and
// nobody else notices.
func TestResetsInEveryState(t *testing.T) {
	name, content := randomFile(t, 8<<20)
	s := serve(t, func(ctx *fasthttp.RequestCtx) {
		switch string(ctx.Path()) {
		case "/file":
			ctx.SetBodyStream(newFileBody(t, name), len(content))
		case "/close":
			ctx.SetBodyStream(newFileBody(t, name), len(content))
			ctx.SetConnectionClose()
		case "/stream":
			ctx.SetBodyStreamWriter(func(w *bufio.Writer) {
				for range 1000 {
					if _, err := w.Write(content[:64<<10]); err != nil {
						return
					}
				}
			})
		default:
			hello(ctx)
		}
	}, patient)
	s.greet()
	before := descriptors(t)
	get := func(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n" }
	for _, test := range []struct {
		name, send string
		read       int // bytes, before the reset
	}{
		{"nothing sent", "", 0},
		{"within a head", "GET / HTT", 0},
		{"within a large head", "GET / HTTP/1.1\r\nA: " + strings.Repeat("x", 20<<10), 0},
		{"within a body", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n123", 0},
		{"within a chunk", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12", 0},
		{"at once after a request", get("/file"), 0},
		{"while a file is sent", get("/file"), 1000},
		{"with more requests behind it", get("/file") + get("/file") + get("/"), 1000},
		{"at rest", get("/"), 10},
		{"while the rest of a last response is waited for", get("/close"), 1000},
		{"while a refusal lingers", "GET / HTTP/1.1\r\nHost : h\r\n\r\n" + strings.Repeat("x", 100<<10), 10},
		{"while a stream is read", get("/stream"), 1000},
	} {
		for range 20 {
			c := s.dial()
			_, _ = io.WriteString(c, test.send)
			if _, err := io.ReadFull(c, make([]byte, test.read)); err != nil {
				t.Fatalf("%s: %v", test.name, err)
			}
			_ = c.SetLinger(0)
			_ = c.Close()
		}
		s.greet()
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if s.ln.Open() == 0 && descriptors(t) <= before {
			return
		}
	}
	t.Errorf("%d connections open, %d descriptors, before %d", s.ln.Open(), descriptors(t), before)
}
