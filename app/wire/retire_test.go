//go:build linux

package wire

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// reading calls Read in the background, and returns what it gave.
func reading(c *Conn) <-chan string {
	got := make(chan string, 1)
	go func() {
		buf := make([]byte, 100)
		n, err := c.Read(buf)
		if err != nil {
			got <- err.Error()
			return
		}
		got <- string(buf[:n])
	}()
	return got
}

func TestRetireEndsAConnectionThatRests(t *testing.T) {
	for _, when := range []string{"before it reads", "while it reads", "before its deadline is set"} {
		ln, server, _ := pair(t, time.Minute)
		server.Work()
		server.Rest()
		var got <-chan string
		switch when {
		case "before it reads":
			_ = server.SetReadDeadline(time.Now().Add(time.Hour))
			_ = ln.Retire(false)
			got = reading(server)
		case "while it reads":
			_ = server.SetReadDeadline(time.Now().Add(time.Hour))
			got = reading(server)
			_ = ln.Retire(false)
		case "before its deadline is set":
			_ = ln.Retire(false)
			_ = server.SetReadDeadline(time.Now().Add(time.Hour))
			got = reading(server)
		}
		if text := <-got; text != io.EOF.Error() {
			t.Errorf("%s: Read gave %q, want the end", when, text)
		}
	}
}

func TestRetireKeepsWhatHasCome(t *testing.T) {
	ln, server, client := pair(t, time.Minute)
	server.Work()
	server.Rest()
	_, _ = io.WriteString(client, "request")
	for server.sock.unread() == 0 {
		time.Sleep(time.Millisecond)
	}
	_ = ln.Retire(false)
	if text := <-reading(server); text != "request" {
		t.Fatalf("Read gave %q", text)
	}
	server.Work()
	// The rest of the request has all the time there is.
	_ = server.SetReadDeadline(time.Now().Add(time.Hour))
	got := reading(server)
	time.Sleep(2 * lastLook) // so that its deadline passes; nothing depends on it
	_, _ = io.WriteString(client, "more")
	if text := <-got; text != "more" {
		t.Errorf("Read gave %q", text)
	}
	if server.BytesRead() != int64(len("requestmore")) {
		t.Errorf("counted %d bytes", server.BytesRead())
	}
}

func TestRetireLeavesWorkAlone(t *testing.T) {
	ln, server, client := pair(t, time.Minute)
	server.Work()
	got := reading(server) // of a request that has begun
	_ = ln.Retire(true)
	_, _ = io.WriteString(client, "more")
	if text := <-got; text != "more" {
		t.Errorf("Read gave %q", text)
	}
	server.Rest()
	if text := <-reading(server); text != io.EOF.Error() {
		t.Errorf("after the answer Read gave %q", text)
	}
}

func TestRetireWaitsForTheFirstRequest(t *testing.T) {
	ln, server, _ := pair(t, time.Minute)
	got := reading(server)
	_ = ln.Retire(false)
	select {
	case text := <-got:
		t.Fatalf("Read gave %q", text)
	case <-time.After(3 * lastLook): // what would come has come by then
	}
	_ = ln.Retire(true)
	if text := <-got; text != io.EOF.Error() {
		t.Errorf("Read gave %q", text)
	}
}

func TestCheckFindsWhetherSomebodyAccepts(t *testing.T) {
	ln, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := ln.Check(soon); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nobody accepts, and Check gave %v", err)
	}
	accepted := make(chan error)
	go func() {
		for {
			conn, err := ln.Accept()
			accepted <- err
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	for range 3 {
		if err := ln.Check(t.Context()); err != nil {
			t.Errorf("Check gave %v", err)
		}
	}
	// It has not disturbed the one who accepts.
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
	if err := <-accepted; err != nil {
		t.Errorf("Accept gave %v", err)
	}
	if ln.AcceptErrors() != 0 {
		t.Errorf("%d accept errors", ln.AcceptErrors())
	}
	ln.Close()
	if err := <-accepted; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept gave %v", err)
	}
	if err := ln.Check(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed, and Check gave %v", err)
	}
}

// What the kernel holds when a connection is closed is waited for; not
// when the peer is gone, or when the connection is cut meanwhile.
func TestCloseWaitsForWhatIsQueued(t *testing.T) {
	for _, end := range []string{"taken", "reset", "cut", "taken while it retires"} {
		t.Run(end, func(t *testing.T) {
			ln, server, client := pair(t, time.Hour)
			server.Work()
			if end == "taken while it retires" {
				_ = ln.Retire(false)
			}
			sent, _ := server.Write(make([]byte, 256<<10)) // fits into the two sockets
			for server.sock.queued() == 0 {                // not into the client's alone
				n, _ := server.Write(make([]byte, 64<<10))
				sent += n
			}
			closed := make(chan struct{})
			go func() {
				defer close(closed)
				server.Close()
			}()
			select {
			case <-closed:
				t.Fatalf("closed with %d bytes queued", server.sock.queued())
			case <-time.After(50 * time.Millisecond): // it would have been by then
			}
			switch end {
			case "taken", "taken while it retires":
				if n, err := io.Copy(io.Discard, client); err != nil || n != int64(sent) {
					t.Errorf("the client received %d of %d bytes, %v", n, sent, err)
				}
			case "reset":
				_ = client.SetLinger(0)
				client.Close()
			case "cut":
				server.Cut(io.ErrClosedPipe)
			}
			<-closed
			if ln.Open() != 0 {
				t.Error("the listener still counts it")
			}
		})
	}
}
