//go:build linux && (amd64 || arm64)

package engine

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"
)

// turnstile is an allowance that lets through what the test says, and tells when somebody
// waits.
type turnstile struct {
	mu    sync.Mutex
	left  int64
	given int64
	waits chan struct{}
	wake  chan struct{}
	conn  *Conn
}

func newTurnstile() *turnstile {
	return &turnstile{waits: make(chan struct{}, 1), wake: make(chan struct{}, 1)}
}

func (s *turnstile) Take(most int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(s.left, most)
	s.left -= n
	if n == 0 {
		signal(s.waits)
	}
	return n
}

func (s *turnstile) Return(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left += n
}

func (s *turnstile) Wait()       { <-s.wake }
func (s *turnstile) Wake()       { signal(s.wake); s.conn.Wake() }
func (s *turnstile) End()        {}
func (s *turnstile) Rate() int64 { return 0 }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// give lets n more bytes through.
func (s *turnstile) give(n int64) {
	s.Return(n)
	s.given += n
	s.Wake()
}

// held waits until somebody waits.
func (s *turnstile) held(t *testing.T) {
	t.Helper()
	select {
	case <-s.waits:
	case <-time.After(20 * time.Second):
		t.Fatal("nobody waits for more")
	}
}

// Whatever a response is made of, of it and its header goes what may go and no byte more,
// and a client that is held back is not one that takes nothing.
func TestHeldConnectionSendsWhatItMay(t *testing.T) {
	name, content := randomFile(t, 200_000)
	for kind, answer := range map[string]func(*fasthttp.RequestCtx){
		"small in memory": func(ctx *fasthttp.RequestCtx) { ctx.SetBody(content[:3000]) },
		"large in memory": func(ctx *fasthttp.RequestCtx) { ctx.SetBody(content) },
		"small file":      func(ctx *fasthttp.RequestCtx) { ctx.SetBodyStream(newFileBody(t, name), len(content)) },
		"cold file": func(ctx *fasthttp.RequestCtx) {
			b := newFileBody(t, name)
			_ = b.file.Sync()
			_ = unix.Fadvise(int(b.file.Fd()), 0, 0, unix.FADV_DONTNEED)
			ctx.SetBodyStream(b, len(content))
		},
		"stream": func(ctx *fasthttp.RequestCtx) { ctx.SetBodyStream(bytes.NewReader(content), len(content)) },
	} {
		t.Run(kind, func(t *testing.T) {
			gate, conns := newTurnstile(), make(chan *Conn, 1)
			s := serve(t, func(ctx *fasthttp.RequestCtx) {
				gate.conn = ctx.Conn().(*Conn)
				gate.conn.Pace(gate)
				conns <- gate.conn
				answer(ctx)
			}, patient)
			c := s.dial()
			s.send(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
			conn, got := <-conns, make(chan []byte, 1)
			go func() {
				resp, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil {
					t.Error(err)
					got <- nil
					return
				}
				body, _ := io.ReadAll(resp.Body)
				got <- body
			}()
			for i, n := 0, int64(1); ; {
				select {
				case body := <-got:
					if !bytes.Equal(body, content[:max(len(body), 3000)]) {
						t.Errorf("%d bytes that are not what was to be sent", len(body))
					}
					if i < 5 {
						t.Errorf("it was held back %d times only", i)
					}
					return
				case <-gate.waits:
					if sent := conn.BytesWritten(); sent > gate.given {
						t.Fatalf("%d bytes were sent, %d may", sent, gate.given)
					} else if sent < gate.given { // it had asked twice before it was given that
						continue
					}
					if i == 3 { // for longer than it may take nothing
						time.Sleep(2 * s.ln.Limits().Get().Idle)
					}
					gate.give(n)
					i, n = i+1, n*3
				}
			}
		})
	}
}

// What is held back can be let go, by another allowance or none, and ended.
func TestHeldConnectionIsReleased(t *testing.T) {
	name, content := randomFile(t, 100_000)
	for kind, stream := range map[string]func() io.Reader{
		"file":   func() io.Reader { return newFileBody(t, name) },
		"stream": func() io.Reader { return bytes.NewReader(content) },
	} {
		for how, release := range map[string]func(*Conn, *turnstile){
			"let go": func(c *Conn, s *turnstile) { c.Pace(nil); s.Wake() },
			"cut":    func(c *Conn, _ *turnstile) { c.Cut(errors.New("enough")) },
		} {
			t.Run(kind+" "+how, func(t *testing.T) {
				gate := newTurnstile()
				s := serve(t, func(ctx *fasthttp.RequestCtx) {
					gate.conn = ctx.Conn().(*Conn)
					gate.conn.Pace(gate)
					ctx.SetBodyStream(stream(), len(content))
				}, patient)
				c := s.dial()
				s.send(c, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
				gate.held(t)
				gate.give(5000)
				gate.held(t)
				release(gate.conn, gate)
				got, err := io.ReadAll(c)
				if how == "cut" && err == nil && len(got) > 5000 {
					t.Errorf("it was cut, and %d bytes came", len(got))
				}
				if how == "let go" && !bytes.HasSuffix(got, content) {
					t.Errorf("%d bytes came, %v", len(got), err)
				}
			})
		}
	}
}
