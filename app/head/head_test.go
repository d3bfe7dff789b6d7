package head

import (
	"fmt"
	"strings"
	"testing"
)

// judged is the judgement of raw, whole and byte by byte, which must be one.
func judged(t *testing.T, raw string) (Head, State) {
	t.Helper()
	var whole, slow Head
	buf := []byte(raw)
	state := whole.Judge(buf, DefaultLimit)
	slowly := More
	for i := 1; i <= len(buf) && slowly == More; i++ {
		slowly = slow.Judge(buf[:i:i], DefaultLimit)
	}
	if state != slowly || state != More && whole.verdict(buf) != slow.verdict(buf) {
		t.Errorf("%.200q: at once %d %+v, byte by byte %d %+v", raw, state, whole, slowly, slow)
	}
	return whole, state
}

// verdict is what h says to others.
func (h *Head) verdict(buf []byte) string {
	if h.Status != 0 {
		return fmt.Sprintf("%d %s", h.Status, h.Reason)
	}
	return fmt.Sprintf("%d bytes, %s %s for %s, body %d, persist %v, expect %v, plain %v",
		h.Length, h.Method(buf), h.Target(buf), h.Host(buf), h.Body, h.Persist, h.Expect, h.Plain)
}

// get is a GET with more fields, each ending in CRLF.
func get(fields string) string { return "GET /f HTTP/1.1\r\nHost: test\r\n" + fields + "\r\n" }

func post(fields string) string { return "POST /f HTTP/1.1\r\nHost: test\r\n" + fields + "\r\n" }

