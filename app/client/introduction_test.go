package client

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/pires/go-proxyproto"

	"fullbore/app/head"
)

// v2 is a header of version 2: command and protocol, then the rest behind its length.
func v2(command, protocol byte, rest string) string {
	header := append([]byte(nil), proxyproto.SIGV2...)
	header = append(header, 0x20|command, protocol)
	return string(binary.BigEndian.AppendUint16(header, uint16(len(rest)))) + rest
}

const (
	inet4 = "\xc0\x00\x02\x09\x0a\x00\x00\x01\x12\x34\x00\x50" // 192.0.2.9:4660 to 10.0.0.1:80
	inet6 = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x12\x34\x00\x50"
)

var unixPair = string(make([]byte, 216))

// headers are such as proxies send, and whom they name; "" is nobody.
var headers = []struct{ name, header, want string }{
	{"TCP4", "PROXY TCP4 192.0.2.9 10.0.0.1 4660 80\r\n", "192.0.2.9:4660"},
	{"TCP6", "PROXY TCP6 2001:db8::1 2001:db8::2 4660 80\r\n", "[2001:db8::1]:4660"},
	{"TCP6 of IPv4", "PROXY TCP6 ::ffff:192.0.2.9 ::ffff:10.0.0.1 4660 80\r\n", "192.0.2.9:4660"},
	{"UNKNOWN", "PROXY UNKNOWN\r\n", ""},
	{"UNKNOWN, with more", "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n", ""},
	{"v2 over IPv4", v2(1, 0x11, inet4), "192.0.2.9:4660"},
	{"v2 over IPv6", v2(1, 0x21, inet6), "[2001:db8::1]:4660"},
	{"v2 with a field", v2(1, 0x11, inet4+"\x02\x00\x03a.b"), "192.0.2.9:4660"},
	{"v2 with as much as may be", v2(1, 0x11, inet4+"\x04\x0f\xf1"+strings.Repeat("x", 4081)), "192.0.2.9:4660"},
	{"v2 on a Unix socket", v2(1, 0x31, unixPair), "unix"},
	{"v2 LOCAL", v2(0, 0x00, ""), ""},
	{"v2 LOCAL, with addresses", v2(0, 0x11, inet4), ""},
}

var proxyPeer = netip.MustParseAddr("10.0.0.1")

// A header is read whole, and nothing behind it, however it arrives.
func TestHeaders(t *testing.T) {
	proxies := &Proxies{}
	proxies.Trust(*trusting(t, "10.0.0.1"))
	for _, c := range headers {
		all := c.header + "GET / HTTP/1.1\r\n"
		for n := 1; n < len(c.header); n++ {
			if length, _, named, err := proxies.Meet(proxyPeer, []byte(all[:n]), nil); length != 0 || named || err != nil {
				t.Fatalf("%s: of the first %d bytes it is said: %d, %v, %v", c.name, n, length, named, err)
			}
		}
		for n := len(c.header); n <= len(all); n++ {
			length, client, named, err := proxies.Meet(proxyPeer, []byte(all[:n]), nil)
			got := ""
			switch {
			case named && client.IsValid():
				got = client.String()
			case named:
				got = Unix
			}
			if length != len(c.header) || got != c.want || err != nil {
				t.Fatalf("%s: of %d bytes it is said: %d bytes name %q, %v; want %d and %q", c.name, n, length, got, err, len(c.header), c.want)
			}
		}
	}
}

