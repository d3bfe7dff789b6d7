//go:build linux

package wire

// What a connection holds back: all of it comes, once, in order, or nothing.

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
	"time"
)

// corkSlots is how many connections may hold back now.
func corkSlots() int { return maxCorked - int(corkCount.Load()) }

func TestCorkSendsHeaderAndFileAsOne(t *testing.T) {
	_, server, client := pair(t, time.Minute)
	f, content := randomFile(t, 20_000)
	got := readAll(client)
	slots := corkSlots()
	if !server.Cork() {
		t.Fatal("it does not hold back")
	}
	if corkSlots() != slots-1 {
		t.Errorf("%d connections may still hold back, want %d", corkSlots(), slots-1)
	}
	if n, err := server.Write([]byte("header")); n != 6 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := server.ReadFrom(&io.LimitedReader{R: f, N: 10_000}); n != 10_000 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := server.ReadFrom(strings.NewReader("text")); n != 4 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := server.ReadFrom(f); n != 10_000 || err != nil { // from where it was
		t.Fatal(n, err)
	}
	if server.BytesWritten() != 0 {
		t.Errorf("%d bytes went out before Uncork", server.BytesWritten())
	}
	want := "header" + string(content[:10_000]) + "text" + string(content[10_000:])
	if n, err := server.Uncork(); n != int64(len(want)) || err != nil || server.BytesWritten() != n {
		t.Errorf("Uncork gave %d, %v, counted %d; want %d", n, err, server.BytesWritten(), len(want))
	}
	if corkSlots() != slots {
		t.Errorf("%d connections may hold back, want %d", corkSlots(), slots)
	}
	if _, err := server.Write([]byte("next")); err != nil { // at once
		t.Fatal(err)
	}
	if server.BytesWritten() != int64(len(want))+4 {
		t.Error("it holds back after Uncork")
	}
	server.Close()
	if string(<-got) != want+"next" {
		t.Error("the client received something else")
	}
}

func TestUncorkWithoutCork(t *testing.T) {
	_, server, _ := pair(t, time.Minute)
	slots := corkSlots()
	for range 2 {
		if n, err := server.Uncork(); n != 0 || err != nil {
			t.Error(n, err)
		}
		server.DropCork()
	}
	if corkSlots() != slots {
		t.Errorf("%d connections may hold back, want %d", corkSlots(), slots)
	}
	if !server.Cork() {
		t.Fatal("it does not hold back")
	}
	if n, err := server.Uncork(); n != 0 || err != nil { // nothing was held
		t.Error(n, err)
	}
}

func TestDropCorkForgets(t *testing.T) {
	_, server, client := pair(t, time.Minute)
	got := readAll(client)
	server.Cork()
	_, _ = server.Write([]byte("a body that turned out to be wrong"))
	server.DropCork()
	if _, err := server.Write([]byte("right")); err != nil {
		t.Fatal(err)
	}
	// Its buffer is in use elsewhere now, and must hold nothing of it.
	server.Cork()
	if n, err := server.Uncork(); n != 0 || err != nil {
		t.Error(n, err)
	}
	server.Close()
	if b := <-got; string(b) != "right" {
		t.Errorf("the client received %q", b)
	}
}

// 68 KiB is held, not a byte more, by whichever way it comes.
func TestCorkHoldsSoMuch(t *testing.T) {
	content := bytes.Repeat([]byte("x"), corkSize+1)
	f, _ := randomFile(t, corkSize+1)
	for name, fill := range map[string]func(c *Conn, n int) error{
		"Write": func(c *Conn, n int) error { _, err := c.Write(content[:n]); return err },
		"Write twice": func(c *Conn, n int) error {
			_, err := c.Write(content[:n/2])
			_, err2 := c.Write(content[:n-n/2])
			return errors.Join(err, err2)
		},
		"ReadFrom": func(c *Conn, n int) error { _, err := c.ReadFrom(bytes.NewReader(content[:n])); return err },
		"ReadFrom what ends with its last bytes": func(c *Conn, n int) error {
			_, err := c.ReadFrom(iotest.DataErrReader(bytes.NewReader(content[:n])))
			return err
		},
		"ReadFrom in halves": func(c *Conn, n int) error {
			_, err := c.ReadFrom(iotest.HalfReader(bytes.NewReader(content[:n])))
			return err
		},
		"a header, then a file": func(c *Conn, n int) error {
			_, _ = f.Seek(0, io.SeekStart)
			_, err := c.Write(content[:4<<10])
			_, err2 := c.ReadFrom(&io.LimitedReader{R: f, N: int64(n - 4<<10)})
			return errors.Join(err, err2)
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, server, client := pair(t, time.Minute)
			got := readAll(client)
			server.Cork()
			if err := fill(server, corkSize); err != nil {
				t.Fatalf("68 KiB: %v", err)
			}
			if n, err := server.Uncork(); n != corkSize || err != nil {
				t.Errorf("Uncork gave %d, %v", n, err)
			}
			server.Cork()
			if err := fill(server, corkSize+1); !errors.Is(err, errCorkFull) || !errors.Is(server.WriteErr(), errCorkFull) {
				t.Errorf("a byte more: %v, WriteErr %v", err, server.WriteErr())
			}
			server.DropCork()
			server.Close()
			if n := len(<-got); n != corkSize {
				t.Errorf("the client received %d bytes", n)
			}
		})
	}
}

