package listen

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// opened listens on an address and closes it with the test.
func opened(t *testing.T, text string, o Options) (Opened, error) {
	t.Helper()
	a, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	found, err := Open([]Address{a}, o)
	t.Cleanup(func() {
		for _, socket := range found.Sockets {
			_ = socket.Close()
		}
	})
	return found, err
}

// bound asks the kernel which addresses are listened on at a port: see
// proc(5), /proc/net/tcp.
func bound(t *testing.T, port int) (ips []string) {
	t.Helper()
	for _, name := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		table, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(table)) {
			fields := strings.Fields(line)
			host, hexPort, _ := strings.Cut(fields[1], ":")
			if fields[3] != "0A" || hexPort != fmt.Sprintf("%04X", port) {
				continue
			}
			ip, err := hex.DecodeString(host)
			if err != nil {
				t.Fatal(err)
			}
			for word := range slices.Chunk(ip, 4) { // each in the machine's order
				slices.Reverse(word)
			}
			address, _ := netip.AddrFromSlice(ip)
			ips = append(ips, address.String())
		}
	}
	return ips
}

// needIPv6 skips a test where the machine has none.
func needIPv6(t *testing.T) {
	t.Helper()
	ln, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skipf("there is no IPv6 here: %v", err)
	}
	_ = ln.Close()
}

// What the kernel has bound, and who can connect.
func TestWhatIsBound(t *testing.T) {
	needIPv6(t)
	for _, test := range []struct {
		text   string
		bound  []string
		v4, v6 bool // can connect to 127.0.0.1, ::1
	}{
		{"127.0.0.1:0", []string{"127.0.0.1"}, true, false},
		{"0.0.0.0:0", []string{"0.0.0.0"}, true, false},
		{"127.0.0.2:0", []string{"127.0.0.2"}, false, false},
		{"[::1]:0", []string{"::1"}, false, true},
		{"[0:0:0::1]:0", []string{"::1"}, false, true},
		{"[::]:0", []string{"::"}, true, true},
		{":0", []string{"::"}, true, true},
		{":00", []string{"::"}, true, true},
		{"[::ffff:127.0.0.1]:0", []string{"127.0.0.1"}, true, false},
		{"[::ffff:0.0.0.0]:0", []string{"0.0.0.0"}, true, false},
		{"[::1%lo]:0", []string{"::1"}, false, true},
		{"lo:0", []string{"127.0.0.1", "::1"}, true, true},
	} {
		found, err := opened(t, test.text, Options{})
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		port := found.Sockets[0].Addr().(*net.TCPAddr).Port
		if got := bound(t, port); !slices.Equal(got, test.bound) {
			t.Errorf("%s: %v is bound, want %v", test.text, got, test.bound)
		}
		for ip, want := range map[string]bool{"127.0.0.1": test.v4, "::1": test.v6} {
			conn, err := net.Dial("tcp", net.JoinHostPort(ip, fmt.Sprint(port)))
			if err == nil {
				_ = conn.Close()
			}
			if (err == nil) != want {
				t.Errorf("%s: connecting to %s gives %v", test.text, ip, err)
			}
		}
	}
}

// A name stands for all of its addresses, on one port.
func TestHostNameIsAllItsAddresses(t *testing.T) {
	ips, err := net.LookupHost("localhost")
	if err != nil {
		t.Skip(err)
	}
	found, err := opened(t, "localhost:0", Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := bound(t, found.Sockets[0].Addr().(*net.TCPAddr).Port)
	got = append(got, found.Skipped...)
	slices.Sort(ips)
	slices.Sort(got)
	if !slices.Equal(got, slices.Compact(ips)) {
		t.Errorf("localhost is %v, bound or skipped is %v", ips, got)
	}
}

func TestServicesByName(t *testing.T) {
	if _, err := net.LookupPort("tcp", "http"); err != nil {
		t.Skip(err)
	}
	if a, err := Parse("127.0.0.1:http"); err != nil || a.port != 80 {
		t.Errorf("%+v, %v", a, err)
	}
	if a, err := Parse(":0000080"); err != nil || a.port != 80 {
		t.Errorf("%+v, %v", a, err)
	}
}

// Addresses in order that the kernel, or the name server, refuses.
func TestWhatCannotBeBound(t *testing.T) {
	needIPv6(t)
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for text, says := range map[string][]string{
		taken.Addr().String():     {"address already in use", "something listens there"},
		"198.51.100.77:0":         {"cannot assign requested address", "198.51.100.77 is none of this machine's"},
		"[2001:db8::77]:0":        {"cannot assign requested address", "2001:db8::77 is none of this machine's"},
		"[fe80::77%lo]:0":         {"cannot assign requested address", "fe80::77%lo is none of this machine's"},
		"[fe80::77]:0":            {"invalid argument", "a link-local address needs its interface: want [fe80::77%eth0]:0"},
		"no-such-name.invalid:80": {"no-such-name.invalid is neither an interface nor a host"},
		"nosuchif9:80":            {"nosuchif9 is neither an interface nor a host"},
	} {
		found, err := opened(t, text, Options{})
		if err == nil {
			t.Errorf("%s: listens on %v", text, found.Sockets[0].Addr())
			continue
		}
		for _, words := range append(says, text+": ") {
			if !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %q does not say %q", text, err, words)
			}
		}
	}
}

// All or nothing.
func TestNothingStaysBoundAfterAnError(t *testing.T) {
	path := filepath.Join(short(t), "socket")
	var addresses []Address
	for _, text := range []string{"unix:" + path, "127.0.0.1:0", "198.51.100.77:0"} {
		a, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		addresses = append(addresses, a)
	}
	if found, err := Open(addresses, Options{}); !errors.Is(err, syscall.EADDRNOTAVAIL) || found.Sockets != nil {
		t.Errorf("%+v, %v", found, err)
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the socket stays: %v", err)
	}
}
