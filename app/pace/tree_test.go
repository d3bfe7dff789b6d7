package pace

import (
	"fmt"
	"math"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"fullbore/app/client"
)

// world is a tree whose clock stands unless it is moved, with clients that take what they
// may at a speed of their own.
type world struct {
	t     interface{ Errorf(string, ...any) }
	pacer *Pacer
	tree  *tree
	now   time.Duration
	due   time.Duration // for the next tick
	takes []*taker

	// The most by which the bytes of any time have exceeded the rate, and what that is
	// computed from.
	rate, credit, burst float64
}

// taker is a flow with a client that takes so many bytes per second.
type taker struct {
	*Flow
	speed float64
	able  float64 // what its client has room for
	got   float64
	pause bool
}

func newWorld(t interface{ Errorf(string, ...any) }, limits Rates) *world {
	p := New()
	p.limits.Store(&limits)
	return &world{t: t, pacer: p, tree: newTree(p), rate: float64(limits.Server)}
}

// add adds a flow of a client, that is known by a number.
func (w *world) add(of int, rule *Rates, speed float64) *taker {
	key := client.KeyOf(netip.AddrFrom4([4]byte{10, byte(of >> 16), byte(of >> 8), byte(of)}))
	k := &taker{Flow: w.pacer.Flow(key, rule, nil), speed: speed}
	w.takes = append(w.takes, k)
	return k
}

// pass lets time pass, and all take what they may.
func (w *world) pass(d time.Duration) {
	const step = 5 * time.Millisecond
	for end := w.now + d; w.now < end; w.now += step {
		moved := 0.0
		for _, k := range w.takes {
			if k.pause {
				continue
			}
			k.able = min(k.able+k.speed*step.Seconds(), max(k.speed*0.1, socketBuffer))
			for k.able >= 1 {
				n := k.Take(int64(min(k.able, 1<<30)))
				if n == 0 {
					break
				}
				k.able -= float64(n)
				k.got += float64(n)
				moved += float64(n)
			}
		}
		w.credit = max(w.credit-w.rate*step.Seconds(), 0) + moved
		w.burst = max(w.burst, w.credit)
		w.tree.admit(w.now, w.pacer.news.Swap(nil))
		if w.now >= w.due {
			w.tree.tick(w.now)
			w.due = w.now + w.tree.next(0)
		}
	}
}

// sent is how much all have taken since it was asked last.
func (w *world) sent() (total float64) {
	for _, k := range w.takes {
		total += k.got
		k.got = 0
	}
	return total
}

const (
	greedy       = 1e12
	socketBuffer = 64 << 10
)

func within(got, want, part float64) bool { return math.Abs(got-want) <= want*part }

func TestServerRateIsKept(t *testing.T) {
	for _, rate := range []int64{10e3, 100e3, 1e6, 10e6, 100e6, 1e9} {
		for _, n := range []int{1, 16, 1000} {
			t.Run(fmt.Sprintf("%d at %d", n, rate), func(t *testing.T) {
				w := newWorld(t, Rates{Server: rate})
				for i := range n {
					w.add(i, nil, greedy)
				}
				w.pass(time.Second)
				w.sent()
				w.pass(10 * time.Second)
				if got := w.sent(); !within(got, float64(rate)*10, 0.01) {
					t.Errorf("%v bytes in 10 s", got)
				}
				if w.burst > float64(rate)*0.25 {
					t.Errorf("a burst of %v bytes", w.burst)
				}
			})
		}
	}
}

// A machine that is so busy that sharing comes late costs nothing in the end, and makes no
// bursts.
func TestLateSharingIsMadeUpFor(t *testing.T) {
	w := newWorld(t, Rates{Server: 1e6})
	for i := range 16 {
		w.add(i, nil, greedy)
	}
	w.pass(time.Second)
	w.sent()
	for range 5 {
		w.due = w.now + depth + behindMost
		w.pass(4 * time.Second)
	}
	if got := w.sent(); !within(got, 20e6, 0.01) {
		t.Errorf("%v bytes in 20 s", got)
	}
	if w.burst > 250e3 {
		t.Errorf("a burst of %v bytes", w.burst)
	}
}

