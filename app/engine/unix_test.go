//go:build linux && (amd64 || arm64)

package engine

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/valyala/fasthttp"
)

// A listener of Unix sockets opened elsewhere: what the loop answers, what
// it hands over, and a file, on one connection each.
func TestUnixSockets(t *testing.T) {
	name, content := randomFile(t, 8<<20)
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	addresses := make(chan string, 100)
	server := &fasthttp.Server{StreamRequestBody: true, Handler: func(ctx *fasthttp.RequestCtx) {
		addresses <- ctx.RemoteAddr().Network() + " " + ctx.LocalAddr().String()
		if string(ctx.Path()) == "/file" {
			ctx.SetBodyStream(newFileBody(t, name), len(content))
			return
		}
		body, _ := io.ReadAll(ctx.RequestBodyStream())
		ctx.SetBodyString("got " + string(body))
	}}
	done := make(chan error, 1)
	go func() { done <- Serve(ln, server) }()
	for range 3 {
		c, err := net.Dial("unix", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReader(c)
		for _, test := range []struct{ request, want string }{
			{"GET /file HTTP/1.1\r\nHost: x\r\n\r\n", string(content)},
			{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "got abc"},
			{"GET /file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", string(content)},
		} {
			if _, err := io.WriteString(c, test.request); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(body, []byte(test.want)) {
				t.Errorf("%.20q: %d bytes, %v", test.request, len(body), err)
			}
			if got, want := <-addresses, "unix "+ln.Addr().String(); got != want {
				t.Errorf("%.20q: from and to %q, want %q", test.request, got, want)
			}
		}
		if _, err := r.ReadByte(); err != io.EOF {
			t.Errorf("after Connection: close: %v", err)
		}
		_ = c.Close()
	}
	_ = ln.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
