//go:build linux

package wire

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// carried is a connection of another kind, as an event loop has them.
type carried struct {
	Seat
	Pacing
	read, written atomic.Int64
	cut           error
	retired       []Retirement
}

func (c *carried) BytesRead() int64      { return c.read.Load() }
func (c *carried) BytesWritten() int64   { return c.written.Load() }
func (c *carried) Cut(reason error)      { c.cut = reason }
func (c *carried) Retire(how Retirement) { c.retired = append(c.retired, how) }
func (c *carried) Reconsider()           {}

// have checks what a registry says.
func have(t *testing.T, r *Registry, open int, accepted, written, read int64) {
	t.Helper()
	if r.Open() != open || r.Accepted() != accepted {
		t.Errorf("%d open of %d, want %d of %d", r.Open(), r.Accepted(), open, accepted)
	}
	if w, b := r.Bytes(); w != written || b != read {
		t.Errorf("%d bytes written, %d read, want %d and %d", w, b, written, read)
	}
}

func TestRegistryCountsEveryKindOnce(t *testing.T) {
	var r Registry
	conns := make([]carried, 3*shards)
	for i := range conns {
		r.Add(&conns[i])
		conns[i].written.Store(100)
		conns[i].read.Store(1)
	}
	n := len(conns)
	have(t, &r, n, int64(n), int64(100*n), int64(n))
	r.Remove(&conns[1])
	r.Add(&conns[1]) // another connection, in the same memory
	have(t, &r, n, int64(n+1), int64(100*(n+1)), int64(n+1))
}

func TestRegistryRemovesFromAnywhere(t *testing.T) {
	var r Registry
	conns := make([]*carried, 4*shards)
	for i := range conns {
		conns[i] = new(carried)
		r.Add(conns[i])
	}
	left := len(conns)
	for _, from := range []int{1, 3, 0, 2} { // of the four in each list: the middle, the ends, the last
		for i := from * shards; i < (from+1)*shards; i++ {
			conns[i].written.Store(10)
			r.Remove(conns[i])
			r.Remove(conns[i]) // does nothing
			left--
			have(t, &r, left, int64(len(conns)), int64(10*(len(conns)-left)), 0)
			if n := r.Cut(nil); n != left {
				t.Fatalf("%d in the lists, want %d", n, left)
			}
		}
	}
}

func TestPeakIsSinceTheLastCall(t *testing.T) {
	var r Registry
	a, b := new(carried), new(carried)
	r.Add(a)
	r.Add(b)
	r.Remove(a)
	for i, want := range []int{2, 1, 1} {
		if got := r.Peak(); got != want {
			t.Errorf("call %d: %d, want %d", i, got, want)
		}
	}
	r.Remove(b)
	if got := []int{r.Peak(), r.Peak()}; got[0] != 1 || got[1] != 0 {
		t.Errorf("closed, and the peaks are %v", got)
	}
}

func TestRegistryReachesEveryKind(t *testing.T) {
	ln, server, _ := pair(t, time.Minute)
	early, late := new(carried), new(carried)
	ln.Add(early)
	_ = ln.Retire(false)
	ln.Add(late)
	_ = ln.Retire(true)
	reason := errors.New("a test")
	if n := ln.Cut(reason); n != 3 {
		t.Errorf("cut %d connections, want 3", n)
	}
	for name, c := range map[string]*carried{"early": early, "late": late} {
		if len(c.retired) != 2 || c.retired[0] != AfterAnswers || c.retired[1] != EvenFresh || c.cut != reason { //nolint:errorlint // itself
			t.Errorf("%s: retired %v, cut for %v", name, c.retired, c.cut)
		}
	}
	if _, err := server.Write([]byte("x")); !errors.Is(err, reason) {
		t.Errorf("Write gave %v", err)
	}
}

func TestAdoptedConnectionGoesOnWithTheCounters(t *testing.T) {
	ln, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	tcp, err := ln.entrances[0].accept() // by other means than ours
	if err != nil {
		t.Fatal(err)
	}
	old := new(carried)
	old.written.Store(1000)
	old.read.Store(100)
	ln.Add(old)
	have(t, &ln.Registry, 1, 1, 1000, 100)
	c := ln.Adopt(tcp, old)
	have(t, &ln.Registry, 1, 1, 1000, 100)
	if _, err := c.Write([]byte("answer")); err != nil || c.BytesWritten() != 1006 {
		t.Errorf("counted %d, %v", c.BytesWritten(), err)
	}
	ln.Remove(old) // has no place any more
	have(t, &ln.Registry, 1, 1, 1006, 100)

	// And back again.
	again := new(carried)
	again.written.Store(c.BytesWritten())
	again.read.Store(c.BytesRead())
	ln.Replace(c, again)
	have(t, &ln.Registry, 1, 1, 1006, 100)
	c.Close()
	have(t, &ln.Registry, 1, 1, 1006, 100)
	ln.Remove(again)
	have(t, &ln.Registry, 0, 1, 1006, 100)
}

func TestAdoptedConnectionIsRetired(t *testing.T) {
	ln, server, _ := pair(t, time.Minute)
	_ = ln.Retire(true)
	next := new(carried)
	ln.Replace(server, next)
	if len(next.retired) != 1 || next.retired[0] != EvenFresh {
		t.Errorf("retired %v", next.retired)
	}
}

// Whoever looks while connections come and go sees no byte twice, and none
// less than before.
func TestBytesNeverGoBack(t *testing.T) {
	var r Registry
	const loops, conns, bytes = 4, 2000, 10
	var working sync.WaitGroup
	for range loops {
		working.Go(func() {
			for range conns {
				c := new(carried)
				r.Add(c)
				c.written.Add(bytes)
				next := new(carried)
				next.written.Store(bytes)
				r.Replace(c, next)
				r.Remove(next)
			}
		})
	}
	done := make(chan struct{})
	go func() { working.Wait(); close(done) }()
	for last, ended := int64(0), false; !ended; {
		select {
		case <-done:
			ended = true
		default:
		}
		written, _ := r.Bytes()
		if written < last || written > loops*conns*bytes {
			t.Errorf("%d bytes, and %d before", written, last)
		}
		last = written
	}
	have(t, &r, 0, loops*conns, loops*conns*bytes, 0)
	if n := r.Peak(); n < 1 || n > loops {
		t.Errorf("at most %d were open at once", n)
	}
}

func TestAConnectionCostsTheRegistryNothing(t *testing.T) {
	var r Registry
	c := new(carried)
	if n := testing.AllocsPerRun(100, func() { r.Add(c); r.Remove(c) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
