package client

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

// trusting makes the networks that the tests trust.
func trusting(t testing.TB, texts ...string) *Networks {
	t.Helper()
	n, err := ParseNetworks(texts)
	if err != nil {
		t.Fatal(err)
	}
	return &n
}

// asked is a request of a peer with fields, a line each, as a handler sees it.
func asked(t testing.TB, proxies *Proxies, peer netip.Addr, fields string) *fasthttp.RequestCtx {
	t.Helper()
	ctx := &fasthttp.RequestCtx{}
	ctx.Init2(&conn{peer: peer}, nil, true)
	for line := range strings.Lines(fields) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		ctx.Request.Header.Add(name, strings.TrimPrefix(value, " "))
	}
	proxies.Introduce(ctx, true)
	return ctx
}

// conn is a connection that has a peer, and nothing else.
type conn struct {
	net.Conn
	peer netip.Addr
}

func (c *conn) RemoteAddrPort() netip.AddrPort { return netip.AddrPortFrom(c.peer, 1) }
func (c *conn) RemoteAddr() net.Addr           { return net.TCPAddrFromAddrPort(c.RemoteAddrPort()) }

// The trusted networks are 10.0.0.0/8, 2001:db8:ff::/48 and Unix sockets.
func TestClientBehindProxies(t *testing.T) {
	proxies := &Proxies{}
	proxies.Trust(*trusting(t, "10.0.0.0/8", "2001:db8:ff::/48", "unix"))
	const unix = ""
	for _, c := range []struct {
		name, peer, fields, want string
	}{
		{"nobody says anything", "10.0.0.1", "", "10.0.0.1"},
		{"one hop", "10.0.0.1", "X-Forwarded-For: 192.0.2.1", "192.0.2.1"},
		{"two hops", "10.0.0.1", "X-Forwarded-For: 192.0.2.1, 10.9.9.9", "192.0.2.1"},
		{"two hops, two fields", "10.0.0.1", "X-Forwarded-For: 192.0.2.1\nX-Forwarded-For: 10.9.9.9", "192.0.2.1"},
		{"a client's own field before", "10.0.0.1", "X-Forwarded-For: 198.51.100.9, 192.0.2.1", "192.0.2.1"},
		{"a client's own field before, on its own line", "10.0.0.1", "X-Forwarded-For: 198.51.100.9\nX-Forwarded-For: 192.0.2.1", "192.0.2.1"},
		{"a client that names a proxy", "10.0.0.1", "X-Forwarded-For: 198.51.100.9, 10.9.9.9, 192.0.2.1", "192.0.2.1"},
		{"a proxy asks on its own", "10.0.0.1", "X-Forwarded-For: 10.0.0.2", "10.0.0.2"},
		{"a peer that is not trusted", "192.0.2.1", "X-Forwarded-For: 198.51.100.9\nForwarded: for=198.51.100.9", "192.0.2.1"},
		{"every field forged", "10.0.0.1", "Forwarded: for=198.51.100.9\nX-Real-Ip: 198.51.100.9\nX-Forwarded-For: 198.51.100.9, 192.0.2.1\nTrue-Client-Ip: 198.51.100.9\nCf-Connecting-Ip: 198.51.100.9", "192.0.2.1"},
		{"an empty field forged, so that Forwarded counts", "10.0.0.1", "Forwarded: for=198.51.100.9\nX-Forwarded-For: \nX-Forwarded-For: 192.0.2.1", "192.0.2.1"},
		{"a proxy that sets the scheme alone", "10.0.0.1", "Forwarded: for=198.51.100.9\nX-Forwarded-Proto: https", "10.0.0.1"},
		{"empty elements", "10.0.0.1", "X-Forwarded-For: 192.0.2.1, ,,", "192.0.2.1"},
		{"only empty elements", "10.0.0.1", "X-Forwarded-For: , ,", "10.0.0.1"},
		{"no address", "10.0.0.1", "X-Forwarded-For: 198.51.100.9, unknown", "10.0.0.1"},
		{"no address further left", "10.0.0.1", "X-Forwarded-For: 198.51.100.9, garbage, 10.0.0.2", "10.0.0.2"},
		{"a port", "10.0.0.1", "X-Forwarded-For: 192.0.2.1:4711", "192.0.2.1"},
		{"IPv6", "2001:db8:ff::1", "X-Forwarded-For: 2001:db8::17", "2001:db8::17"},
		{"IPv6 in brackets", "2001:db8:ff::1", "X-Forwarded-For: [2001:db8::17]", "2001:db8::17"},
		{"IPv6 with a port", "2001:db8:ff::1", "X-Forwarded-For: [2001:db8::17]:4711", "2001:db8::17"},
		{"IPv6 hops", "2001:db8:ff::1", "X-Forwarded-For: 2001:db8::17, 2001:db8:ff:1::2", "2001:db8::17"},
		{"IPv4 inside IPv6", "::ffff:10.0.0.1", "X-Forwarded-For: ::ffff:192.0.2.1, ::ffff:10.0.0.7", "192.0.2.1"},
		{"a zone", "10.0.0.1", "X-Forwarded-For: fe80::1%eth0", "10.0.0.1"},
		{"brackets around IPv4", "10.0.0.1", "X-Forwarded-For: [192.0.2.1]", "10.0.0.1"},
		{"a bad port", "10.0.0.1", "X-Forwarded-For: 192.0.2.1:99999999", "10.0.0.1"},
		{"a Unix socket", unix, "X-Forwarded-For: 192.0.2.1", "192.0.2.1"},
		{"a Unix socket further away", "10.0.0.1", "X-Forwarded-For: 192.0.2.1, unix:", "192.0.2.1"},

		{"RFC 7239", "10.0.0.1", "Forwarded: for=192.0.2.1;proto=http;by=203.0.113.43", "192.0.2.1"},
		{"RFC 7239, section 7.4", "10.0.0.1", `Forwarded: for=192.0.2.43, for="[2001:db8:ff:cafe::17]"`, "192.0.2.43"},
		{"its names have no case", "10.0.0.1", "Forwarded: FOR=192.0.2.1", "192.0.2.1"},
		{"a port, quoted", "10.0.0.1", `Forwarded: For="192.0.2.1:4711"`, "192.0.2.1"},
		{"IPv6, quoted", "10.0.0.1", `Forwarded: For="[2001:db8:cafe::17]:4711"`, "2001:db8:cafe::17"},
		{"a hidden port", "10.0.0.1", `Forwarded: For="[2001:db8:cafe::17]:_x"`, "2001:db8:cafe::17"},
		{"hidden", "10.0.0.1", "Forwarded: for=198.51.100.9, for=_hidden", "10.0.0.1"},
		{"unknown", "10.0.0.1", "Forwarded: for=198.51.100.9, for=unknown", "10.0.0.1"},
		{"hidden further left", "10.0.0.1", "Forwarded: for=198.51.100.9, for=_SEVKISEK, for=10.0.0.3", "10.0.0.3"},
		{"two fields", "10.0.0.1", "Forwarded: for=192.0.2.1\nForwarded: for=10.0.0.2", "192.0.2.1"},
		{"an element of nothing", "10.0.0.1", "Forwarded: for=198.51.100.9, by=10.0.0.1", "10.0.0.1"},
		{"twice in an element", "10.0.0.1", "Forwarded: for=198.51.100.9;for=192.0.2.1", "10.0.0.1"},
		{"an open quotation mark", "10.0.0.1", `Forwarded: for="198.51.100.9, for=192.0.2.1`, "192.0.2.1"},
		{"an open quotation mark before a quoted one", "10.0.0.1", `Forwarded: for="198.51.100.9, for="[2001:db8::1]"`, "2001:db8::1"},
		{"a comma in quotation marks", "10.0.0.1", `Forwarded: for=192.0.2.1;x="a, for=198.51.100.9"`, "192.0.2.1"},
		{"an escaped mark in quotation marks", "10.0.0.1", `Forwarded: for=192.0.2.1;x="a\", for=198.51.100.9"`, "192.0.2.1"},
		{"a mark without its other", "10.0.0.1", `Forwarded: for=198.51.100.9"`, "10.0.0.1"},
		{"blanks around =", "10.0.0.1", "Forwarded: for = 198.51.100.9", "10.0.0.1"},
		{"nothing but an address", "10.0.0.1", "Forwarded: 198.51.100.9", "10.0.0.1"},
		{"an IPv6 address unquoted", "10.0.0.1", "Forwarded: for=[2001:db8::1]", "10.0.0.1"},
	} {
		var peer, want netip.Addr
		if c.peer != unix {
			peer = netip.MustParseAddr(c.peer)
		}
		want = netip.MustParseAddr(c.want)
		if got := Of(asked(t, proxies, peer, c.fields)); got != want {
			t.Errorf("%s: %v behind %s, want %v", c.name, got, c.peer, want)
		}
	}
}

