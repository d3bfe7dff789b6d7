//go:build linux && (amd64 || arm64)

package engine

// Who owns a connection, and for how long: what comes when it has just changed
// hands, or is gone.

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"

	"fullbore/app/wire"
)

// stopped is an engine whose one loop does not run: the test does its steps.
func stopped(t *testing.T, handler fasthttp.RequestHandler) (*served, *loop) {
	t.Helper()
	ln, err := wire.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(ln, &fasthttp.Server{Handler: handler, Name: "test"}, Config{Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = ln.Close()
		e.closeListening()
		e.close()
	})
	return &served{t, ln.Addr().String(), ln, e}, e.loops[0]
}

// accepted is the loop's side of a new connection.
func (s *served) accepted(l *loop) *Conn {
	s.Helper()
	s.dial()
	for range 1000 {
		l.accept(l.engine.listening[0], 1)
		for _, c := range l.conns {
			if c != nil {
				return c
			}
		}
		time.Sleep(time.Millisecond)
	}
	s.Fatal("nothing to accept")
	return nil
}

// eventually waits for what other goroutines are about to do.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}

func (s *served) send(c net.Conn, text string) {
	s.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		s.Fatal(err)
	}
}

func (s *served) answer(r *bufio.Reader) (*http.Response, string) {
	s.Helper()
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		s.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.Fatal(err)
	}
	return resp, string(body)
}

const getRequest = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

// A transfer may be ended by hand when it has just ended by itself. By then its
// descriptor's number may be another connection's.
func TestCutThatComesLateCutsNobodyElse(t *testing.T) {
	carried := make(chan *Conn, 1)
	s := serve(t, func(ctx *fasthttp.RequestCtx) {
		if string(ctx.Path()) != "/stream" {
			return
		}
		carried <- ctx.Conn().(*Conn)
		ctx.SetConnectionClose()
		ctx.SetBodyStream(strings.NewReader("x"), -1)
	})
	c := s.dial()
	s.send(c, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n")
	if _, err := io.ReadAll(c); err != nil {
		t.Fatal(err)
	}
	late := <-carried
	eventually(t, "the connection does not end", func() bool { return s.ln.Open() == 0 && !late.away.Load() })
	var others []net.Conn
	for range 8 {
		c := s.dial()
		others = append(others, c)
		s.send(c, getRequest)
		s.answer(bufio.NewReader(c))
	}
	late.Cut(errors.New("too late"))
	time.Sleep(20 * time.Millisecond)
	for i, c := range others {
		s.send(c, getRequest)
		if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
			t.Errorf("connection %d: %v", i, err)
		}
	}
}

func TestStreamOfAHandlerThatBlockedIsCountedOnce(t *testing.T) {
	s := serve(t, func(ctx *fasthttp.RequestCtx) {
		ctx.Conn().(*Conn).Block()
		ctx.SetBodyStream(strings.NewReader("abc"), -1)
	})
	c := s.dial()
	r := bufio.NewReader(c)
	for range 3 {
		s.send(c, getRequest)
		if _, body := s.answer(r); body != "abc" {
			t.Fatalf("%q", body)
		}
	}
	eventually(t, "connections are away that are not", func() bool { return s.engine.aside.Load() == 0 })
}

