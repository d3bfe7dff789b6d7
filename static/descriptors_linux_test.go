package static

// Descriptors: when there are none left, and that all are given back.

import (
	"bufio"
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// descriptors is how many this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// Whatever step of a request is the one that finds no descriptor: the answer
// is 503, nothing stays open, and the next request finds all in order.
func TestOutOfDescriptors(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "f", "content")
	write(t, dir, "noextension", "content")
	write(t, dir, "folder/f", "content")
	link(t, dir, "folder/link", "f")
	write(t, dir, "index/index.html", "content")
	everyWay(t, dir, Config{Browse: true}, func(t *testing.T, h *Handler) {
		handle := appOf(h)
		for _, target := range []string{"/f", "/noextension", "/folder/", "/index/", "/folder/link"} {
			if status, body, _ := handled(handle, target); status != 200 {
				t.Fatalf("%s: %d %q", target, status, body)
			}
			before := descriptors(t)
			refused := 0
			for limit := 3; limit < before+8; limit++ {
				status, body, ctx := withDescriptors(t, limit, handle, target)
				if status == 503 && string(ctx.Response.Header.Peek("Retry-After")) == "5" {
					refused++
				} else if status != 200 {
					t.Errorf("%s with descriptors up to %d: %d %q, Retry-After %q", target, limit, status, body, ctx.Response.Header.Peek("Retry-After"))
				}
			}
			if refused == 0 {
				t.Errorf("%s was never refused", target)
			}
			if after := descriptors(t); after != before {
				t.Errorf("%s: %d descriptors before, %d after", target, before, after)
			}
			if status, body, _ := handled(handle, target); status != 200 {
				t.Errorf("%s after the shortage: %d %q", target, status, body)
			}
		}
	})
}

// withDescriptors is handled while no descriptor may be limit or higher.
func withDescriptors(t *testing.T, limit int, handle fasthttp.RequestHandler, target string) (int, string, *fasthttp.RequestCtx) {
	t.Helper()
	var usual syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &usual); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &usual); err != nil {
			t.Fatal(err)
		}
	}()
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: uint64(limit), Max: usual.Max}); err != nil {
		t.Fatal(err)
	}
	return handled(handle, target)
}

// A thousand requests of all kinds, half of them broken off.
func TestDescriptorsAreGivenBack(t *testing.T) {
	root := outside(t)
	write(t, root, "large", noise(1<<20, 1))
	write(t, root, "small", noise(20_000, 1))
	write(t, root, "index/index.html", "content")
	targets := []string{"/large", "/small", "/f", "/nope", "/out", "/sub", "/sub/", "/", "/index/", "/indir/g", "/loop", "/f/", "/.hidden/f"}
	headers := []string{"X: y", "Range: bytes=0-9", "Range: bytes=0-9,100-199,20000-29999", "Range: bytes=9999999-", "If-None-Match: *", `If-Match: "x"`}
	for kind, on := range sockets {
		everyWay(t, root, Config{Browse: true}, func(t *testing.T, h *Handler) {
			s := serveHandler(t, on, "/", h)
			s.ask(t, "GET", "/f")
			before := descriptors(t)
			conn := s.dial(t)
			r := bufio.NewReader(conn)
			for i := range 84 { // twice, over three kinds of socket, in two ways
				method := []string{"GET", "HEAD"}[i/2%2]
				target, header := targets[i%len(targets)], headers[i%len(headers)]
				if _, err := io.WriteString(conn, request(method, target, header)); err != nil {
					t.Fatal(err)
				}
				readResponse(t, r, method, target)
				s.abort(t, request(method, target, header), i%3 > 0)
			}
			conn.Close()
			for deadline := time.Now().Add(patience); descriptors(t) > before; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("%s: %d descriptors before, %d after", kind, before, descriptors(t))
				}
			}
		})
	}
}

// abort sends a request and goes away, after the answer has begun or before.
func (s *site) abort(t *testing.T, request string, begun bool) {
	t.Helper()
	conn := s.dial(t)
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	if begun {
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	_ = tcpOf(conn).SetLinger(0)
	tcpOf(conn).Close()
}
