package client

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
)

func TestNetworksThatCannotBeRead(t *testing.T) {
	for text, want := range map[string]string{
		"":                      `"": want an address, a network such as 10.0.0.0/8, or unix`,
		"proxy.example.org":     `"proxy.example.org": want an address, a network such as 10.0.0.0/8, or unix`,
		"10.0.0.0/33":           `"10.0.0.0/33": want an address, a network such as 10.0.0.0/8, or unix`,
		"10.0.0.1:80":           `"10.0.0.1:80": want an address, a network such as 10.0.0.0/8, or unix`,
		"fe80::1%eth0":          `"fe80::1%eth0": want an address, a network such as 10.0.0.0/8, or unix`,
		"unix:/run/nginx.sock":  `"unix:/run/nginx.sock": want an address, a network such as 10.0.0.0/8, or unix`,
		"10.1.2.3/8":            `"10.1.2.3/8": want 10.0.0.0/8 for the whole network, or 10.1.2.3 for that address`,
		"2001:db8::1/32":        `"2001:db8::1/32": want 2001:db8::/32 for the whole network, or 2001:db8::1 for that address`,
		"10.0.0.0/8 10.0.0.0/8": `"10.0.0.0/8 10.0.0.0/8": want an address, a network such as 10.0.0.0/8, or unix`,
	} {
		if _, err := ParseNetworks([]string{"192.0.2.1", text}); err == nil || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %s", text, err, want)
		}
	}
}

func TestNetworks(t *testing.T) {
	n := trusting(t, "10.0.0.0/8", "10.1.0.0/16", "192.0.2.1", "::ffff:198.51.100.0/120", "2001:db8::/32", "2001:db8:1::/48", "fe80::/10")
	for text, want := range map[string]bool{
		"10.0.0.0": true, "10.1.2.3": true, "10.255.255.255": true, "::ffff:10.9.9.9": true, "9.255.255.255": false, "11.0.0.0": false,
		"192.0.2.1": true, "192.0.2.0": false, "192.0.2.2": false, "198.51.100.77": true, "198.51.101.0": false,
		"2001:db8::1": true, "2001:db8:1::1": true, "2001:db8:ffff::": true, "2001:db7::": false, "2001:db9::": false,
		"fe80::1%eth0": true, "::1": false, "0.0.0.0": false, "255.255.255.255": false,
	} {
		if got := n.has(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s is trusted: %v", text, got)
		}
	}
	if n.has(netip.Addr{}) {
		t.Error("Unix sockets are trusted")
	}
	if n := trusting(t, Unix); !n.has(netip.Addr{}) || n.has(netip.MustParseAddr("127.0.0.1")) || n.None() {
		t.Error("Unix sockets alone are not")
	}
	if n := (Networks{}); !n.None() || n.has(netip.Addr{}) || n.has(netip.MustParseAddr("::1")) {
		t.Error("nobody is trusted, and somebody is")
	}
}

// Bisection finds what a look at each network finds.
func TestNetworksAgreeWithALookAtEach(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	address := func() netip.Addr { // close together, so that they meet
		return netip.AddrFrom4([4]byte{10, byte(random.IntN(3)), byte(random.IntN(4)), byte(random.IntN(256))})
	}
	for range 200 {
		var texts []string
		var each []netip.Prefix
		for range 1 + random.IntN(12) {
			prefix, err := address().Prefix(8 + random.IntN(25))
			if err != nil {
				t.Fatal(err)
			}
			each = append(each, prefix)
			texts = append(texts, prefix.String())
		}
		n := trusting(t, texts...)
		for range 100 {
			addr, want := address(), false
			for _, prefix := range each {
				want = want || prefix.Contains(addr)
			}
			if n.has(addr) != want {
				t.Fatalf("%v in %s: %v, want %v", addr, strings.Join(texts, " "), !want, want)
			}
		}
	}
}

func BenchmarkNetworks(b *testing.B) {
	for _, size := range []int{1, 20, 200, 5000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			var texts []string
			for i := range size {
				texts = append(texts, fmt.Sprintf("10.%d.%d.0/24", i/256, i%256))
			}
			n := trusting(b, texts...)
			addr := netip.MustParseAddr("10.0.7.7")
			for b.Loop() {
				n.has(addr)
			}
		})
	}
}
