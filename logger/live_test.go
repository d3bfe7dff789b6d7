package logger

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// watcher is an Observer that others ask.
type watcher struct {
	mu      sync.Mutex
	results map[*Result]bool
	ended   []string
}

func (w *watcher) Begin(r *Result) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.State = w
	w.results[r] = true
}

func (w *watcher) Ready(r *Result) {
	if offset, length, ok := r.Span(); r.State != w || !r.Responding() || !ok || offset != 100 || length != 500 {
		panic(fmt.Sprintf("in Ready: %+v", r))
	}
}

func (w *watcher) End(r *Result) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.results, r)
	w.ended = append(w.ended, fmt.Sprint(r.Method, " ", string(r.Path), " ", r.Remote, " ", string(r.User), " ", r.Kind, " ", r.Status, " ", r.Length(), " ", r.Size, " ", r.Sent, " ", r.Received, " ", r.Outcome, " ", r.Ctx == nil))
}

// look returns the bytes sent of all that is on its way.
func (w *watcher) look() (sent int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for r := range w.results {
		_ = append(bytes.Clone(r.Path), r.Method...)
		_, _, _ = r.Remote, r.Start, r.BytesReceived()
		if r.Responding() {
			sent += r.BytesSent() + r.Length()*0 + int64(len(r.User)+len(r.Kind)+r.Status)*0
			_, _, _ = r.Span()
		}
	}
	return sent
}

// While responses go on, with their ctx or without, anybody may look.
func TestCountersAreLive(t *testing.T) {
	w := &watcher{results: map[*Result]bool{}}
	l, err := NewLogger(Config{Format: FormatJSON, Output: io.Discard, Observer: w})
	if err != nil {
		t.Fatal(err)
	}
	const requests = 200
	var serving, looking sync.WaitGroup
	var most atomic.Int64
	stop := make(chan struct{})
	looking.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				most.Store(max(most.Load(), w.look()))
			}
		}
	})
	for i := range 4 {
		serving.Go(func() {
			e := newEngine(t, l)
			for range requests {
				conn := &engineConn{}
				body, hook := e.request(conn, "/plan?user=me")
				var last io.Closer = hook
				if i%2 == 0 {
					last = hook.Detach()
					e.reset()
				}
				sending := make(chan struct{})
				go func() {
					defer close(sending)
					for range 10 {
						conn.written.Add(50)
						body.sent.Add(50)
					}
					if i%2 == 0 {
						_ = last.Close()
					}
				}()
				<-sending
				if i%2 != 0 {
					e.reset() // which closes it
				}
			}
		})
	}
	serving.Wait()
	close(stop)
	looking.Wait()
	if len(w.results) != 0 || len(w.ended) != 4*requests {
		t.Errorf("%d requests go on, %d ended", len(w.results), len(w.ended))
	}
	for _, line := range w.ended {
		if line = line[:strings.LastIndexByte(line, ' ')]; line != "GET /plan 192.0.2.1 me file 206 500 1000 500 0 complete" {
			t.Fatalf("ended as %q", line)
		}
	}
	t.Logf("at most %d bytes were on their way", most.Load())
}