func TestConnectionRateIsKept(t *testing.T) {
	for _, rate := range []int64{1e3, 10e3, 1e6, 1e9} {
		w := newWorld(t, Rates{Connection: rate})
		for i := range 16 {
			w.add(i%3, nil, greedy)
		}
		w.pass(time.Second)
		w.sent()
		w.pass(10 * time.Second)
		for _, k := range w.takes {
			if !within(k.got, float64(rate)*10, 0.02) {
				t.Errorf("%v bytes in 10 s at %v", k.got, rate)
			}
		}
	}
}

// A client with 16 connections gets what one with 1 gets, and so each of the 16 the same.
func TestConnectionsDoNotMultiplyAShare(t *testing.T) {
	for _, rate := range []int64{100e3, 1e6, 100e6} {
		w := newWorld(t, Rates{Server: rate})
		one := w.add(0, nil, greedy)
		for range 16 {
			w.add(1, nil, greedy)
		}
		w.pass(20 * time.Second)
		if half := float64(rate) * 10; !within(one.got, half, 0.03) {
			t.Errorf("of %d: the one has %v, want %v", rate, one.got, half)
		}
		for _, k := range w.takes[1:] {
			if want := float64(rate) * 10 / 16; !within(k.got, want, 0.1) {
				t.Errorf("of %d: one of 16 has %v, want %v", rate, k.got, want)
			}
		}
	}
}

func TestUnusedShareGoesToOthers(t *testing.T) {
	w := newWorld(t, Rates{Server: 10e6})
	slow := w.add(0, nil, 400e3)
	for i := range 4 {
		w.add(1+i, nil, greedy)
	}
	w.pass(2 * time.Second)
	w.sent()
	w.pass(10 * time.Second)
	if !within(slow.got, 4e6, 0.02) {
		t.Errorf("the slow one has %v of the 4,000,000 that it wants", slow.got)
	}
	for _, k := range w.takes[1:] {
		if !within(k.got, 24e6, 0.02) {
			t.Errorf("another one has %v, want 24,000,000", k.got)
		}
	}
	for _, k := range w.takes[2:] {
		k.pause = true
	}
	w.pass(time.Second)
	w.sent()
	w.pass(10 * time.Second)
	if k := w.takes[1]; !within(k.got, 96e6, 0.02) {
		t.Errorf("who is left has %v, want 96,000,000", k.got)
	}
}

// A thousand that have stopped to take anything cost the one that goes on nothing.
func TestStalledClientsHoldNothing(t *testing.T) {
	w := newWorld(t, Rates{Server: 1e6})
	for i := range 1000 {
		w.add(i, nil, greedy)
	}
	w.pass(5 * time.Second)
	for _, k := range w.takes[1:] {
		k.pause = true
	}
	w.pass(3 * time.Second)
	w.sent()
	w.pass(10 * time.Second)
	if got := w.takes[0].got; !within(got, 10e6, 0.02) {
		t.Errorf("the one that goes on has %v of 10,000,000", got)
	}
}

// Who comes for a header and goes again takes a header from the others, and no share.
func TestThoseWhoComeAndGoHoldNothing(t *testing.T) {
	w := newWorld(t, Rates{Server: 10e6})
	stays := w.add(0, nil, greedy)
	w.pass(2 * time.Second)
	w.sent()
	const header, each, seconds = 300, 10, 10 // header bytes, for each of so many in 50 ms
	served := 0.0
	for i := range seconds * 20 {
		w.takes = w.takes[:1]
		for j := range each {
			k := w.add(1+(i+j)%30, nil, 0)
			k.able = header
		}
		w.pass(50 * time.Millisecond)
		for _, k := range w.takes[1:] {
			served += k.got
			k.End()
		}
	}
	if want := 10e6*seconds - served; !within(stays.got, want, 0.03) {
		t.Errorf("who stays has %v, want %v", stays.got, want)
	}
	if most := float64(header * each * seconds * 20); served < most/2 {
		t.Errorf("the others had %v of %v", served, most)
	}
}

func TestOtherLimitsHoldAtOnce(t *testing.T) {
	w := newWorld(t, Rates{Server: 10e6})
	w.add(0, nil, greedy)
	w.pass(5 * time.Second)
	w.pacer.limits.Store(&Rates{Server: 1e6})
	w.pass(500 * time.Millisecond)
	w.sent()
	w.pass(10 * time.Second)
	if got := w.sent(); !within(got, 10e6, 0.02) {
		t.Errorf("%v bytes in 10 s at 1 MB/s", got)
	}
}