func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		name, raw string
		status    int
	}{
		{"two lengths that differ", post("Content-Length: 0\r\nContent-Length: 1\r\n"), 400},
		{"the same length twice", post("Content-Length: 5\r\ncontent-length: 5\r\n"), 400},
		{"length with a sign", post("Content-Length: +5\r\n"), 400},
		{"length in hex", post("Content-Length: 0x5\r\n"), 400},
		{"length as a list", post("Content-Length: 5, 5\r\n"), 400},
		{"length beyond 64 bits", post("Content-Length: 18446744073709551621\r\n"), 400},
		{"negative length", post("Content-Length: -1\r\n"), 400},
		{"empty length", post("Content-Length:\r\n"), 400},
		{"length and chunks", post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"), 400},
		{"chunks and length", post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n"), 400},
		{"identity", post("Transfer-Encoding: identity\r\n"), 400},
		{"unknown coding", post("Transfer-Encoding: xchunked\r\n"), 400},
		{"chunked is not last", post("Transfer-Encoding: chunked, identity\r\n"), 400},
		{"chunked twice in a line", post("Transfer-Encoding: chunked, Chunked\r\n"), 400},
		{"chunked in two lines", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400},
		{"chunked with a parameter", post("Transfer-Encoding: chunked;a=b\r\n"), 400},
		{"chunked in quotes", post("Transfer-Encoding: \"chunked\"\r\n"), 400},
		{"empty coding", post("Transfer-Encoding:\r\n"), 400},
		{"a coding below chunked", post("Transfer-Encoding: gzip, chunked\r\n"), 501},
		{"chunks on HTTP/1.0", "POST /f HTTP/1.0\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n", 400},

		{"space before the colon", get("A : b\r\n"), 400},
		{"tab before the colon", get("A\t: b\r\n"), 400},
		{"space in a name", get("A b: c\r\n"), 400},
		{"no colon", get("A\r\n"), 400},
		{"no name", get(": b\r\n"), 400},
		{"CR in a name", get("A\rB: c\r\n"), 400},
		{"NUL in a name", get("A\x00: c\r\n"), 400},
		{"bare CR in a value", get("A: b\rc\r\n"), 400},
		{"CR before the end of a line", get("A: b\r\r\n"), 400},
		{"NUL in a value", get("A: \x00\r\n"), 400},
		{"NUL in a long value", get("A: 12345678901234567890\x00890\r\n"), 400},
		{"DEL in a value", get("A: 123456789\x7f\r\n"), 400},
		{"a folded field", get("A: b\r\n c\r\n"), 400},
		{"a blank before the first field", "GET /f HTTP/1.1\r\n Host: test\r\n\r\n", 400},
		{"a field that ends in LF", get("A: b\n"), 400},
		{"a head that ends in LF", "GET /f HTTP/1.1\r\nHost: test\r\n\n", 400},
		{"a head that ends in LF LF", "GET /f HTTP/1.1\nHost: test\n\n", 400},
		{"1,000 fields", get(strings.Repeat("A: b\r\n", 1000)), 431},
		{"fields over the limit", get("A: " + strings.Repeat("x", DefaultLimit) + "\r\n"), 431},
		{"fields over the limit without end", "GET /f HTTP/1.1\r\nA: " + strings.Repeat("x", DefaultLimit), 431},
		{"a line over the limit", "GET /" + strings.Repeat("x", DefaultLimit) + " HTTP/1.1\r\nHost: test\r\n\r\n", 414},
		{"a line over the limit without end", "GET /" + strings.Repeat("x", DefaultLimit), 414},

		{"two spaces", "GET  /a  HTTP/1.1\r\n", 400},
		{"two spaces before the version", "GET /a  HTTP/1.1\r\n", 400},
		{"a tab for a space", "GET\t/a HTTP/1.1\r\n", 400},
		{"a space at the end of the line", "GET /a HTTP/1.1 \r\n", 400},
		{"CR CR LF after the version", "GET /a HTTP/1.1\r\r\n", 400},
		{"CR in the target", "GET /a\rb HTTP/1.1\r\n", 400},
		{"NUL in the target", "GET /a\x00b HTTP/1.1\r\n", 400},
		{"tab in the target", "GET /a\tb HTTP/1.1\r\n", 400},
		{"a fragment", "GET /a#b HTTP/1.1\r\n", 400},
		{"a relative target", "GET a HTTP/1.1\r\n", 400},
		{"HTTP/0.9", "GET /f\r\n", 400},
		{"no HTTP at all", "hello\r\n", 400},
		{"no HTTP with spaces", "hello to you all\r\n", 400},
		{"a TLS handshake", "\x16", 400},
		{"a control character in the method", "GE\x01", 400},
		{"a colon in the method", "GE:", 400},
		{"a CR before the request", "\rG", 400},
		{"a LF before the request", "\n", 400},
		{"five empty lines", "\r\n\r\n\r\n\r\n\r\n", 400},
		{"a method without end", strings.Repeat("A", 33), 501},
		{"HTTP/2 in the clear", "PRI * HTTP/2.0\r\n", 505},
		{"HTTP/2.0", "GET /f HTTP/2.0\r\n", 505},
		{"HTTP/3.0", "GET /f HTTP/3.0\r\n", 505},
		{"HTTP/9.9", "GET /f HTTP/9.9\r\n", 505},
		{"HTTP/1.2", "GET /f HTTP/1.2\r\n", 505},
		{"HTTP/0.9 by name", "GET /f HTTP/0.9\r\n", 505},
		{"HTTP/1.10", "GET /f HTTP/1.10\r\n", 400},
		{"HTTP/1", "GET /f HTTP/1\r\n", 400},
		{"http/1.1", "GET /f http/1.1\r\n", 400},

		{"no Host", "GET /f HTTP/1.1\r\n\r\n", 400},
		{"two Hosts", get("Host: test\r\n"), 400},
		{"two Hosts on HTTP/1.0", "GET /f HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400},
		{"Host without a target's", "GET http://a/ HTTP/1.1\r\n\r\n", 400},
		{"an invalid Host beside a target's", "GET http://a/ HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
		{"*", "GET * HTTP/1.1\r\n", 400},
		{"a scheme of others", "GET ftp://a/ HTTP/1.1\r\n", 400},
		{"no authority", "GET http:///f HTTP/1.1\r\n", 400},
		{"no authority but a query", "GET http://?q HTTP/1.1\r\n", 400},
		{"an authority with a user", "GET http://u@a/ HTTP/1.1\r\n", 400},
		{"an authority with a backslash", "GET http://a\\b/ HTTP/1.1\r\n", 400},
		{"CONNECT to a path", "CONNECT /f HTTP/1.1\r\n", 400},
		{"CONNECT without a port", "CONNECT test HTTP/1.1\r\n", 400},
		{"CONNECT with an empty port", "CONNECT test: HTTP/1.1\r\n", 400},
		{"CONNECT to a URI", "CONNECT http://test:80/ HTTP/1.1\r\n", 400},
		{"an unknown expectation", post("Expect: 200-ok\r\n"), 417},
		{"two expectations", post("Expect: 100-continue, 100-continue\r\n"), 417},
	} {
		h, state := judged(t, test.raw)
		if state != Refused || h.Status != test.status || h.Reason == "" || h.Length != 0 {
			t.Errorf("%s: state %d, status %d %q, want %d", test.name, state, h.Status, h.Reason, test.status)
		}
	}
}

func TestAcceptedHeads(t *testing.T) {
	const body0 = "body 0, persist true, expect false, plain "
	for _, test := range []struct{ name, raw, want string }{
		{"GET", get(""), "GET /f for test, " + body0 + "true"},
		{"HEAD", "HEAD / HTTP/1.1\r\nhOST:a\r\n\r\n", "HEAD / for a, " + body0 + "true"},
		{"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * for a, " + body0 + "true"},
		{"POST without content", post(""), "POST /f for test, " + body0 + "false"},
		{"an unknown method", "brew / HTTP/1.1\r\nHost: a\r\n\r\n", "brew / for a, " + body0 + "false"},
		{"CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: b:80\r\n\r\n", "CONNECT a:80 for a:80, " + body0 + "false"},
		{"four empty lines before", "\r\n\r\n\r\n\r\n" + get(""), "GET /f for test, " + body0 + "true"},
		{"another host in the target", "GET http://a:1/x?y HTTP/1.1\r\nHost: b\r\n\r\n", "GET http://a:1/x?y for a:1, " + body0 + "true"},
		{"Host before it is known to be moot", "GET HTTPS://[::1]?y HTTP/1.1\r\nHost: b\r\n\r\n", "GET HTTPS://[::1]?y for [::1], " + body0 + "true"},
		{"UTF-8 and brackets", "GET /ü?a[]=| HTTP/1.1\r\nHost: a\r\n\r\n", "GET /ü?a[]=| for a, " + body0 + "true"},
		{"odd values", get("A:\r\nB: \t \r\nC: a\tb \xff\r\n!#$%&'*+-.^_`|~0aZ: x\r\n"), "GET /f for test, " + body0 + "true"},
		{"256 fields", get(strings.Repeat("A: b\r\n", 255)), "GET /f for test, " + body0 + "true"},
		{"content on GET", get("Content-Length: 007\r\n"), "GET /f for test, body 7, persist true, expect false, plain false"},
		{"empty content on GET", get("Content-Length: 0\r\n"), "GET /f for test, " + body0 + "true"},
		{"much content", post("Content-Length: 999999999999999999\r\n"), "POST /f for test, body 999999999999999999, persist true, expect false, plain false"},
		{"chunks", post("Transfer-Encoding:\tChunKed \r\n"), "POST /f for test, body -1, persist true, expect false, plain false"},
		{"chunks on GET", get("Transfer-Encoding: chunked\r\n"), "GET /f for test, body -1, persist true, expect false, plain false"},
		{"Expect", post("Content-Length: 5\r\nExpect: 100-Continue\r\n"), "POST /f for test, body 5, persist true, expect true, plain false"},
		{"Expect on GET", get("expect: 100-continue\r\n"), "GET /f for test, body 0, persist true, expect true, plain false"},
		{"Expect on HTTP/1.0", "GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", "GET / for , body 0, persist false, expect false, plain false"},
		{"Upgrade", get("Upgrade: h2c\r\n"), "GET /f for test, " + body0 + "false"},
		{"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", "GET / for , body 0, persist false, expect false, plain true"},
	} {
		h, state := judged(t, test.raw)
		if state != Complete {
			t.Errorf("%s: state %d, %d %s", test.name, state, h.Status, h.Reason)
			continue
		}
		if got := h.verdict([]byte(test.raw)); got != fmt.Sprintf("%d bytes, %s", len(test.raw), test.want) {
			t.Errorf("%s: %s", test.name, got)
		}
	}
}

// RFC 9112 section 9.3.
func TestPersistence(t *testing.T) {
	for _, test := range []struct {
		fields  string
		persist [2]bool // HTTP/1.0 and 1.1
	}{
		{"", [2]bool{false, true}},
		{"Connection: close\r\n", [2]bool{false, false}},
		{"Connection: Close\r\n", [2]bool{false, false}},
		{"Connection: TE, close\r\n", [2]bool{false, false}},
		{"Connection: keep-alive, close\r\n", [2]bool{false, false}},
		{"Connection: close,Keep-Alive\r\n", [2]bool{false, false}},
		{"Connection:\tkeep-alive\t,\tclose\t\r\n", [2]bool{false, false}},
		{"Connection: keep-alive\r\n", [2]bool{true, true}},
		{"Connection: ,, KEEP-ALIVE\r\n", [2]bool{true, true}},
		{"Connection: TE\r\nConnection: keep-alive\r\n", [2]bool{true, true}},
		{"Connection: close\r\nConnection: keep-alive\r\n", [2]bool{false, false}},
		{"Connection: not-close, closed\r\n", [2]bool{false, true}},
		{"Connection: \"close\"\r\n", [2]bool{false, true}},
		{"Proxy-Connection: close\r\n", [2]bool{false, true}},
	} {
		for minor, want := range test.persist {
			h, state := judged(t, fmt.Sprintf("GET / HTTP/1.%d\r\nHost: a\r\n%s\r\n", minor, test.fields))
			if state != Complete || h.Persist != want {
				t.Errorf("%q on HTTP/1.%d: state %d, persist %v", test.fields, minor, state, h.Persist)
			}
		}
	}
}

// RFC 3986 section 3.2.
func TestAuthority(t *testing.T) {
	for _, valid := range []string{
		"a", "example.com", "a:80", "a:", "a:0", "a:65535", "127.0.0.1", "127.0.0.1:8080", "a_b.c-d~e", "!$&'()*+,;=",
		"%41", "xn--bcher-kva", "[::1]", "[::1]:80", "[2001:DB8::1]", "[::ffff:1.2.3.4]:1",
	} {
		if authority([]byte(valid)) <= 0 {
			t.Errorf("%q is refused", valid)
		}
	}
	for _, invalid := range []string{
		"", ":80", "a b", "a,b c", "a/b", "a?b", "u@a", "u:p@a", "a:b", "a:80:80", "a:-1", "a:65536", "a:000080", "a:99999999999", "::1",
		"[", "[]", "[::1", "[::1]80", "[::1]:x", "[1.2.3.4]", "[::1%eth0]", "[::1%25eth0]", "[v1.a]", "[a]", "a]", "a[::1]",
		"%", "%4", "%zz", "a%00%", "\\", "a\"", "<a>", "bücher", "a\tb", "a^",
	} {
		if authority([]byte(invalid)) > 0 {
			t.Errorf("%q is accepted", invalid)
		}
	}
}

func TestLimitIsExact(t *testing.T) {
	raw := get("A: b\r\n")
	for limit, want := range map[int]State{len(raw): Complete, len(raw) - 1: Refused, 20: Refused, 10: Refused} {
		var h Head
		if state := h.Judge([]byte(raw+"more"), limit); state != want {
			t.Errorf("limit %d of %d: state %d", limit, len(raw), state)
		}
		if want == Refused && (h.Status == 414) != (limit == 10) {
			t.Errorf("limit %d: %d", limit, h.Status)
		}
	}
}

func TestRefusalTellsWhatCouldBeRead(t *testing.T) {
	long := "/" + strings.Repeat("x", 2*DefaultLimit)
	for _, test := range []struct{ raw, method, target string }{
		{"GET /f HTTP/2.0\r\n", "GET", "/f"},
		{"PRI * HTTP/2.0\r\n", "PRI", "*"},
		{"GET /f\r\n", "GET", "/f"},
		{"GET /f\n", "GET", "/f"},
		{"GET /f HTTP/1.1\n", "GET", "/f"},
		{"GET  /f HTTP/1.1\r\n", "GET", ""},
		{"POST /f HTTP/1.1\r\nHost: a b\r\n", "POST", "/f"},
		{"hello\r\n", "", ""},
		{"GET " + long, "GET", long[:maxRecorded]},
		{"\r\nDELETE /f HTTP/1.1\r\n A", "DELETE", "/f"},
	} {
		for _, raw := range []string{test.raw, test.raw + "\r\n" + get("")} {
			var h Head
			state := h.Judge([]byte(raw), DefaultLimit)
			if state == More {
				continue
			}
			if r := h.Refusal([]byte(raw)); r.Method != test.method || r.Target != test.target || state != Refused {
				t.Errorf("%.60q: state %d, %q %.60q", raw, state, r.Method, r.Target)
			}
		}
	}
}

// What was not sent is not said to be: no version stands for another.
func TestRefusalTellsTheVersion(t *testing.T) {
	for raw, want := range map[string]string{
		"GET /f HTTP/1.1\r\n\r\n": "HTTP/1.1", "GET /f HTTP/1.0\r\nA : b\r\n": "HTTP/1.0", "GET /f HTTP/9.9\r\n": "HTTP/9.9",
		"GET /f\r\n": "", "GET /f HTTP/1.10\r\n": "", "GET  /f HTTP/1.1\r\n": "", "hello\r\n": "", "GET * HTTP/1.1\r\n": "HTTP/1.1",
	} {
		var h Head
		if state := h.Judge([]byte(raw), DefaultLimit); state != Refused {
			t.Errorf("%q: state %d", raw, state)
		}
		if got := h.Refusal([]byte(raw)).Proto; got != want {
			t.Errorf("%q: the version is %q, want %q", raw, got, want)
		}
	}
}

// A byte at a time must not be quadratic: it is judged within the test's time.
func TestSlowHeadIsLookedAtOnce(t *testing.T) {
	raw := []byte(get(strings.Repeat("A: "+strings.Repeat("b", 8000)+"\r\n", 128)))
	var h Head
	for i := range raw {
		if state := h.Judge(raw[:i], len(raw)); state != More {
			t.Fatalf("state %d after %d bytes: %s", state, i, h.Reason)
		}
	}
	if h.Judge(raw, len(raw)) != Complete {
		t.Error(h.Reason)
	}
}
