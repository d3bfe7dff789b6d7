//go:build linux

package load

// This file compares the frugal header reader with net/http's.

import (
	"bufio"
	"bytes"
	"net/http"
	"testing"
)

func FuzzHeadAgreesWithNetHTTP(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 17\r\nContent-Type: text/plain\r\n\r\nbody",
		"HTTP/1.0 206 Partial Content\r\ncontent-length:0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX-Content-Length: 5\r\nCONTENT-LENGTH: 6 \r\n\r\n",
		"HTTP/1.1 404\r\nContent-Length: 1\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 2", "",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		answer, size, err := parseHead(text)
		if err != nil || size == 0 {
			return
		}
		if size > len(text) || answer.Length < 0 || !bytes.HasSuffix(text[:size], []byte("\r\n\r\n")) {
			t.Fatalf("%q: %+v in %d bytes", text, answer, size)
		}
		response, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(text)), &http.Request{Method: http.MethodGet})
		if err != nil || response.ContentLength < 0 || len(response.Header["Content-Length"]) != 1 {
			return // stricter than we need to be with a server we started ourselves
		}
		if noBody := response.StatusCode < 200 || response.StatusCode == 204 || response.StatusCode == 304; noBody {
			return
		}
		if response.StatusCode != answer.Status || response.ContentLength != answer.Length {
			t.Errorf("%q: %+v, net/http says %d and %d", text, answer, response.StatusCode, response.ContentLength)
		}
	})
}
