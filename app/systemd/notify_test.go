//go:build unix

package systemd

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"fullbore/app/wire"
)

// A server that accepts nothing any more sends no sign of life.
func TestNoSignOfLifeWithoutAccepting(t *testing.T) {
	dir, err := os.MkdirTemp("", "notify") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "socket")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	ln, err := wire.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	m := NewManager(func(err error) { t.Error(err) })
	message := func() string {
		buf := make([]byte, 1000)
		n, err := manager.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}

	m.ping(t.Context(), 50*time.Millisecond, ln.Check)
	m.Status("after")
	if got := message(); got != "STATUS=after" {
		t.Errorf("nobody accepts, and it sent %q", got)
	}

	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = ln.Accept()
	}()
	m.ping(t.Context(), time.Minute, ln.Check)
	if got := message(); got != "WATCHDOG=1" {
		t.Errorf("somebody accepts, and it sent %q", got)
	}
	ln.Close()
	<-ended
}
