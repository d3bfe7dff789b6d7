//go:build unix

package app

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"fullbore/app/event"
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
	a := &App{publicLn: ln, notifyTrouble: event.NewTrouble(zerolog.Nop(), "systemd", "systemd")}
	message := func() string {
		buf := make([]byte, 1000)
		n, err := manager.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}

	a.ping(t.Context(), 50*time.Millisecond)
	a.notify("STATUS=after")
	if got := message(); got != "STATUS=after" {
		t.Errorf("nobody accepts, and it sent %q", got)
	}

	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = ln.Accept()
	}()
	a.ping(t.Context(), time.Minute)
	if got := message(); got != "WATCHDOG=1" {
		t.Errorf("somebody accepts, and it sent %q", got)
	}
	ln.Close()
	<-ended
}