func TestCorkKeepsTheErrorOfASource(t *testing.T) {
	_, server, _ := pair(t, time.Minute)
	server.Cork()
	defer server.DropCork()
	broken := errors.New("broken")
	n, err := server.ReadFrom(io.MultiReader(strings.NewReader("some"), iotest.ErrReader(broken)))
	if n != 4 || !errors.Is(err, broken) || !errors.Is(server.WriteErr(), broken) {
		t.Errorf("got %d, %v, WriteErr %v", n, err, server.WriteErr())
	}
}

// The memory for it has a bound: whoever comes when it is used up sends
// piece by piece.
func TestSoManyHoldBackAtATime(t *testing.T) {
	_, extra, client := pair(t, time.Minute)
	got := readAll(client)
	var conns []*Conn
	for range corkSlots() {
		_, c, _ := pair(t, time.Minute)
		if !c.Cork() {
			t.Fatalf("only %d may hold back", len(conns))
		}
		conns = append(conns, c)
	}
	if len(conns) != maxCorked || extra.Cork() {
		t.Fatalf("%d hold back, and one more", len(conns))
	}
	if _, err := extra.Write([]byte("at once")); err != nil || extra.BytesWritten() != 7 {
		t.Errorf("counted %d, %v", extra.BytesWritten(), err)
	}
	conns[0].DropCork()
	if !extra.Cork() {
		t.Error("there is room again, and it does not hold back")
	}
	extra.DropCork()
	for _, c := range conns {
		c.DropCork()
	}
	if corkSlots() != maxCorked {
		t.Errorf("%d may hold back in the end, want %d", corkSlots(), maxCorked)
	}
	extra.Close()
	<-got
}

// Buffers go from one connection to the next; no byte goes with them.
func TestCorksOfManyConnections(t *testing.T) {
	var all sync.WaitGroup
	for i := range 2 * maxCorked {
		_, server, client := pair(t, time.Minute)
		got := readAll(client)
		all.Go(func() {
			text := strings.Repeat(string(rune('a'+i%26)), 1000+i)
			for range 20 {
				corked := server.Cork()
				if _, err := server.ReadFrom(strings.NewReader(text)); err != nil {
					t.Error(err)
				}
				if !corked {
					continue
				}
				if n, err := server.Uncork(); n != int64(len(text)) || err != nil {
					t.Error(n, err)
				}
			}
			server.Close()
			if string(<-got) != strings.Repeat(text, 20) {
				t.Errorf("connection %d received something else", i)
			}
		})
	}
	all.Wait()
	if corkSlots() != maxCorked {
		t.Errorf("%d may hold back in the end, want %d", corkSlots(), maxCorked)
	}
}

func TestUncorkToAPeerThatTakesNothing(t *testing.T) {
	_, server, _ := pair(t, 300*time.Millisecond)
	if err := server.sock.Stream.(interface{ SetWriteBuffer(int) error }).SetWriteBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	slots := corkSlots()
	var sent int64
	var err error
	for err == nil { // until the socket is full
		server.Cork()
		_, _ = server.Write(make([]byte, corkSize))
		var n int64
		n, err = server.Uncork()
		sent += n
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.Is(server.WriteErr(), os.ErrDeadlineExceeded) {
		t.Errorf("got %v, WriteErr %v, want a timeout", err, server.WriteErr())
	}
	if sent != server.BytesWritten() || sent == 0 {
		t.Errorf("Uncork gave %d in all, counted %d; want the same, above 0", sent, server.BytesWritten())
	}
	if corkSlots() != slots {
		t.Errorf("%d connections may hold back, want %d", corkSlots(), slots)
	}
}

func TestUncorkToAPeerThatIsGone(t *testing.T) {
	_, server, client := pair(t, time.Minute)
	slots := corkSlots()
	_ = client.SetLinger(0)
	client.Close()
	var err error
	for err == nil { // until the reset is seen
		server.Cork()
		_, _ = server.Write([]byte("x"))
		_, err = server.Uncork()
	}
	if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		t.Errorf("got %v, want a reset or a broken pipe", err)
	}
	if corkSlots() != slots {
		t.Errorf("%d connections may hold back, want %d", corkSlots(), slots)
	}
}
