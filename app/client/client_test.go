package client_test

import (
	"net/netip"
	"testing"

	"fullbore/app/client"
)

// A client of IPv6 is one whichever of its addresses it uses.
func TestKey(t *testing.T) {
	for _, c := range []struct{ a, b, text string }{
		{"192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1"},
		{"2001:db8:1:2::1", "2001:db8:1:2:ffff:1:2:3", "2001:db8:1:2::/64"},
		{"fe80::1%eth0", "fe80::2%eth1", "fe80::/64"},
	} {
		a, b := client.KeyOf(netip.MustParseAddr(c.a)), client.KeyOf(netip.MustParseAddr(c.b))
		if a != b || a.String() != c.text {
			t.Errorf("%s is %s, %s is %s; want %s", c.a, a, c.b, b, c.text)
		}
	}
	if one, other := client.KeyOf(netip.MustParseAddr("192.0.2.1")), client.KeyOf(netip.MustParseAddr("192.0.2.2")); one == other {
		t.Error("neighbors are one client")
	}
	if text := client.KeyOf(netip.Addr{}).String(); text != "unix:" {
		t.Errorf("nobody is %q", text)
	}
}