// What a proxy says of the request is taken from where the client's address was.
func TestSchemeAndHostBehindProxies(t *testing.T) {
	proxies := &Proxies{}
	proxies.Trust(*trusting(t, "10.0.0.0/8"))
	for _, c := range []struct{ name, peer, fields, want string }{
		{"nothing", "10.0.0.1", "", "http own.example"},
		{"set", "10.0.0.1", "X-Forwarded-For: 192.0.2.1\nX-Forwarded-Proto: https\nX-Forwarded-Host: files.example:8443", "https files.example:8443"},
		{"set alone", "10.0.0.1", "X-Forwarded-Proto: HTTPS\nX-Forwarded-Host: files.example", "https files.example"},
		{"not believed", "192.0.2.1", "X-Forwarded-Proto: https\nX-Forwarded-Host: evil.example\nForwarded: proto=https;host=evil.example", "http own.example"},
		{"forged, and appended to", "10.0.0.1", "X-Forwarded-For: 192.0.2.1\nX-Forwarded-Proto: https, http\nX-Forwarded-Host: evil.example, files.example", "http files.example"},
		{"appended to twice", "10.0.0.1", "X-Forwarded-For: 192.0.2.1, 10.0.0.2\nX-Forwarded-Proto: http, https, http\nX-Forwarded-Host: evil.example, files.example, inner.example", "https files.example"},
		{"two hops, of which the last replaces it", "10.0.0.1", "X-Forwarded-For: 192.0.2.1, 10.0.0.2\nX-Forwarded-Proto: https", "https own.example"},
		{"nonsense", "10.0.0.1", "X-Forwarded-Proto: gopher\nX-Forwarded-Host: a b", "http own.example"},
		{"RFC 7239", "10.0.0.1", `Forwarded: for=192.0.2.1;proto=https;host="files.example:8443"`, "https files.example:8443"},
		{"RFC 7239, without an address", "10.0.0.1", `Forwarded: for=_x;proto=https;host=files.example`, "https files.example"},
		{"RFC 7239, beside the others", "10.0.0.1", "Forwarded: for=192.0.2.1;proto=https;host=evil.example\nX-Forwarded-For: 192.0.2.1", "http own.example"},
		{"RFC 7239, forged", "10.0.0.1", "Forwarded: proto=https;host=evil.example, for=192.0.2.1;proto=http;host=files.example", "http files.example"},
	} {
		ctx := asked(t, proxies, netip.MustParseAddr(c.peer), c.fields)
		ctx.Request.Header.SetHost("own.example")
		if got := Scheme(ctx) + " " + string(Host(ctx)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// A request that could not be read is its peer's: of two fields one may be missing.
func TestFieldsOfWhatCouldNotBeReadAreNotBelieved(t *testing.T) {
	proxies := &Proxies{}
	proxies.Trust(*trusting(t, "10.0.0.1"))
	ctx := &fasthttp.RequestCtx{}
	ctx.Init2(&conn{peer: netip.MustParseAddr("10.0.0.1")}, nil, true)
	ctx.Request.Header.Set(xFor, "192.0.2.1")
	if client, proxied := proxies.Introduce(ctx, false); proxied || client.String() != "10.0.0.1" || Of(ctx) != client {
		t.Errorf("the client is %v, %v", client, Of(ctx))
	}
}

// Whom to trust can change; what was asked before keeps its client.
func TestTrustChanges(t *testing.T) {
	proxies := &Proxies{}
	peer := netip.MustParseAddr("10.0.0.1")
	before := asked(t, proxies, peer, "X-Forwarded-For: 192.0.2.1")
	proxies.Trust(*trusting(t, "10.0.0.1"))
	meanwhile := asked(t, proxies, peer, "X-Forwarded-For: 192.0.2.1")
	proxies.Trust(Networks{})
	after := asked(t, proxies, peer, "X-Forwarded-For: 192.0.2.1")
	if b, m, a := Of(before).String(), Of(meanwhile).String(), Of(after).String(); b != "10.0.0.1" || m != "192.0.2.1" || a != "10.0.0.1" {
		t.Errorf("the clients are %s, %s and %s", b, m, a)
	}
}

// To find out costs no allocation, on or off.
func TestNoAllocation(t *testing.T) {
	for _, trusted := range [][]string{nil, {"10.0.0.0/8", "192.168.0.0/16", "2001:db8:ff::/48"}} {
		for _, fields := range []string{
			"X-Forwarded-For: 198.51.100.9, 192.0.2.1, 10.0.0.2\nX-Forwarded-Proto: https\nX-Forwarded-Host: files.example",
			`Forwarded: for=192.0.2.1;proto=https;host=files.example, for="[2001:db8:ff::1]:4711"`,
		} {
			proxies := &Proxies{}
			proxies.Trust(*trusting(t, trusted...))
			ctx := asked(t, proxies, netip.MustParseAddr("10.0.0.1"), fields)
			if n := testing.AllocsPerRun(100, func() {
				proxies.Introduce(ctx, true)
				Of(ctx)
				Scheme(ctx)
				Host(ctx)
			}); n > 0 {
				t.Errorf("trusting %v, %q takes %v allocations", trusted, fields, n)
			}
		}
	}
}

// Whatever a client sends, the proxy that puts its address behind that names it.
func FuzzForwardedFor(f *testing.F) {
	for _, seed := range []string{
		"", "unknown", "192.0.2.7", "10.0.0.1", "10.0.0.1, 10.0.0.2", "[2001:db8::1]:80", ", ,", `"`, "unix:", "::ffff:10.0.0.1", "10.0.0.1:99999",
	} {
		f.Add(seed)
	}
	proxies := &Proxies{}
	proxies.Trust(*trusting(f, "10.0.0.0/8"))
	f.Fuzz(func(t *testing.T, forged string) {
		for _, fields := range [][]string{{forged + ", 203.0.113.8"}, {forged, "203.0.113.8"}, {forged, " 203.0.113.8 ,, 10.2.3.4"}} {
			checkForged(t, proxies, xFor, fields)
		}
	})
}

func FuzzForwarded(f *testing.F) {
	for _, seed := range []string{
		"", "for=192.0.2.60;proto=http;by=203.0.113.43", `for="[2001:db8:cafe::17]:4711"`, `for="_gazonk"`, `for=unknown`,
		`for="`, `"`, `for="\"`, `for=10.0.0.1;x="a, b"`, `for=10.0.0.1;x="a\", b`, `;`, `for=`, `for=10.0.0.1;`, `x="\\"`,
	} {
		f.Add(seed)
	}
	proxies := &Proxies{}
	proxies.Trust(*trusting(f, "10.0.0.0/8"))
	f.Fuzz(func(t *testing.T, forged string) {
		for _, fields := range [][]string{
			{forged + ", for=203.0.113.8"}, {forged, "for=203.0.113.8"}, {forged + `, for="203.0.113.8:80";x="a, for=10.0.0.1\"", for=10.2.3.4`},
		} {
			checkForged(t, proxies, forwarded, fields)
		}
	})
}

// checkForged asks with fields of which all but what follows from 203.0.113.8 is forged.
func checkForged(t *testing.T, proxies *Proxies, name string, values []string) {
	t.Helper()
	ctx := &fasthttp.RequestCtx{}
	ctx.Init2(&conn{peer: netip.MustParseAddr("10.0.0.1")}, nil, true)
	for _, value := range values {
		ctx.Request.Header.Add(name, value)
	}
	client, proxied := proxies.Introduce(ctx, true)
	if client.String() != "203.0.113.8" || !proxied || Of(ctx) != client {
		t.Errorf("%s: %q gives %v, %v", name, values, client, Of(ctx))
	}
	if scheme := Scheme(ctx); scheme != "http" {
		t.Errorf("%s: %q gives the scheme %q", name, values, scheme)
	}
	Host(ctx)
}

// What every request pays.
func BenchmarkIntroduce(b *testing.B) {
	for name, test := range map[string]struct {
		trusted []string
		fields  string
	}{
		"off":         {nil, "X-Forwarded-For: 192.0.2.1"},
		"not trusted": {[]string{"192.0.2.0/24"}, "X-Forwarded-For: 192.0.2.1"},
		"one hop":     {[]string{"10.0.0.0/8"}, "X-Forwarded-For: 192.0.2.1"},
		"three hops":  {[]string{"10.0.0.0/8"}, "X-Forwarded-For: 198.51.100.1, 2001:db8::1, 10.0.0.2, 10.0.0.3"},
		"Forwarded":   {[]string{"10.0.0.0/8"}, `Forwarded: for="[2001:db8::1]:4711";proto=https`},
	} {
		b.Run(name, func(b *testing.B) {
			proxies := &Proxies{}
			proxies.Trust(*trusting(b, test.trusted...))
			ctx := asked(b, proxies, netip.MustParseAddr("10.0.0.1"), "Host: h\nUser-Agent: curl\nAccept: */*\n"+test.fields)
			b.ReportAllocs()
			for b.Loop() {
				proxies.Introduce(ctx, true)
			}
		})
	}
}
