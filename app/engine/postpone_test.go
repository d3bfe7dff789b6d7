//go:build linux && (amd64 || arm64)

package engine

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"fullbore/app/wire"
)

// waitingRoom holds requests below /held until a test lets them go, and answers others.
type waitingRoom struct {
	came chan *guest
}

type guest struct {
	release func()
	left    chan bool // whether then was called for one that left
	conn    *Conn
}

func (w *waitingRoom) handle(ctx *fasthttp.RequestCtx) {
	conn := ctx.Conn().(*Conn)
	if string(ctx.Path()) == "/asleep" {
		conn.Block()
	}
	if string(ctx.Path()) != "/hello" {
		g := &guest{left: make(chan bool, 1), conn: conn}
		g.release = conn.Postpone(func(left bool) {
			ctx.Response.AppendBodyString(", at last")
			g.left <- left
		})
		w.came <- g
	}
	hello(ctx)
}

func (w *waitingRoom) next(t *testing.T) *guest {
	t.Helper()
	select {
	case g := <-w.came:
		return g
	case <-time.After(20 * time.Second):
		t.Fatal("no request came")
		return nil
	}
}

// A request that is held is answered when it is released, and what came behind it after
// that; the loop goes on meanwhile, and no time limit ends it.
func TestPostponedRequestIsAnsweredLater(t *testing.T) {
	room := &waitingRoom{came: make(chan *guest, 1)}
	s := serve(t, room.handle)
	for _, path := range []string{"/held", "/asleep"} {
		c := s.dial()
		_, _ = io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: h\r\n\r\nGET /hello HTTP/1.1\r\nHost: h\r\n\r\n")
		g := room.next(t)
		for range 4 { // on each loop
			if resp, body := s.get("/hello"); resp.StatusCode != 200 || string(body) != "hello /hello" {
				t.Fatalf("meanwhile: %s %s", resp.Status, body)
			}
		}
		http.DefaultClient.CloseIdleConnections()
		g.release()
		g.release()
		r := bufio.NewReader(c)
		for _, want := range []string{"hello " + path + ", at last", "hello /hello"} {
			resp, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(resp.Body); err != nil || string(body) != want {
				t.Errorf("answered %q, %v; want %q", body, err, want)
			}
		}
		if left := <-g.left; left {
			t.Error("it is said to have left")
		}
		_ = c.Close()
	}
}

// A request that is released while its handler still runs does not wait.
func TestPostponedRequestThatIsReleasedAtOnce(t *testing.T) {
	for _, blocks := range []bool{false, true} {
		s := serve(t, func(ctx *fasthttp.RequestCtx) {
			conn := ctx.Conn().(*Conn)
			if blocks {
				conn.Block()
			}
			conn.Postpone(func(bool) {})()
			hello(ctx)
		})
		for range 100 {
			if resp, body := s.get("/x"); resp.StatusCode != 200 || string(body) != "hello /x" {
				t.Fatalf("%s %s", resp.Status, body)
			}
		}
		http.DefaultClient.CloseIdleConnections()
	}
}

// Clients that leave while they wait, in whichever way, are noticed, and so is a cut.
func TestClientThatLeavesWhileItWaits(t *testing.T) {
	room := &waitingRoom{came: make(chan *guest, 1)}
	s := serve(t, room.handle)
	for _, leave := range []string{"close", "reset", "half", "cut"} {
		for _, path := range []string{"/held", "/asleep"} {
			c := s.dial()
			_, _ = io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: h\r\n\r\n")
			g := room.next(t)
			switch leave {
			case "reset":
				_ = c.SetLinger(0)
				_ = c.Close()
			case "close":
				_ = c.Close()
			case "half":
				_ = c.CloseWrite()
			case "cut":
				g.conn.Cut(errors.New("on purpose"))
			}
			select {
			case left := <-g.left:
				if !left {
					t.Errorf("%s %s: taken for released", leave, path)
				}
			case <-time.After(20 * time.Second):
				t.Fatalf("%s %s: not noticed", leave, path)
			}
			g.release() // too late
			if !s.ln.WaitClosed(20 * time.Second) {
				t.Errorf("%s %s: the connection stays", leave, path)
			}
			if err := g.conn.WriteErr(); err == nil || (leave != "cut") != errors.Is(err, wire.ErrLeft) {
				t.Errorf("%s %s: the error is %v", leave, path, err)
			}
			_ = c.Close()
		}
	}
}

// A thousand that wait need no goroutine, and little memory.
func TestPostponedRequestsNeedNoGoroutines(t *testing.T) {
	const n = 1000
	room := &waitingRoom{came: make(chan *guest, n)}
	s := serve(t, room.handle, patient)
	s.get("/hello")
	http.DefaultClient.CloseIdleConnections()
	before := runtime.NumGoroutine()
	var guests []*guest
	for i := range n {
		c := s.dial()
		_, _ = fmt.Fprintf(c, "GET /held/%d HTTP/1.1\r\nHost: h\r\nUser-Agent: test\r\n\r\n", i)
		guests = append(guests, room.next(t))
	}
	if grown := runtime.NumGoroutine() - before; grown > 20 {
		t.Errorf("%d goroutines more for %d that wait", grown, n)
	}
	for _, g := range guests {
		g.release()
	}
	for _, g := range guests {
		if <-g.left {
			t.Error("left")
		}
	}
}
