//go:build linux

package wire

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"testing"
	"time"
)

// turnstile is an allowance that lets through what the test says, and tells when somebody
// waits.
type turnstile struct {
	mu    sync.Mutex
	left  int64
	waits chan struct{}
	wake  chan struct{}
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
func (s *turnstile) Wake()       { signal(s.wake) }
func (s *turnstile) End()        {}
func (s *turnstile) Rate() int64 { return 0 }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (s *turnstile) give(n int64) {
	s.Return(n)
	s.Wake()
}

func (s *turnstile) held(t *testing.T) {
	t.Helper()
	select {
	case <-s.waits:
	case <-time.After(20 * time.Second):
		t.Fatal("nobody waits for more")
	}
}

// Of whatever is sent goes what may go and no byte more, and a peer that is held back is
// not one that takes nothing.
func TestHeldConnectionSendsWhatItMay(t *testing.T) {
	const idle = 200 * time.Millisecond
	f, content := randomFile(t, 300_000)
	for name, send := range map[string]func(*Conn) (int64, error){
		"Write": func(c *Conn) (int64, error) { n, err := c.Write(content); return int64(n), err },
		"a file": func(c *Conn) (int64, error) {
			_, _ = f.Seek(0, io.SeekStart)
			return c.ReadFrom(f)
		},
		"anything": func(c *Conn) (int64, error) { return c.ReadFrom(bytes.NewReader(content)) },
	} {
		t.Run(name, func(t *testing.T) {
			_, server, client := pair(t, idle)
			gate, got, sent := newTurnstile(), readAll(client), make(chan error, 1)
			server.Pace(gate)
			go func() {
				n, err := send(server)
				if n != int64(len(content)) && err == nil {
					err = errors.New("another count")
				}
				sent <- err
				server.Close()
			}()
			given := int64(0)
			for i, n := 0, int64(1); ; {
				select {
				case err := <-sent:
					if body := <-got; err != nil || !bytes.Equal(body, content) || i < 5 {
						t.Errorf("%d bytes came, %v, held back %d times", len(body), err, i)
					}
					return
				case <-gate.waits:
					if written := server.BytesWritten(); written > given {
						t.Fatalf("%d bytes were sent, %d may", written, given)
					} else if written < given { // it had asked twice before it was given that
						continue
					}
					if i == 3 { // for longer than it may take nothing
						time.Sleep(2 * idle)
					}
					given += n
					gate.give(n)
					i, n = i+1, n*3
				}
			}
		})
	}
}

func TestHeldConnectionIsReleased(t *testing.T) {
	f, content := randomFile(t, 100_000)
	for what, send := range map[string]func(*Conn) (int64, error){
		"Write": func(c *Conn) (int64, error) { n, err := c.Write(content); return int64(n), err },
		"a file": func(c *Conn) (int64, error) {
			_, _ = f.Seek(0, io.SeekStart)
			return c.ReadFrom(f)
		},
	} {
		for how, release := range map[string]func(*Conn, *turnstile){
			"let go": func(c *Conn, s *turnstile) { c.Pace(nil); s.Wake() },
			"cut":    func(c *Conn, _ *turnstile) { c.Cut(errors.New("enough")) },
		} {
			t.Run(what+" "+how, func(t *testing.T) {
				_, server, client := pair(t, time.Minute)
				gate, got, sent := newTurnstile(), readAll(client), make(chan error, 1)
				server.Pace(gate)
				go func() {
					_, err := send(server)
					sent <- err
					server.Close()
				}()
				gate.held(t)
				gate.give(5000)
				gate.held(t)
				release(server, gate)
				err, body := <-sent, <-got
				if how == "cut" && (err == nil || len(body) > 5000) {
					t.Errorf("it was cut: %v, %d bytes came", err, len(body))
				}
				if how == "let go" && (err != nil || !bytes.Equal(body, content)) {
					t.Errorf("it was let go: %v, %d bytes came", err, len(body))
				}
			})
		}
	}
}

// What a request's body is read at is allowed, too; what rests reads as it likes.
func TestHeldConnectionReadsWhatItMay(t *testing.T) {
	_, server, client := pair(t, time.Minute)
	gate := newTurnstile()
	server.Pace(gate)
	go client.Write(make([]byte, 10_000))
	if n, err := io.ReadFull(server, make([]byte, 1000)); n != 1000 || err != nil {
		t.Fatalf("%d bytes, %v, while nothing was asked", n, err)
	}
	server.Work()
	read := make(chan int, 1)
	go func() { n, _ := io.ReadFull(server, make([]byte, 9000)); read <- n }()
	gate.held(t)
	gate.give(2000)
	gate.held(t)
	if n := server.BytesRead(); n > 3000 {
		t.Errorf("%d bytes were read, 3000 may", n)
	}
	gate.give(7000)
	if n := <-read; n != 9000 {
		t.Errorf("%d bytes", n)
	}
}
