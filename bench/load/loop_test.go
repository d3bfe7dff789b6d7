//go:build linux

package load

// This file holds the closed loop to the byte, and the slow downloads to standing
// still, against real servers on real sockets.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// addressOf starts a server and says where it is.
func addressOf(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// filesOf serves a folder with a file of each size, named for it.
func filesOf(t *testing.T, sizes ...int64) (address string) {
	t.Helper()
	folder := t.TempDir()
	for _, size := range sizes {
		path := filepath.Join(folder, fmt.Sprint(size))
		if err := errors.Join(os.WriteFile(path, nil, 0o644), os.Truncate(path, size)); err != nil {
			t.Fatal(err)
		}
	}
	return addressOf(t, http.FileServer(http.Dir(folder)))
}

func TestLoopReceivesEveryByteOfEveryAnswer(t *testing.T) {
	sizes := []int64{0, 1, 100, 4096, headRoom, headRoom - 200, 65536, 1 << 20, 20 << 20}
	address := filesOf(t, sizes...)
	for _, size := range sizes {
		loop := Loop{
			Address: address, Connections: 3, Requests: 10,
			Next: Same(address, fmt.Sprintf("/%d", size), Answer{200, size}),
		}
		got, err := loop.Run(t.Context())
		if err != nil || got.Requests != 10 || got.Bytes != 10*size || got.Took <= 0 {
			t.Errorf("10 times %d bytes: %+v, %v", size, got, err)
		}
	}
}

func TestLoopAsksForWhatNextSays(t *testing.T) {
	var lock sync.Mutex
	asked := map[string]int{}
	address := addressOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lock.Lock()
		asked[r.Header.Get("Range")]++
		lock.Unlock()
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(make([]byte, 1000)))
	}))
	loop := Loop{Address: address, Connections: 4, Requests: 20, Next: func(n int, buffer []byte) ([]byte, Answer) {
		return fmt.Appendf(buffer, "GET / HTTP/1.1\r\nHost: x\r\nRange: bytes=0-%d\r\n\r\n", n), Answer{206, int64(n + 1)}
	}}
	got, err := loop.Run(t.Context())
	if err != nil || got.Requests != 20 || got.Bytes != 210 {
		t.Errorf("%+v, %v, want 20 requests and 210 bytes", got, err)
	}
	lock.Lock()
	defer lock.Unlock()
	for n := range 20 {
		if name := fmt.Sprintf("bytes=0-%d", n); asked[name] != 1 {
			t.Errorf("%s was asked for %d times", name, asked[name])
		}
	}
}

func TestLoopEndsWithTimeAndAnswersWhatItAsked(t *testing.T) {
	var served atomic.Int64
	address := addressOf(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		served.Add(1)
		_, _ = io.WriteString(w, "hello")
	}))
	loop := Loop{Address: address, Connections: 2, For: 50 * time.Millisecond, Next: Same(address, "/", Answer{200, 5})}
	got, err := loop.Run(t.Context())
	if err != nil || got.Requests < 2 || int64(got.Requests) != served.Load() || got.Took < loop.For {
		t.Errorf("%+v, %v, while the server answered %d", got, err, served.Load())
	}
}

func TestLoopReadsAHeaderThatComesInPieces(t *testing.T) {
	address := raw(t, func(conn net.Conn) {
		for _, piece := range []string{"HTTP/1.1 2", "00 OK\r\nContent-", "length:  3\r\n\r", "\nab", "c"} {
			_, _ = io.WriteString(conn, piece)
			time.Sleep(5 * time.Millisecond) // so that pieces arrive one by one, mostly
		}
	})
	got, err := Loop{Address: address, Connections: 1, Requests: 1, Next: Same(address, "/", Answer{200, 3})}.Run(t.Context())
	if err != nil || got.Bytes != 3 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestLoopReconnectsWhereTheServerMayClose(t *testing.T) {
	address := filesOf(t, 17)
	plain := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "hello")
	}))
	plain.Config.SetKeepAlivesEnabled(false)
	plain.Start()
	t.Cleanup(plain.Close)
	for address, want := range map[string]int{address: 0, plain.Listener.Addr().String(): 27} {
		loop := Loop{Address: address, Connections: 3, Requests: 30, Next: Same(address, "/17", Answer{200, 5})}
		if want == 0 {
			loop.Next = Same(address, "/17", Answer{200, 17})
		}
		got, err := loop.Run(t.Context())
		if err != nil || got.Requests != 30 || got.Reconnects != want {
			t.Errorf("%+v, %v, want 30 requests and %d reconnects", got, err, want)
		}
	}
}

