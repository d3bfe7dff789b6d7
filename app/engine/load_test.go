//go:build linux && (amd64 || arm64)

package engine

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// parts is a Body of several ranges of a file, with text before each.
type parts struct {
	*fileBody
	left []part
}

func newParts(t *testing.T, name string, ranges [][2]int64) *parts {
	p := &parts{fileBody: newFileBody(t, name)}
	p.size = 0
	for i, r := range ranges {
		text := fmt.Sprintf("<%d>", i)
		p.left = append(p.left, part{text: text}, part{fd: int(p.file.Fd()), offset: r[0], length: r[1]})
		p.size += int64(len(text)) + r[1]
	}
	p.left = append(p.left, part{text: "end"})
	p.size += int64(len("end"))
	return p
}

// AppendTo always has to wait.
func (p *parts) AppendTo(b []byte) ([]byte, error) { return b, nil }

func (p *parts) Next() (string, int, int64, int64, bool) {
	if len(p.left) == 0 {
		return "", -1, 0, 0, false
	}
	next := p.left[0]
	return next.text, next.fd, next.offset, next.length, false
}

func (p *parts) Advance(n int64) {
	p.fileBody.Advance(n)
	next := &p.left[0]
	if next.text != "" {
		next.text = next.text[n:]
	} else {
		next.offset, next.length = next.offset+n, next.length-n
	}
	if next.text == "" && next.length == 0 {
		p.left = p.left[1:]
	}
}

func TestTextAndRangesInTurn(t *testing.T) {
	name, content := randomFile(t, 3<<20)
	for _, ranges := range [][][2]int64{
		{{0, 1}, {5, 10}},
		{{0, 100 << 10}, {1 << 20, 200 << 10}, {7, 3}},
		{{0, 3 << 20}, {0, 3 << 20}, {1, 2 << 20}},
	} {
		want := []byte{}
		for i, r := range ranges {
			want = append(want, fmt.Sprintf("<%d>", i)...)
			want = append(want, content[r[0]:r[0]+r[1]]...)
		}
		want = append(want, "end"...)
		bodies := make(chan *parts, 1)
		s := serve(t, func(ctx *fasthttp.RequestCtx) {
			b := newParts(t, name, ranges)
			bodies <- b
			ctx.SetBodyStream(b, len(want))
		})
		resp, body := s.get("/")
		if resp.ContentLength != int64(len(want)) || !bytes.Equal(body, want) {
			t.Errorf("%d of %d bytes", len(body), len(want))
		}
		b := <-bodies
		<-b.over
		if n := b.sent.Load(); n != int64(len(want)) {
			t.Errorf("counted %d of %d", n, len(want))
		}
		http.DefaultClient.CloseIdleConnections()
	}
}

// Many clients that take, abort and pipeline at random get what they ask for,
// and leave nothing behind.
func TestManyClientsAtRandom(t *testing.T) {
	name, content := randomFile(t, 600<<10)
	var opened, closed atomic.Int64
	s := serve(t, func(ctx *fasthttp.RequestCtx) {
		switch string(ctx.Path()) {
		case "/file":
			b := newFileBody(t, name)
			opened.Add(1)
			go func() { <-b.over; closed.Add(1) }()
			ctx.SetUserValue("hook", &hook{})
			ctx.SetBodyStream(b, len(content))
		case "/nap":
			if c, ok := ctx.Conn().(*Conn); ok {
				c.Block()
			}
			time.Sleep(time.Millisecond)
			hello(ctx)
		case "/stream":
			ctx.SetBodyStream(strings.NewReader("streamed"), -1)
		default:
			hello(ctx)
		}
	}, func(s *fasthttp.Server) { s.ReadTimeout = 20 * time.Second })
	clients, rounds := 40, 60
	if testing.Short() {
		rounds = 10
	}
	var group sync.WaitGroup
	for seed := range clients {
		group.Go(func() { randomClient(t, s.addr, content, rounds, uint64(seed)) })
	}
	group.Wait()
	for deadline := time.Now().Add(5 * time.Second); opened.Load() != closed.Load() && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if opened.Load() != closed.Load() {
		t.Errorf("%d files opened, %d closed", opened.Load(), closed.Load())
	}
}

func randomClient(t *testing.T, addr string, content []byte, rounds int, seed uint64) {
	random := mathrand.New(mathrand.NewPCG(seed, 1))
	paths := []string{"/file", "/nap", "/stream", "/x"}
	for range rounds {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Error(err)
			return
		}
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		n := 1 + random.IntN(4)
		var requests strings.Builder
		want := make([]string, n)
		for i := range n {
			want[i] = paths[random.IntN(len(paths))]
			fmt.Fprintf(&requests, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", want[i])
		}
		text := requests.String()
		cut := random.IntN(len(text))
		_, _ = io.WriteString(c, text[:cut])
		_, _ = io.WriteString(c, text[cut:])
		if random.IntN(4) == 0 {
			_ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond)) // there may be less
			_, _ = io.CopyN(io.Discard, c, random.Int64N(100<<10)+1)
			if random.IntN(2) == 0 {
				_ = c.(*net.TCPConn).SetLinger(0)
			}
			_ = c.Close()
			continue
		}
		if random.IntN(2) == 0 {
			_ = c.(*net.TCPConn).CloseWrite()
		}
		r := bufio.NewReader(c)
		for _, path := range want {
			resp, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Errorf("%v: %s: %v", want, path, err)
				break
			}
			body, err := io.ReadAll(resp.Body)
			expected := map[string]string{"/file": string(content), "/stream": "streamed"}[path]
			if expected == "" {
				expected = "hello " + path
			}
			if err != nil || string(body) != expected {
				t.Errorf("%v: %s: %d bytes, %v", want, path, len(body), err)
			}
		}
		_ = c.Close()
	}
}

func TestConnectionsLeaveNothingBehind(t *testing.T) {
	s := serve(t, hello)
	s.greet() // the server has opened what it keeps
	before := descriptors(t)
	n := 20000
	if testing.Short() {
		n = 1000
	}
	request, answer := []byte("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), make([]byte, 4096)
	for i := range n {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(i, err)
		}
		_ = c.(*net.TCPConn).SetLinger(0) // or ports run out
		if i%2 == 0 {
			_, _ = c.Write(request)
			_, _ = c.Read(answer)
		}
		_ = c.Close()
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if s.ln.Open() == 0 && descriptors(t) <= before {
			break
		}
	}
	if open, after := s.ln.Open(), descriptors(t); open != 0 || after > before {
		t.Errorf("%d connections open, %d descriptors, before %d", open, after, before)
	}
	for _, l := range s.engine.loops {
		if n := l.heads.n + l.rests.n + l.sends.n + l.ends.n; n != 0 {
			t.Errorf("%d connections are waited for", n)
		}
	}
}

// greet makes one request on a connection of its own.
func (s *served) greet() {
	s.Helper()
	c := s.dial()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	if _, err := io.ReadAll(c); err != nil {
		s.Fatal(err)
	}
	_ = c.Close()
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
