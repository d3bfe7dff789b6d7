package limit

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"fullbore/app/client"
)

// nth is a client of its own for each number.
func nth(n uint32) client.Key { return client.KeyOf(addrOf(n)) }

func addrOf(n uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	return netip.AddrFrom4(b)
}

// What passes in any stretch of time is at most the burst and the rate; who is told to
// wait passes after exactly that, and not before.
func TestRateIsKept(t *testing.T) {
	for _, rate := range []Rate{
		{N: 10, Per: time.Second}, {N: 10, Per: time.Second, Burst: 50}, {N: 1, Per: time.Minute}, {N: 100, Per: time.Hour, Burst: 1}, {N: mostRequests, Per: time.Second},
	} {
		r := newRates()
		at, each := r.began, rate.Per/time.Duration(rate.N)
		random := rand.New(rand.NewPCG(1, 2))
		var passed []time.Time
		for range 2000 {
			at = at.Add(time.Duration(random.Int64N(int64(each) + 1)))
			wait := r.take(nth(1), rate, at)
			if wait == 0 {
				passed = append(passed, at)
				continue
			}
			if r.take(nth(1), rate, at.Add(wait-1)) == 0 {
				t.Fatalf("%v: passes before the %v that it has to wait", rate, wait)
			}
			if at = at.Add(wait); r.take(nth(1), rate, at) != 0 {
				t.Fatalf("%v: has to wait after %v, too", rate, wait)
			}
			passed = append(passed, at)
		}
		for i := range passed {
			for j := i; j < len(passed); j++ {
				if most := rate.burst() + int64(passed[j].Sub(passed[i])/each); int64(j-i+1) > most {
					t.Fatalf("%v: %d in %v, want at most %d", rate, j-i+1, passed[j].Sub(passed[i]), most)
				}
			}
		}
		if len(passed) < 1000 {
			t.Errorf("%v: only %d passed", rate, len(passed))
		}
	}
}

// Clients do not count against each other, and one of IPv6 is a network.
func TestRateIsOfOneClient(t *testing.T) {
	r, rate := newRates(), Rate{N: 1, Per: time.Hour}
	now := time.Now()
	key := func(addr string) client.Key { return client.KeyOf(netip.MustParseAddr(addr)) }
	for _, c := range []struct {
		addr   string
		passes bool
	}{
		{"192.0.2.1", true},
		{"192.0.2.2", true},
		{"192.0.2.1", false},
		{"::ffff:192.0.2.1", false},
		{"2001:db8::1", true},
		{"2001:db8::2", false},
		{"2001:db8:0:1::1", true},
	} {
		if wait := r.take(key(c.addr), rate, now); (wait == 0) != c.passes {
			t.Errorf("%s has to wait %v", c.addr, wait)
		}
	}
	if wait := r.take(client.Key{}, rate, now); wait != 0 {
		t.Errorf("a client without an address has to wait %v", wait)
	}
	if wait := r.take(client.Key{}, rate, now); wait == 0 {
		t.Error("clients without an address are not counted")
	}
}

// A faster rate applies at once, also to those who owe much by a slower one.
func TestRateThatIsChanged(t *testing.T) {
	r, now := newRates(), time.Now()
	for range 60 {
		r.take(nth(1), Rate{N: 1, Per: time.Hour, Burst: 60}, now)
	}
	if wait := r.take(nth(1), Rate{N: 10, Per: time.Second}, now); wait > 100*time.Millisecond {
		t.Errorf("has to wait %v", wait)
	}
}

// A million clients take what the table takes from the start, and whoever asks too much
// is not forgotten for them.
func TestMillionClientsTakeNoMemory(t *testing.T) {
	rate := Rate{N: 10, Per: time.Second}
	r, now := newRates(), time.Now()
	greedy := nth(1 << 31)
	for range 100 {
		r.take(greedy, rate, now)
	}
	before := inUse()
	for n := range uint32(1_000_000) {
		if wait := r.take(nth(n), rate, now); wait != 0 {
			t.Fatalf("client %d has to wait %v for its first request", n, wait)
		}
	}
	grown := int64(inUse()) - int64(before)
	const size, most = int(unsafe.Sizeof(*r)), 3 << 20
	t.Logf("the table has %d bytes, and grew by %d", size, grown)
	if size > most || grown > 64<<10 {
		t.Errorf("the table has %d bytes, and grew by %d", size, grown)
	}
	if wait := r.take(greedy, rate, now); wait == 0 {
		t.Error("who asked too much was forgotten")
	}
	runtime.KeepAlive(r)
}

// inUse is what a collection leaves, in bytes.
func inUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestRateText(t *testing.T) {
	for text, want := range map[string]Rate{
		"0": {}, "10/s": {N: 10, Per: time.Second}, "1/m": {N: 1, Per: time.Minute}, "3600/h,burst=5": {N: 3600, Per: time.Hour, Burst: 5},
	} {
		got, err := ParseRate(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s: %+v %v, as text %s", text, got, err, got)
		}
	}
	for _, text := range []string{"10", "10/", "/s", "10/d", "-1/s", "0/s", "1.5/s", "10/s,", "10/s,5", "10/s,burst=0", "10/s,burst=-1", "10/s,burst=x", "10/s,burst=5,burst=6", "1/m,burst=2147483647", "1000001/s", "99999999999999999999/s", "10 /s"} {
		if got, err := ParseRate(text); err == nil {
			t.Errorf("%s is %+v", text, got)
		}
	}
}

func FuzzRateText(f *testing.F) {
	for _, seed := range []string{"", "0", "10/s", "10/s,burst=50", "1/h, burst=1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rate, err := ParseRate(text)
		if err != nil {
			return
		}
		if again, err := ParseRate(rate.String()); err != nil || again != rate {
			t.Errorf("%q is %+v, written %s, read %+v %v", text, rate, rate, again, err)
		}
	})
}
