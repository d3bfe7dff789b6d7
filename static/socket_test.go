package static

// The same responses over each kind of connection: pipelined, and in pieces
// that are worth a system call.

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
)

// 32 requests in one packet, small and large, good and bad: as many answers, in
// order, each with all of its bytes.
func TestPipelinedRequests(t *testing.T) {
	dir := t.TempDir()
	contents := map[string]string{
		"/empty": "", "/tiny": "x", "/fits": noise(3_000, 1), "/small": noise(20_000, 2), "/small2": noise(smallBody, 3), "/large": noise(1<<20, 4),
	}
	for target, content := range contents {
		write(t, dir, target[1:], content)
	}
	type asked struct {
		method, target, header string
		status                 int
		body                   string
	}
	all := []asked{
		{"GET", "/nope", "", 404, "Not Found"},
		{"GET", "/large", "Range: bytes=5-9", 206, contents["/large"][5:10]},
		{"HEAD", "/large", "", 200, ""},
		{"GET", "/fits", "If-None-Match: *", 304, ""},
		{"GET", "/fits", `If-Match: "x"`, 412, "Precondition Failed"},
		{"OPTIONS", "/fits", "", 204, ""},
	}
	for target, content := range contents {
		all = append(all, asked{"GET", target, "", 200, content})
	}
	for kind, on := range sockets {
		s := serveOn(t, on, "/", dir)
		var pipeline []asked
		var raw strings.Builder
		for i := range 32 {
			a := all[(i*7+i/len(all))%len(all)]
			pipeline = append(pipeline, a)
			header := "X: y"
			if a.header != "" {
				header = a.header
			}
			raw.WriteString(request(a.method, a.target, header))
		}
		conn := s.dial(t)
		var sender sync.WaitGroup
		sender.Go(func() {
			if _, err := io.WriteString(conn, raw.String()); err != nil {
				t.Error(err)
			}
		})
		r := bufio.NewReader(conn)
		var bodies int
		for i, a := range pipeline {
			got := readResponse(t, r, a.method, a.target)
			want := a.body
			if got.StatusCode != a.status || !strings.HasPrefix(got.body, want) || a.status < 400 && got.body != want {
				t.Fatalf("%s: answer %d, %s %s: %d with %d bytes, want %d with %d", kind, i, a.method, a.target, got.StatusCode, len(got.body), a.status, len(want))
			}
			if a.status == 200 || a.status == 206 {
				bodies++
				if b := s.body(t); a.method == "GET" && (b.BytesSent() != int64(len(want)) || b.Err() != nil) {
					t.Errorf("%s: answer %d: counted %d of %d, %v", kind, i, b.BytesSent(), len(want), b.Err())
				}
			}
		}
		sender.Wait()
		if bodies < 16 {
			t.Errorf("only %d of 32 had a body", bodies)
		}
	}
}

// counter is a connection that tells how much each Write was given. It hides
// whatever else the connection can.
type counter struct {
	net.Conn
	writes *writes
}

type writes struct {
	mu    sync.Mutex
	sizes []int
}

func (c counter) Write(p []byte) (int, error) {
	c.writes.mu.Lock()
	c.writes.sizes = append(c.writes.sizes, len(p))
	c.writes.mu.Unlock()
	return c.Conn.Write(p)
}

// counting is a listener of counters.
type counting struct {
	net.Listener
	writes *writes
}

func (l counting) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return counter{conn, l.writes}, nil
}

// With TLS the bytes have to pass through the process; then in pieces of 64
// KiB, not of the 4 KiB of the buffer for the header.
func TestLargePiecesOverTLS(t *testing.T) {
	const size = 4 << 20
	dir := t.TempDir()
	content := noise(size, 1)
	write(t, dir, "f", content)
	given := &writes{}
	s := serveOn(t, func(t *testing.T) (net.Listener, *tls.Config) {
		ln, client := onTLS(t)
		return counting{ln, given}, client
	}, "/", dir)
	got := s.ask(t, "GET", "/f")
	if got.body != content {
		t.Fatalf("received %d bytes, not those of the file", len(got.body))
	}
	s.body(t)
	given.mu.Lock()
	defer given.mu.Unlock()
	full := len(given.sizes) - len(slices.DeleteFunc(slices.Clone(given.sizes), func(n int) bool { return n == 64<<10 }))
	// The header, the pieces, what is left of them, and the last piece.
	if full < size/(64<<10)-1 || len(given.sizes) > full+3 {
		t.Errorf("the connection was given %d", given.sizes)
	}
}

// What was sent is what the connection took, not what was promised.
func TestClientThatGoesAway(t *testing.T) {
	const size = 64 << 20
	dir := t.TempDir()
	write(t, dir, "f", noise(size, 1))
	for kind, on := range sockets {
		s := serveOn(t, on, "/", dir)
		conn := s.dial(t)
		if _, err := io.WriteString(conn, request("GET", "/f")); err != nil {
			t.Fatal(err)
		}
		const taken = 1 << 20
		if _, err := io.CopyN(io.Discard, conn, taken); err != nil {
			t.Fatal(err)
		}
		_ = tcpOf(conn).SetLinger(0)
		tcpOf(conn).Close()
		b := s.body(t)
		if b.Err() == nil || b.BytesSent() < taken-4096 || b.BytesSent() >= size || b.Size() != size {
			t.Errorf("%s: sent %d of %d, %v", kind, b.BytesSent(), b.Size(), b.Err())
		}
	}
}