func TestHandlerAsideThatClosesItsConnection(t *testing.T) {
	s := serve(t, func(ctx *fasthttp.RequestCtx) { _ = ctx.Conn().Close(); _ = ctx.Conn().Close() })
	c := s.dial()
	s.send(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx")
	if all, err := io.ReadAll(c); len(all) > 0 {
		t.Errorf("%q %v", all, err)
	}
	eventually(t, "it is not closed", func() bool { return s.ln.Open() == 0 })
	eventually(t, "it is counted twice", func() bool { return s.engine.aside.Load() == 0 })
	time.Sleep(10 * time.Millisecond)
	if n := s.engine.aside.Load(); n != 0 {
		t.Errorf("%d connections are away", n)
	}
}

func TestHijackerThatClosesTwice(t *testing.T) {
	s := serve(t, func(ctx *fasthttp.RequestCtx) {
		ctx.Hijack(func(c net.Conn) { _, _ = io.WriteString(c, "mine"); _ = c.Close(); _ = c.Close() })
	}, func(server *fasthttp.Server) { server.KeepHijackedConns = true })
	c := s.dial()
	s.send(c, "CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n")
	all, _ := io.ReadAll(c)
	if !strings.HasSuffix(string(all), "mine") {
		t.Errorf("%q", all)
	}
	eventually(t, "it is not closed", func() bool { return s.ln.Open() == 0 })
	time.Sleep(10 * time.Millisecond)
	if n := s.engine.aside.Load(); n != 0 {
		t.Errorf("%d connections are away", n)
	}
}

func TestConcurrencyLimitLeavesNoConnection(t *testing.T) {
	enter, leave := make(chan struct{}), make(chan struct{})
	s := serve(t, func(ctx *fasthttp.RequestCtx) { enter <- struct{}{}; <-leave },
		func(server *fasthttp.Server) { server.Concurrency = 1 })
	const post = "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx"
	first, second := s.dial(), s.dial()
	s.send(first, post)
	<-enter
	s.send(second, post)
	if resp, _ := s.answer(bufio.NewReader(second)); resp.StatusCode != 503 {
		t.Errorf("%d", resp.StatusCode)
	}
	eventually(t, "the refused one stays open", func() bool { return s.ln.Open() == 1 })
	close(leave)
	s.answer(bufio.NewReader(first))
}

// A request that has begun to arrive is answered, also when it is passed on
// after everything was retired.
func TestRequestOfARetiredConnectionIsPassedOn(t *testing.T) {
	s := serve(t, func(ctx *fasthttp.RequestCtx) {
		body, _ := io.ReadAll(ctx.RequestBodyStream())
		ctx.SetBody(body)
	})
	c := s.dial()
	s.send(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Le")
	time.Sleep(20 * time.Millisecond)
	if err := s.ln.Retire(true); err != nil {
		t.Fatal(err)
	}
	s.send(c, "ngth: 3\r\n\r\n")
	time.Sleep(50 * time.Millisecond)
	s.send(c, "abc")
	if _, body := s.answer(bufio.NewReader(c)); body != "abc" {
		t.Errorf("%q", body)
	}
}

// The registry knows what a goroutine has, until the loop has it again.
func TestCutOnTheWayBackIsNotLost(t *testing.T) {
	s, l := stopped(t, hello)
	c := s.accepted(l)
	l.release(c)
	w, err := s.engine.adopt(c)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := takeDescriptor(w)
	if err != nil {
		t.Fatal(err)
	}
	s.ln.Cut(errors.New("all are cut"))
	l.told(message{conn: c, what: cameBack, fd: fd}, 0)
	if !c.has(closed) {
		t.Error("the connection is still open")
	}
}

func TestNoDescriptorToHandOverWith(t *testing.T) {
	s := serve(t, func(ctx *fasthttp.RequestCtx) {
		if ctx.IsPost() {
			body, _ := io.ReadAll(ctx.RequestBodyStream())
			ctx.SetBody(body)
		}
	})
	c := s.dial()
	r := bufio.NewReader(c)
	s.send(c, getRequest)
	s.answer(r)
	giveBack := takeAllDescriptors(t)
	s.send(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
	time.Sleep(50 * time.Millisecond)
	giveBack()
	if resp, body := s.answer(r); resp.StatusCode != 200 || body != "abc" {
		t.Errorf("%d %q", resp.StatusCode, body)
	}
}

func takeAllDescriptors(t *testing.T) (giveBack func()) {
	t.Helper()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 256, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	var taken []int
	for {
		fd, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			break
		}
		taken = append(taken, fd)
	}
	giveBack = sync.OnceFunc(func() {
		for _, fd := range taken {
			closeFD(fd)
		}
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before)
	})
	t.Cleanup(giveBack)
	return giveBack
}

func TestLocalAddrOfAStreamedResponse(t *testing.T) {
	s := serve(t, func(ctx *fasthttp.RequestCtx) {
		c := ctx.Conn().(*Conn)
		ctx.SetBodyStreamWriter(func(w *bufio.Writer) {
			eventually(t, "nobody adopts it", func() bool { return c.handed.Load() != nil })
			fmt.Fprint(w, c.LocalAddr())
		})
	})
	c := s.dial()
	s.send(c, getRequest)
	if _, body := s.answer(bufio.NewReader(c)); body != s.addr {
		t.Errorf("%q, want %q", body, s.addr)
	}
}

// What a client has connected before the listener is closed is served, however
// many there are.
func TestClosingTakesTheWholeBacklog(t *testing.T) {
	hold := make(chan struct{})
	s := serve(t, hello)
	for _, l := range s.engine.loops { // let none accept
		l.tell(message{what: ofTheListener})
	}
	var held sync.WaitGroup
	for _, l := range s.engine.loops {
		held.Add(1)
		// Holding the lock of its inbox holds a loop.
		go func() { l.inbox.Lock(); held.Done(); <-hold; l.inbox.Unlock() }()
	}
	held.Wait()
	time.Sleep(10 * time.Millisecond)
	const n = 200
	conns := make([]*net.TCPConn, n)
	for i := range conns {
		conns[i] = s.dial()
		s.send(conns[i], getRequest)
	}
	closed := make(chan struct{})
	go func() { _ = s.ln.Close(); close(closed) }()
	time.Sleep(10 * time.Millisecond)
	close(hold)
	<-closed
	failed := 0
	for _, c := range conns {
		if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
			failed++
		}
	}
	if failed > 0 {
		t.Errorf("%d of %d were thrown away", failed, n)
	}
}

// The end of a cold file waits for its disk. What the file is by then counts.
func TestEndOfAColdFileIsLookedAtWhenItIsThere(t *testing.T) {
	s, l := stopped(t, hello)
	c := s.accepted(l)
	name, _ := randomFile(t, 4<<10)
	body := newFileBody(t, name)
	r := newResponse()
	r.body = body
	c.out = r
	body.changed.Store(true)
	if p := c.sendCold(); p != broken || body.sent.Load() > 0 {
		t.Errorf("%v, %d bytes were sent", p, body.sent.Load())
	}
	l.broken(c)
}

// A file system that cannot tell what is cached is a remote one, which is not
// asked on a loop.
func TestRemoteFileIsNotLookedAtOnTheLoop(t *testing.T) {
	s, l := stopped(t, hello)
	c := s.accepted(l)
	name, _ := randomFile(t, 64<<10)
	body := newFileBody(t, name)
	r := newResponse()
	r.body, r.cold = body, true
	c.out = r
	body.changed.Store(true)
	if p := l.sendRange(c, r, r.next(), &budget{left: turnMin}); p != absent || c.failure != nil {
		t.Errorf("%v, %v", p, c.failure)
	}
	if p := c.sendCold(); p != broken || body.sent.Load() > 0 {
		t.Errorf("%v, %d bytes were sent", p, body.sent.Load())
	}
	l.broken(c)
}
