package wire

import (
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestPeerThatTakesNothingFillsLittleOfTheKernel(t *testing.T) {
	server, _ := pairWithSmallWindow(t, 500*time.Millisecond)
	file, _ := randomFile(t, 16<<20)
	if _, err := server.ReadFrom(file); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %v, want a timeout", err)
	}
	const window = 128 << 10 // what the peer's kernel takes, with room to spare
	if n := server.BytesWritten(); n < unsentMost || n > unsentMost+window {
		t.Errorf("the kernel took %d bytes, want at least %d and not much more", n, unsentMost)
	}
}

func TestPeerThatTakesWhatItGetsIsTrusted(t *testing.T) {
	_, server, client := pair(t, 10*time.Second)
	file, content := randomFile(t, 3<<20)
	got := readAll(client)
	if n, err := server.ReadFrom(file); err != nil || n != int64(len(content)) {
		t.Fatalf("sent %d of %d bytes, %v", n, len(content), err)
	}
	limit, err := 0, error(nil)
	server.sock.ask(func(fd int) { limit, err = unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT) })
	if err != nil || limit != unlimited {
		t.Errorf("%d bytes may wait unsent, %v; want no limit after %d were taken", limit, err, provenAfter)
	}
	if err := server.sock.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if n := len(<-got); n != len(content) {
		t.Errorf("the client got %d of %d bytes", n, len(content))
	}
}

func TestBacklogCostsSmallAnswersNothing(t *testing.T) {
	const notASocket = -1
	var b Backlog
	b.Before(notASocket, unsentMost)
	b.After(notASocket, provenAfter)
	if b.state != unbounded {
		t.Error("a small answer has touched its socket")
	}
}