func TestHeadersThatAreRefused(t *testing.T) {
	proxies := &Proxies{}
	proxies.Trust(*trusting(t, "10.0.0.1"))
	stranger := netip.MustParseAddr("10.0.0.2")
	onUnix := netip.Addr{}
	const good = "PROXY TCP4 192.0.2.9 10.0.0.1 4660 80\r\n"
	for _, c := range []struct {
		name  string
		peer  netip.Addr
		said  string
		ended error
		want  string
	}{
		{"a stranger", stranger, good, nil, "403 " + whyStranger + " []"},
		{"a stranger on a Unix socket", onUnix, good, nil, "403 " + whyStranger + " []"},
		{"a stranger's first byte", stranger, "P", nil, "403 " + whyStranger + " []"},
		{"a stranger's request", stranger, "GET /x HTTP/1.1\r\n", nil, "403 " + whyStranger + " [GET /x]"},
		{"a request", proxyPeer, "GET /x HTTP/1.1\r\n", nil, "400 " + whyNone + " [GET /x]"},
		{"a method like it", proxyPeer, "PROXYING /x HTTP/1.1\r\n", nil, "400 " + whyNone + " [PROXYING /x]"},
		{"TLS", proxyPeer, "\x16\x03\x01\x02\x00\x01", nil, "400 " + whyNone + " []"},
		{"empty lines", proxyPeer, "\r\n\r\nGET / HTTP/1.1\r\n", nil, "400 " + whyNone + " [GET /]"},
		{"a line without end", proxyPeer, "PROXY UNKNOWN " + strings.Repeat("x", 100), nil, "400 " + whyMalformed + " []"},
		{"a line that ends in LF", proxyPeer, "PROXY TCP4 192.0.2.9 10.0.0.1 4660 80\n", nil, "400 " + whyMalformed + " []"},
		{"no address", proxyPeer, "PROXY TCP4 example.org 10.0.0.1 4660 80\r\n", nil, "400 " + whyMalformed + " []"},
		{"the other family", proxyPeer, "PROXY TCP4 2001:db8::1 2001:db8::2 4660 80\r\n", nil, "400 " + whyMalformed + " []"},
		{"a port too large", proxyPeer, "PROXY TCP4 192.0.2.9 10.0.0.1 66666 80\r\n", nil, "400 " + whyMalformed + " []"},
		{"a word too many", proxyPeer, "PROXY TCP4 192.0.2.9 10.0.0.1 4660 80 x\r\n", nil, "400 " + whyMalformed + " []"},
		{"another protocol", proxyPeer, "PROXY UDP4 192.0.2.9 10.0.0.1 4660 80\r\n", nil, "400 " + whyMalformed + " []"},
		{"v2 of datagrams", proxyPeer, v2(1, 0x12, inet4), nil, "400 " + whyMalformed + " []"},
		{"v2 of nothing", proxyPeer, v2(1, 0x00, ""), nil, "400 " + whyMalformed + " []"},
		{"v2 with an unknown command", proxyPeer, v2(2, 0x11, inet4), nil, "400 " + whyMalformed + " []"},
		{"v2 too short for its addresses", proxyPeer, v2(1, 0x21, inet4), nil, "400 " + whyMalformed + " []"},
		{"v2 too long", proxyPeer, v2(1, 0x11, strings.Repeat("x", 65535))[:16], nil, "400 " + whyMalformed + " []"},
		{"silence", proxyPeer, "PROXY TC", os.ErrDeadlineExceeded, "408 " + whyLate + " []"},
		{"the end", proxyPeer, "PROXY TC", io.EOF, "400 " + whyCut + " []"},
		{"the end of v2", proxyPeer, v2(1, 0x11, inet4)[:20], io.EOF, "400 " + whyCut + " []"},
		{"a reset", proxyPeer, "PROXY TC", net.ErrClosed, net.ErrClosed.Error()},
	} {
		length, _, named, err := proxies.Meet(c.peer, []byte(c.said), c.ended)
		got := fmt.Sprint(err)
		var refusal *head.Refusal
		if errors.As(err, &refusal) {
			got = fmt.Sprintf("%d %s [%s]", refusal.Status, refusal.Reason, strings.TrimSpace(refusal.Method+" "+refusal.Target))
		}
		if length != 0 || named || got != c.want {
			t.Errorf("%s: %d, %v, %q, want %q", c.name, length, named, got, c.want)
		}
	}
}

// Of any bytes it is said what the library says of them as a stream, and no byte more is
// taken; how they are cut makes no difference.
func FuzzIntroduction(f *testing.F) {
	for _, c := range headers {
		f.Add([]byte(c.header+"GET"), len(c.header)/2)
	}
	for _, text := range []string{"", "GET / HTTP/1.1\r\n\r\n", "PROXY", "PROXY \r\n", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n", "\r\n\r\n\x00\r\nQUIT\n\x21\x11\xff\xff"} {
		f.Add([]byte(text), 3)
	}
	proxies := &Proxies{}
	proxies.Trust(*trusting(f, "10.0.0.1"))
	f.Fuzz(func(t *testing.T, said []byte, cut int) {
		if len(said) == 0 {
			return
		}
		length, client, named, err := proxies.Meet(proxyPeer, said, nil)
		if length > len(said) || length > longestV2 || named && length == 0 || err != nil && (length > 0 || named) {
			t.Fatalf("%d bytes, %v, %v", length, named, err)
		}
		stream := bytes.NewReader(said)
		buffered := bufio.NewReaderSize(stream, 64<<10)
		header, theirs := proxyproto.Read(buffered)
		if length > 0 {
			taken := len(said) - stream.Len() - buffered.Buffered()
			if theirs != nil || taken != length || named == header.Command.IsLocal() {
				t.Fatalf("%d bytes, %v; the library takes %d, %+v, %v", length, named, taken, header, theirs)
			}
		}
		if part := said[:max(1, min(cut, len(said)))]; length > 0 && len(part) < length {
			if early, _, _, err := proxies.Meet(proxyPeer, part, nil); early != 0 || err != nil {
				t.Fatalf("of a part it is said: %d, %v", early, err)
			}
		}
		if length > 0 {
			if again, same, sameNamed, err := proxies.Meet(proxyPeer, said[:length], io.EOF); again != length || same != client || sameNamed != named || err != nil {
				t.Fatalf("alone it is %d, %v, %v", again, same, err)
			}
		}
	})
}
