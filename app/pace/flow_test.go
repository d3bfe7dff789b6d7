package pace

import (
	"net/netip"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"fullbore/app/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var someone = client.KeyOf(netip.MustParseAddr("192.0.2.1"))

func paced(t *testing.T, limits Rates) *Pacer {
	t.Helper()
	p := New()
	t.Cleanup(p.Close)
	p.Set(&limits)
	return p
}

// takeAll takes n bytes, and waits where it must.
func takeAll(f *Flow, n int64) {
	for n > 0 {
		took := f.Take(n)
		if took == 0 {
			f.Wait()
		}
		n -= took
	}
}

func TestWithoutLimitsAllMayGo(t *testing.T) {
	p := New()
	defer p.Close()
	if p.On() {
		t.Error("it limits something")
	}
	if n := p.Flow(someone, nil, nil).Take(1 << 40); n != 1<<40 {
		t.Errorf("%d bytes may go", n)
	}
}

// Whoever waits gets all that it wants in the end, and what was taken and returned is not
// lost.
func TestAllIsGivenInTheEnd(t *testing.T) {
	p := paced(t, Rates{Server: 50e6})
	var waiting sync.WaitGroup
	for range 20 {
		f := p.Flow(someone, nil, nil)
		waiting.Go(func() {
			for left := int64(500_000); left > 0; {
				n := f.Take(min(left, 10_000))
				if n == 0 {
					f.Wait()
				}
				f.Return(n / 2)
				left -= n - n/2
			}
		})
	}
	waiting.Wait()
}

// who tells that it was woken.
type who chan struct{}

func (w who) Wake() {
	select {
	case w <- struct{}{}:
	default:
	}
}

// Those who wait go on when limits are lifted, when another flow takes the place of
// theirs, and at the end.
func TestWhoWaitsIsReleased(t *testing.T) {
	for name, release := range map[string]func(*Pacer, *Flow){
		"by no limits":      func(p *Pacer, _ *Flow) { p.Set(nil) },
		"by the end":        func(p *Pacer, _ *Flow) { p.Close() },
		"by another flow":   func(_ *Pacer, f *Flow) { f.Retire() },
		"by other limits":   func(p *Pacer, _ *Flow) { p.Set(&Rates{Server: 1e12}) },
		"by one who knocks": func(_ *Pacer, f *Flow) { f.Wake() },
	} {
		t.Run(name, func(t *testing.T) {
			p, waker := paced(t, Rates{Server: 1}), make(who, 1)
			f := p.Flow(someone, nil, waker)
			for f.Take(1<<40) > 0 {
			}
			f.Wait() // the first one only prepares
			waited := make(chan struct{})
			go func() { f.Wait(); close(waited) }()
			release(p, f)
			for what, done := range map[string]<-chan struct{}{"it still waits": waited, "its waker was not told": waker} {
				select {
				case <-done:
				case <-time.After(time.Minute):
					t.Error(what)
				}
			}
		})
	}
}

// A retired flow gives nothing, without limits as much as anybody wants.
func TestFlowsOfAnotherTime(t *testing.T) {
	p := paced(t, Rates{Connection: 1e6})
	rule := &Rates{Client: 1}
	f := p.Flow(someone, nil, nil)
	if !f.Is(someone, nil) || f.Is(someone, rule) || f.Is(client.Key{}, nil) {
		t.Error("it does not know whose it is")
	}
	p.Set(&Rates{Connection: 1e6})
	if f.Is(someone, nil) {
		t.Error("it is by limits that are not in force")
	}
	f.Retire()
	if n := f.Take(10); n != 0 {
		t.Errorf("it gives %d", n)
	}
	p.Set(nil)
	if n := f.Take(10); n != 10 {
		t.Errorf("without limits it gives %d", n)
	}
}

// The rate of a connection is the least of those that apply to it.
func TestLeastRateOfAConnectionCounts(t *testing.T) {
	p := paced(t, Rates{Connection: 1000})
	for rule, want := range map[Rates]float64{{}: 1000, {Connection: 10}: 10, {Connection: 5000, Server: 1}: 1000} {
		if got := p.Flow(someone, &rule, nil).own.rate; got != want {
			t.Errorf("%v with %+v", got, rule)
		}
	}
}
