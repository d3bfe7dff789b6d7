//go:build linux && (amd64 || arm64) && !race

package engine

import (
	"net"
	"testing"
)

func TestRequestOnTheLoopDoesNotAllocate(t *testing.T) {
	s := serve(t, hello)
	c := s.dial()
	request, answer := []byte("GET / HTTP/1.1\r\nHost: h\r\nUser-Agent: test\r\nAccept: */*\r\n\r\n"), make([]byte, 4096)
	roundTrip(t, c, request, answer)
	if n := testing.AllocsPerRun(2000, func() { roundTrip(t, c, request, answer) }); n >= 1 {
		t.Errorf("%v allocations a request", n)
	}
}

func roundTrip(t *testing.T, c net.Conn, request, answer []byte) {
	if _, err := c.Write(request); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(answer); err != nil {
		t.Fatal(err)
	}
}
