//go:build unix

package e2e

// A raw connection, for what no HTTP client would do.

import (
	"bufio"
	"io"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// client is a raw connection to the server.
type client struct {
	*net.TCPConn
	r *bufio.Reader
}

// dial connects; a read buffer of 0 is the system's.
func dial(t *testing.T, addr string, readBuffer int) *client {
	t.Helper()
	return connect(t, net.Dialer{}, addr, readBuffer)
}

// dialFrom connects from an address of this machine's own, where there is more than one;
// the log knows the client by it.
func dialFrom(t *testing.T, addr, from string) *client {
	t.Helper()
	if runtime.GOOS != "linux" {
		return dial(t, addr, 0)
	}
	return connect(t, net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}, addr, 0)
}

func connect(t *testing.T, dialer net.Dialer, addr string, readBuffer int) *client {
	t.Helper()
	dialer.Timeout = patience
	dialer.Control = func(_, _ string, raw syscall.RawConn) error {
		if readBuffer == 0 {
			return nil
		}
		var err error
		// Before the connection is made, or the window is negotiated already.
		if ctrl := raw.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, readBuffer)
		}); ctrl != nil {
			return ctrl
		}
		return err
	}
	conn, err := dialer.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(2 * patience))
	t.Cleanup(func() { conn.Close() })
	return &client{conn.(*net.TCPConn), bufio.NewReader(conn)}
}

func (c *client) send(t *testing.T, raw string) {
	t.Helper()
	if _, err := io.WriteString(c, raw); err != nil {
		t.Fatal(err)
	}
}

// header reads the status line and the header's end, and returns the status line.
func (c *client) header(t *testing.T) string {
	t.Helper()
	status := ""
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if status == "" {
			status = strings.TrimRight(line, "\r\n")
		}
		if line == "\r\n" {
			return status
		}
	}
}

func getRequest(path string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: test\r\n\r\n"
}
