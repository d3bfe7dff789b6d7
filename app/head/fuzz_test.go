package head

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

// reading is what somebody takes a head for.
type reading struct {
	method, target, host string
	body                 int64
	persist              bool
}

func ours(h *Head, buf []byte) reading {
	return reading{string(h.Method(buf)), string(h.Target(buf)), string(h.Host(buf)), h.Body, h.Persist}
}

// netHTTPs is how net/http reads buf.
func netHTTPs(buf []byte) (reading, error) {
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(buf)))
	if err != nil {
		return reading{}, err
	}
	return reading{req.Method, req.RequestURI, req.Host, req.ContentLength, !req.Close}, nil
}

// fasthttps is how fasthttp reads buf, and how many bytes it takes for the head.
func fasthttps(buf []byte) (reading, int, error) {
	var req fasthttp.Request
	br := bufio.NewReaderSize(bytes.NewReader(buf), len(buf)+1)
	if err := req.Header.Read(br); err != nil {
		return reading{}, 0, err
	}
	length := len(buf) - br.Buffered()
	host := string(req.Header.Host())
	if target := req.Header.RequestURI(); target[0] != '/' && string(req.Header.Method()) != fasthttp.MethodConnect {
		host = string(req.URI().Host())
	}
	body := max(int64(req.Header.ContentLength()), -1) // less than that: it has none
	if req.Header.ContentLength() < -1 {
		body = 0
	}
	return reading{string(req.Header.Method()), string(req.Header.RequestURI()), host, body, !req.Header.ConnectionClose()}, length, nil
}

// disagreement is how other, fasthttp's or net/http's reading, differs from
// ours where it must not; empty if it does not.
func disagreement(ours, other reading) string {
	switch {
	case ours.method != other.method:
		return "method"
	case ours.target != other.target:
		return "target"
	case !strings.EqualFold(ours.host, other.host):
		return "host"
	case ours.body != other.body:
		return "body"
	case ours.persist != other.persist:
		return "persistence"
	}
	return ""
}

var seeds = []string{
	get(""), get("Content-Length: 5\r\n"), post("Transfer-Encoding: chunked\r\n"), get("Connection: TE, close\r\n"),
	"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET http://a:1/x?y HTTP/1.1\r\nHost: b\r\n\r\n", "GET http://a?y HTTP/1.1\r\nHost: b\r\n\r\n", "GET //a/b HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
	"\r\n" + get(""), get("A:\t\x80\r\n"), get("Expect: 100-continue\r\nUpgrade: h2c\r\nConnection: close\r\nConnection: keep-alive\r\n"),
	"GET http://%41/ HTTP/1.1\r\nHost: %41\r\n\r\n", "GET http://a:/ HTTP/1.1\r\nHost: a:\r\n\r\n", get("Trailer: A\r\n"),
	"GET /f HTTP/1.1\r\nhost:\ttest\t\r\nCONNECTION:\tclose\r\n\r\n", "GET /%zz?#\\ HTTP/1.1\r\nHost: a\r\n\r\n", get("Cookie: a=b\r\nA: b\r\n"),
	// Found by fuzzing.
	" \n00", "0 / HTTP/1.0\r\n0000:0\r\nTrAiler:\"\r\n\r\n",
}

// FuzzHead holds what is accepted against the readings of net/http and
// fasthttp. Whoever refuses what we accept takes it for nothing else; whoever
// takes it for something else fails here, but for what is explained.
func FuzzHead(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(agreed)
}

// The same from pieces that matter, which a fuzzer takes hours to put together.
func TestNobodySeesAnotherRequest(t *testing.T) {
	fields := []string{
		"", "Host: a", "hOST:\tA:80\t", "Host: %41", "Host: a:", "Host: [::1]:80", "Host: [::ffff:1.2.3.4]", "Host: a&b=c", "Host: 1.2.3.4",
		"Connection: close", "Connection: keep-alive, Close", "CONNECTION:\tclose", "Connection: Keep-Alive", "Connection: upgrade, TE",
		"Content-Length: 5", "content-length:\t005 ", "Content-Length: 0", "Transfer-Encoding: chunked", "transfer-encoding:\tCHUNKED",
		"Expect: 100-Continue", "Upgrade: h2c", "Trailer: A", "X: " + strings.Repeat("y", 100) + "\t\x80", "Cookie: a=b; c", "Content-Type:",
	}
	lines := []string{"GET / HTTP/1.1", "GET / HTTP/1.0", "\r\n\r\nHEAD /?a HTTP/1.1", "POST //x/y HTTP/1.1", "get /%00%zz;\\|\xff HTTP/1.0", "OPTIONS * HTTP/1.1"}
	for _, authority := range []string{"a", "A:80", "%41", "a:", "[::1]", "[::1]:0", "a&b=c", "*"} {
		lines = append(lines, "CONNECT "+authority+"1 HTTP/1.1")
		for _, path := range []string{"", "/", "?/", "//b", "/?://c/", "?@d/"} {
			lines = append(lines, "GET http://"+authority+path+" HTTP/1.1", "PUT HTTPS://"+authority+path+" HTTP/1.0")
		}
	}
	for _, line := range lines {
		for i, first := range fields {
			for _, second := range fields[i:] {
				for _, third := range fields[:2] {
					var buf []byte
					for _, part := range []string{line, second, first, third} {
						if part != "" {
							buf = append(append(buf, part...), "\r\n"...)
						}
					}
					agreed(t, append(buf, "\r\n"...))
				}
			}
		}
	}
}