func TestLoopRefusesWrongAnswers(t *testing.T) {
	cases := []struct{ name, answer, want string }{
		{"another status", "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nabc", "status 404 with 3 bytes, want status 200 with 3"},
		{"another length", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd", "status 200 with 4 bytes"},
		{"no length", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "without Content-Length"},
		{"bad length", "HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc", `Content-Length "-3"`},
		{"too many bytes", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd", "1 bytes follow the body"},
		{"too few bytes", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", "closed with 1 bytes of the body to come"},
		{"no answer", "", "closed instead of an answer"},
		{"no HTTP", "SSH-2.0-OpenSSH\r\n\r\n", "is no HTTP/1 response"},
		{"endless header", "HTTP/1.1 200 OK\r\n" + strings.Repeat("x", longestHead), "longer than"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			address := raw(t, func(conn net.Conn) { _, _ = io.WriteString(conn, c.answer) })
			_, err := Loop{Address: address, Connections: 1, Requests: 1, Next: Same(address, "/", Answer{200, 3})}.Run(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one that says %q", err, c.want)
			}
		})
	}
}

func TestLoopCanBeInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	address := addressOf(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done() // until the client hangs up
	}))
	loop := Loop{Address: address, Connections: 2, Requests: 2, Next: Same(address, "/", Answer{200, 3})}
	if _, err := loop.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
}

func TestLoopNeedsAnEnd(t *testing.T) {
	for _, loop := range []Loop{{}, {Requests: 1, For: 1}} {
		if _, err := loop.Run(t.Context()); err == nil {
			t.Errorf("%+v has no clear end and was run", loop)
		}
	}
}

func TestHeldDownloadsStandStill(t *testing.T) {
	var open atomic.Int64
	var written atomic.Int64
	address := addressOf(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		open.Add(1)
		defer open.Add(-1)
		w.Header().Set("Content-Length", fmt.Sprint(int64(1)<<40))
		for {
			n, err := w.Write(make([]byte, 32<<10))
			written.Add(int64(n))
			if err != nil {
				return
			}
		}
	}))
	const count = 150 // more than two batches
	held, err := Hold(t.Context(), address, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", count, Answer{200, 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if got := open.Load(); got != count {
		t.Errorf("%d downloads are open, want %d", got, count)
	}
	// All send buffers are full once nothing has been written for a while.
	for last := int64(-1); last != written.Load(); time.Sleep(200 * time.Millisecond) {
		last = written.Load()
	}
	if err := held.Sip(); err != nil {
		t.Error(err)
	}
	if got := open.Load(); got != count {
		t.Errorf("%d downloads are open after a sip, want %d", got, count)
	}
	held.Close()
	for deadline := time.Now().Add(time.Minute); open.Load() > 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if got := open.Load(); got != 0 {
		t.Errorf("%d downloads are still open after Close", got)
	}
}

func TestHeldDownloadThatEndsIsNoticed(t *testing.T) {
	address := raw(t, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
	})
	held, err := Hold(t.Context(), address, "GET / HTTP/1.1\r\n\r\n", 1, Answer{200, 9})
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	for deadline := time.Now().Add(time.Minute); err == nil && time.Now().Before(deadline); {
		err = held.Sip()
	}
	if err == nil || !strings.Contains(err.Error(), "download 1 of 1: closed by the server") {
		t.Errorf("error %v", err)
	}
}

func TestHeldDownloadMustBeAnsweredAsWanted(t *testing.T) {
	address := addressOf(t, http.NotFoundHandler())
	_, err := Hold(t.Context(), address, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 3, Answer{200, 9})
	if err == nil || !strings.Contains(err.Error(), "open 3 slow downloads: number 1: status 404 with 19 bytes, want status 200 with 9") {
		t.Errorf("error %v, want status 404", err)
	}
}

func TestIdleConnectionsHaveHadTheirAnswer(t *testing.T) {
	var answered atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answered.Add(1)
		w.Header().Set("Content-Length", "100000") // more than one read
		_, _ = w.Write(make([]byte, 100_000))
	}))
	defer server.Close()
	address := server.Listener.Addr().String()
	const count = 100 // more than one batch
	held, err := HoldIdle(t.Context(), address, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", count, Answer{200, 100_000})
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if got := answered.Load(); got != count {
		t.Errorf("%d requests on %d connections", got, count)
	}
	if err := held.Sip(); err != nil {
		t.Error(err)
	}
	server.CloseClientConnections()
	for deadline := time.Now().Add(time.Minute); err == nil && time.Now().Before(deadline); {
		err = held.Sip()
	}
	if err == nil || !strings.Contains(err.Error(), "idle connection 1 of 100: ") {
		t.Errorf("error %v", err)
	}
}

func TestManyConnectionsComeFromSeveralAddresses(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for i, want := range map[int]string{0: "127.0.0.1", perSource - 1: "127.0.0.1", perSource: "127.0.0.2", 2 * perSource: "127.0.0.3"} {
		fd, err := dialRaw(listener.Addr().String(), sourceFor(i), 0)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if got := conn.RemoteAddr().(*net.TCPAddr).IP.String(); got != want {
			t.Errorf("connection %d is from %s, want %s", i, got, want)
		}
		_ = conn.Close()
		_ = unix.Close(fd)
	}
}

// raw serves every connection by reading a request, calling answer and closing.
func raw(t *testing.T, answer func(net.Conn)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var working sync.WaitGroup
	working.Go(func() { // ends when the listener is closed
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			answer(conn)
			_ = conn.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, conn) // so that closing is no reset
			_ = conn.Close()
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		working.Wait()
	})
	return listener.Addr().String()
}