// A rule's rate is shared by the clients that it applies to, and what one is kept from by
// a limit of its own goes to the others.
func TestRuleIsSharedAndWastesNothing(t *testing.T) {
	rule := &Rates{Server: 10e6}
	w := newWorld(t, Rates{Client: 2e6})
	for range 3 {
		w.add(0, rule, greedy)
	}
	other := w.add(0, nil, greedy)
	w.pacer.limits.Store(&Rates{Client: 2e6, Server: 100e6})
	w.pass(10 * time.Second)
	if got := w.sent(); !within(got, 20e6, 0.02) {
		t.Errorf("a client has %v, want 20,000,000", got)
	}
	_ = other
	w = newWorld(t, Rates{Server: 100e6})
	slow := w.add(0, rule, 100e3)
	fast := w.add(1, rule, greedy)
	free := w.add(1, nil, greedy)
	w.pass(10 * time.Second)
	if !within(slow.got+fast.got, 100e6, 0.02) || !within(slow.got, 1e6, 0.03) || !within(free.got, 900e6, 0.02) {
		t.Errorf("by the rule %v and %v, free of it %v", slow.got, fast.got, free.got)
	}
}

// fairShares are the rates of clients that want so much, by raising all together.
func fairShares(wants []float64, limits Rates) []float64 {
	got := make([]float64, len(wants))
	for i, want := range wants {
		got[i] = want
		if limits.Client > 0 {
			got[i] = min(want, float64(limits.Client))
		}
	}
	if limits.Server > 0 && sum(got) > float64(limits.Server) {
		level := levelOf(got, float64(limits.Server))
		for i := range got {
			got[i] = min(got[i], level)
		}
	}
	return got
}

// Whatever the clients, their connections and their speeds: nobody's limit is exceeded,
// all have what is theirs by max-min fairness, and so nothing is wasted.
func TestSharesAreMaxMinFair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := Rates{
			Server: rapid.SampledFrom([]int64{0, 1e6, 7e6, 50e6}).Draw(t, "server"),
			Client: rapid.SampledFrom([]int64{0, 300e3, 2e6}).Draw(t, "client"),
		}
		if limits.None() {
			limits.Server = 3e6
		}
		w := newWorld(t, limits)
		n := rapid.IntRange(1, 12).Draw(t, "clients")
		wants, connections, of := make([]float64, n), make([]int, n), map[*taker]int{}
		for i := range n {
			connections[i] = rapid.IntRange(1, 5).Draw(t, "connections")
			speed := rapid.SampledFrom([]float64{20e3, 150e3, 1e6, 50e6}).Draw(t, "speed")
			for range connections[i] {
				of[w.add(i, nil, speed)] = i
				wants[i] += speed
			}
		}
		w.pass(10 * time.Second) // until the sockets of those who want more are full
		w.sent()
		const long = 10.0
		w.pass(long * time.Second)
		got := make([]float64, n)
		for _, k := range w.takes {
			got[of[k]] += k.got / long
		}
		for i, want := range fairShares(wants, limits) {
			// What its sockets had room for before and after, a turn more or less, and what one
			// misses that can take hardly more than its share while periods change.
			slack := float64(connections[i]*socketBuffer+2*mostPiece) / long
			if math.Abs(got[i]-want) > want*0.15+slack {
				t.Errorf("client %d wants %v and has %v, fair is %v", i, wants[i], got[i], want)
			}
		}
		if limits.Server > 0 && w.burst > float64(limits.Server)*0.25 {
			t.Errorf("a burst of %v bytes", w.burst)
		}
	})
}

// Nothing is kept of those that are gone.
func TestClientsAreForgotten(t *testing.T) {
	w := newWorld(t, Rates{Server: 100e6, Client: 1e6})
	rule := &Rates{Server: 50e6, Client: 500e3}
	for i := range 1000 {
		w.add(i, rule, greedy)
	}
	w.pass(time.Second)
	for _, k := range w.takes {
		k.pause = true
	}
	w.pass(3 * time.Second)
	if tr := w.tree; len(tr.clients)+len(tr.order)+len(tr.rules) > 0 || tr.listed > 0 || w.pacer.Paced() > 0 {
		t.Errorf("%d clients, %d in order, %d rules and %d flows are left", len(tr.clients), len(tr.order), len(tr.rules), tr.listed)
	}
}