// agreed checks that fasthttp and net/http see in buf what we see.
func agreed(t *testing.T, buf []byte) {
	h, state := judged(t, string(buf))
	if state != Complete {
		return
	}
	head, own := buf[:h.Length], ours(&h, buf)
	if other, length, err := fasthttps(head); err == nil {
		if length != h.Length {
			t.Errorf("%q: fasthttp sees the end after %d bytes", head, length)
		}
		if what := disagreement(own, other); what != "" && !explainedOfFasthttp(what, own, head) {
			t.Errorf("%q: we see %+v, fasthttp another %s: %+v", head, own, what, other)
		}
	} else if !explainedRefusal(err) {
		t.Errorf("%q: fasthttp refuses it: %v", head, err)
	}
	// net/http.ReadRequest skips no empty lines; its server does.
	if other, err := netHTTPs(bytes.TrimLeft(head, "\r\n")); err == nil {
		if what := disagreement(own, other); what != "" && !explainedOfNetHTTP(what, own, head) {
			t.Errorf("%q: we see %+v, net/http another %s: %+v", head, own, what, other)
		}
	}
}

// explainedOfFasthttp lists where fasthttp is known to misread a head, and why
// it does no harm.
func explainedOfFasthttp(what string, own reading, head []byte) bool {
	switch what {
	case "host":
		// It knows no authority-form, and nobody serves CONNECT.
		return own.method == "CONNECT"
	case "persistence":
		// It compares the last Connection with "close", and looks for
		// keep-alive in the first. Behind a Reader it finds the connection
		// ended, and a connection that it ends is no danger.
		return bytes.Contains(bytes.ToLower(head), []byte("\nconnection:"))
	}
	return false
}

func explainedOfNetHTTP(what string, own reading, head []byte) bool { return false }

// explainedRefusal lists what fasthttp refuses and we accept.
func explainedRefusal(err error) bool {
	// It wants to know the trailer fields that Trailer announces, and answers
	// 400 by itself.
	return errors.Is(err, fasthttp.ErrBadTrailer)
}

// FuzzReader checks that the way in which bytes arrive and are asked for is
// not seen in what comes out; that this is what went in, up to the refusal; and
// that net/http's reader, the strict one of another author, sees whole requests
// in it.
func FuzzReader(f *testing.F) {
	chunked := post("Transfer-Encoding: chunked\r\n")
	for _, seed := range append(seeds,
		chunked+"5;a=b\r\n01234\r\n0\r\nA: b\r\n\r\n"+get(""), chunked+"1;\nZ\r\n0\r\n\r\n", chunked+"0x5\r\n", chunked+"0\r\nContent-Length: 5\r\n\r\n",
		post("Content-Length: 5\r\n")+"01234"+get("")+get("Connection: close\r\n")+get("")) {
		f.Add([]byte(seed), byte(3), byte(7))
	}
	f.Fuzz(func(t *testing.T, raw []byte, in, out byte) {
		whole, end := passed(string(raw), len(raw)+1)
		if !strings.HasPrefix(string(raw), whole) {
			t.Fatalf("%q came out of %q", whole, raw)
		}
		primed := len(raw) * int(out) / 255
		r := NewReader(pieces{bytes.NewReader(raw[primed:]), 1 + int(in)}, raw[:primed], 0)
		split, err := io.ReadAll(pieces{struct{ io.Reader }{r}, 1 + int(out)})
		if err == nil {
			err = io.EOF
		}
		if string(split) != whole || fmt.Sprint(err) != fmt.Sprint(end) {
			t.Errorf("%q, by %d and %d: %q, %v; whole %q, %v", raw, in, out, split, err, whole, end)
		}
		if errors.Is(err, io.EOF) {
			wholeRequests(t, whole)
		}
	})
}

// wholeRequests checks that net/http sees requests in passed and nothing after
// them, unless it refuses one, of which it is free to be stricter.
func wholeRequests(t *testing.T, passed string) {
	br := bufio.NewReader(strings.NewReader(passed))
	for {
		for {
			if c, err := br.Peek(1); err != nil {
				return
			} else if c[0] != '\r' && c[0] != '\n' {
				break
			}
			br.ReadByte()
		}
		req, err := http.ReadRequest(br)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: net/http waits for more", passed)
		}
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, req.Body); errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: net/http waits for more content", passed)
		} else if err != nil {
			return
		}
	}
}
