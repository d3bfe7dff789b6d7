//go:build linux

package load

// This file asks the socket table parser about real rows and about nonsense.

import (
	"net/netip"
	"testing"
)

const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 640 1 000000005974e476 100 0 0 10 0
   1: 0100007F:1F90 0100007F:A0F2 01 0003D090:00000000 04:00000012 00000000     0        0 641 2 0000000059abcdef 20 4 0 10 -1
   2: 0100007F:1F90 0100007F:A0F3 01 00000010:00000000 01:00000012 00000000     0        0 642 2 0000000059abcdef 20 4 0 10 -1
`

const table6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when
   0: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000100007F:A0F4 01 00000020:00000000 00:00000000
   1: 00000000000000000000000001000000:1F90 00000000000000000000000001000000:A0F5 01 00000030:00000000 00:00000000
   2: short
   3: zz:1F90 0100007F:A0F6 01 00000030:00000000 00:00000000
`

func TestSocketIsFoundByBothAddresses(t *testing.T) {
	cases := []struct {
		name          string
		text          string
		local, remote string
		want          socketRow
		found         bool
	}{
		{"closed window", table, "127.0.0.1:8080", "127.0.0.1:41202", socketRow{250000, true}, true},
		{"retransmitting", table, "127.0.0.1:8080", "127.0.0.1:41203", socketRow{16, false}, true},
		{"IPv4 on a dual-stack listener", table6, "127.0.0.1:8080", "127.0.0.1:41204", socketRow{32, false}, true},
		{"IPv4 that Go shows as mapped", table, "[::ffff:127.0.0.1]:8080", "127.0.0.1:41203", socketRow{16, false}, true},
		{"IPv6", table6, "[::1]:8080", "[::1]:41205", socketRow{48, false}, true},
		{"another client port", table, "127.0.0.1:8080", "127.0.0.1:41209", socketRow{}, false},
		{"another host with the same ports", table, "127.0.0.2:8080", "127.0.0.1:41203", socketRow{}, false},
		{"row that does not parse", table6, "127.0.0.1:8080", "127.0.0.1:41206", socketRow{}, false},
		{"empty table", "", "127.0.0.1:8080", "127.0.0.1:41203", socketRow{}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, found := searchTable(c.text, netip.MustParseAddrPort(c.local), netip.MustParseAddrPort(c.remote))
			if got != c.want || found != c.found {
				t.Errorf("%+v, %v, want %+v, %v", got, found, c.want, c.found)
			}
		})
	}
}

func FuzzSocketTable(f *testing.F) {
	f.Add(table)
	f.Add(table6)
	f.Fuzz(func(t *testing.T, text string) {
		local, remote := netip.MustParseAddrPort("127.0.0.1:8080"), netip.MustParseAddrPort("127.0.0.1:41202")
		searchTable(text, local, remote) // must not panic, whatever it is given
	})
}
