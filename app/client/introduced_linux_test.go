//go:build amd64 || arm64

package client_test

// The PROXY header on real connections: on event loops and on goroutines.

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"fullbore/app/client"
	"fullbore/app/engine"
	"fullbore/app/head"
	"fullbore/app/wire"
)

// answers is a server on a way of serving, which tells each client who it is, and who its
// connection's peer is, with how many bytes came on that so far.
func answers(t testing.TB, loops bool) (addr string) {
	t.Helper()
	networks, err := client.ParseNetworks([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	proxies := &client.Proxies{}
	proxies.Trust(networks)
	ln, err := wire.Listen("127.0.0.1:0", wire.Config{Introduction: proxies.Meet})
	if err != nil {
		t.Fatal(err)
	}
	ln.Entrances()[0].Introduced = true
	server := &fasthttp.Server{
		ReduceMemoryUsage: true, StreamRequestBody: true, Logger: log.New(io.Discard, "", 0), ReadBufferSize: head.DefaultLimit + 1,
		NoDefaultServerHeader: true, NoDefaultDate: false, ReadTimeout: time.Minute, IdleTimeout: time.Minute,
		Handler: func(ctx *fasthttp.RequestCtx) {
			who, proxied := proxies.Introduce(ctx, true)
			link, ok := wire.LinkOf(ctx.Conn())
			if !ok {
				ctx.Error("no counters", fasthttp.StatusInternalServerError)
				return
			}
			if body := ctx.RequestBodyStream(); body != nil {
				_, _ = io.Copy(io.Discard, body)
			}
			fmt.Fprintf(ctx, "%v %v %v %d", who, client.Of(ctx), proxied, link.BytesRead())
		},
		ErrorHandler: func(ctx *fasthttp.RequestCtx, err error) {
			var refusal *head.Refusal
			if !asRefusal(err, &refusal) {
				ctx.Error(err.Error(), fasthttp.StatusInternalServerError)
				return
			}
			ctx.Error(refusal.Reason+" "+client.Of(ctx).String(), refusal.Status)
		},
	}
	served := make(chan error, 1)
	if loops {
		e, err := engine.New(ln, server, engine.Config{Loops: 1})
		if err != nil {
			t.Fatal(err)
		}
		go func() { served <- e.Serve() }()
	} else {
		go func() { served <- server.Serve(judged{ln}) }()
	}
	t.Cleanup(func() {
		_ = ln.Retire(true)
		ln.Cut(net.ErrClosed)
		<-served
	})
	return ln.Addr().String()
}

// judged is a listener as the server has it.
type judged struct{ net.Listener }

func (l judged) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return head.NewConn(c, nil, head.DefaultLimit).Served(), nil
}

func asRefusal(err error, refusal **head.Refusal) bool {
	for err != nil {
		if found, ok := err.(*head.Refusal); ok { //nolint:errorlint // this is errors.As
			*refusal = found
			return true
		}
		wrapped, ok := err.(interface{ Unwrap() error })
		if !ok {
			return false
		}
		err = wrapped.Unwrap()
	}
	return false
}

// told sends pieces, one after the other, and gives the status and the body of each
// answer.
func told(t testing.TB, addr string, pieces ...[]byte) (answers []string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, piece := range pieces {
		if _, err := conn.Write(piece); err != nil {
			break // refused already
		}
	}
	_ = conn.(*net.TCPConn).CloseWrite()
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	all, err := io.ReadAll(conn)
	if err != nil && len(all) == 0 {
		return []string{"reset"} // by what was still sent
	}
	for part := range strings.SplitSeq(string(all), "HTTP/1.1 ") {
		if status, rest, ok := strings.Cut(part, " "); ok {
			_, body, _ := strings.Cut(rest, "\r\n\r\n")
			answers = append(answers, status+" "+body)
		}
	}
	return answers
}

// counted is the number of bytes in an answer.
var counted = regexp.MustCompile(`((?:true|false) )\d+`)

const request = "GET / HTTP/1.1\r\nHost: test\r\n\r\n"

func TestIntroducedConnections(t *testing.T) {
	const header = "PROXY TCP4 192.0.2.9 10.0.0.1 4660 80\r\n"
	const upload = "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello"
	const forged = "GET / HTTP/1.1\r\nHost: test\r\nX-Forwarded-For: 198.51.100.1\r\n\r\n"
	type pieces []string
	for _, c := range []struct {
		name   string
		pieces pieces
		want   string
	}{
		{"at once", pieces{header + request}, fmt.Sprint("200 192.0.2.9 192.0.2.9 true ", len(header+request))},
		{"the header alone first", pieces{header, request}, fmt.Sprint("200 192.0.2.9 192.0.2.9 true ", len(header+request))},
		{"two requests", pieces{header + request + request}, "200 192.0.2.9 192.0.2.9 true N, 200 192.0.2.9 192.0.2.9 true N"},
		{"one with a body, which leaves the loop, and one that is back", pieces{header + upload + request}, "200 192.0.2.9 192.0.2.9 true N, 200 192.0.2.9 192.0.2.9 true N"},
		{"a client that says more", pieces{header + forged}, fmt.Sprint("200 192.0.2.9 192.0.2.9 true ", len(header+forged))},
		{"the proxy's own", pieces{"PROXY UNKNOWN\r\n" + request}, fmt.Sprint("200 127.0.0.1 127.0.0.1 false ", len("PROXY UNKNOWN\r\n"+request))},
		{"the proxy's own, with fields", pieces{"PROXY UNKNOWN\r\n" + forged}, fmt.Sprint("200 198.51.100.1 198.51.100.1 true ", len("PROXY UNKNOWN\r\n"+forged))},
		{"none", pieces{request}, "400 there is no PROXY header, with which each connection begins here 127.0.0.1"},
		{"two", pieces{header + header + request}, "400 the version is malformed 192.0.2.9"},
		{"a part", pieces{header[:20]}, "400 the connection ended within the PROXY header 127.0.0.1"},
		{"a bad request behind it", pieces{header + "hello\r\n\r\n"}, "400 no method 192.0.2.9"},
		{"nothing", pieces{}, ""},
		{"nothing behind it", pieces{header}, ""},
	} {
		for _, loops := range []bool{true, false} {
			addr := answers(t, loops)
			var sent [][]byte
			for _, piece := range c.pieces {
				sent = append(sent, []byte(piece))
			}
			got := strings.Join(told(t, addr, sent...), ", ")
			if strings.Contains(c.want, "N") { // how much had come by then is not certain
				got = counted.ReplaceAllString(got, "${1}N")
			}
			if got != c.want {
				t.Errorf("%s, loops %v:\n got %q\nwant %q", c.name, loops, got, c.want)
			}
			var bytewise [][]byte
			for _, b := range bytes.Join(sent, nil) {
				bytewise = append(bytewise, []byte{b})
			}
			if again := strings.Join(told(t, addr, bytewise...), ", "); counted.ReplaceAllString(again, "${1}N") != counted.ReplaceAllString(c.want, "${1}N") {
				t.Errorf("%s, a byte at a time, loops %v: %q", c.name, loops, again)
			}
		}
	}
}

// Whatever comes, cut wherever, both ways of serving make the same of it.
func FuzzIntroducedConnection(f *testing.F) {
	for _, seed := range []string{
		"PROXY TCP4 192.0.2.9 10.0.0.1 4660 80\r\n", "PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n", "PROXY UNKNOWN\r\n", "PROXY TCP4 bad\r\n", "",
		"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x09\x0a\x00\x00\x01\x12\x34\x00\x50", "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00", "PROXY ",
	} {
		f.Add([]byte(seed+request), len(seed))
		f.Add([]byte(seed+request), 5)
	}
	loops, goroutines := answers(f, true), answers(f, false)
	f.Fuzz(func(t *testing.T, said []byte, cut int) {
		if len(said) > 8<<10 { // what is still sent to who has refused it may be answered by a reset
			return
		}
		cut = max(0, min(cut, len(said)))
		on, off := told(t, loops, said[:cut], said[cut:]), told(t, goroutines, said[:cut], said[cut:])
		a, b := counted.ReplaceAllString(strings.Join(on, ", "), "${1}N"), counted.ReplaceAllString(strings.Join(off, ", "), "${1}N")
		if a != b && a != "reset" && b != "reset" {
			t.Errorf("on loops %q\non goroutines %q", a, b)
		}
	})
}
