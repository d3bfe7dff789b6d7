//go:build linux

package load

// This file holds the client to the byte against real servers on real sockets.

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const fileSize = 48 << 20 // larger than any pair of socket buffers

// serveFile serves a sparse file with sendfile and reports on sent how many body
// bytes the kernel took for each response.
func serveFile(t *testing.T, sent chan<- int64) *Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, fileSize); err != nil {
		t.Fatal(err)
	}
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		file, err := os.Open(path)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = file.Close() }()
		if r.Header.Get("Range") != "" {
			http.ServeContent(w, r, "", time.Time{}, file)
			return
		}
		w.Header().Set("Content-Length", strconv.Itoa(fileSize))
		n, _ := io.Copy(w, file) // aborted downloads fail here, which is the point
		sent <- n
	})
}

func serve(t *testing.T, handler http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL + "/file?a=b")
	if err != nil {
		t.Fatal(err)
	}
	client := &Client{URL: u, Size: fileSize, Received: new(atomic.Int64)}
	t.Cleanup(client.Close)
	return client
}

func TestWholeAndRangedDownloadsShareAConnection(t *testing.T) {
	sent := make(chan int64, 10)
	client := serveFile(t, sent)
	var port string
	for i, request := range []Request{
		{Kind: Whole}, {Kind: Ranged, First: 0, Last: 0}, {Kind: Ranged, First: 100, Last: fileSize - 1}, {Kind: Whole},
	} {
		result := client.Do(t.Context(), request)
		want := int64(fileSize)
		if request.Kind == Ranged {
			want = request.Last - request.First + 1
		}
		if result.Err != nil || result.Received != want || result.Length != want {
			t.Errorf("download %d: %+v, want %d bytes", i, result, want)
		}
		if i == 0 {
			port = client.conn.LocalAddr().String()
		} else if got := client.conn.LocalAddr().String(); got != port {
			t.Errorf("download %d used a new connection", i)
		}
	}
}

func TestAbortedDownloadKnowsWhatTheServerSent(t *testing.T) {
	sent := make(chan int64, 1)
	client := serveFile(t, sent)
	for _, take := range []int64{0, 1, 4096, 1 << 20, 7654321, fileSize / 2, fileSize - 1000, fileSize} {
		result := client.Do(t.Context(), Request{Kind: Aborted, Take: take})
		least, most := result.Sent()
		if got := <-sent; result.Err != nil || result.Received != take || least != got || most != got {
			t.Errorf("take %d: server sent %d, client says %d to %d: %+v", take, got, least, most, result)
		}
	}
}

func TestServerOutOfSightGivesABound(t *testing.T) {
	sent := make(chan int64, 1)
	client := serveFile(t, sent)
	client.PID = 1 << 30 // no such process: no table to look into
	result := client.Do(t.Context(), Request{Kind: Aborted, Take: 1 << 20})
	least, most := result.Sent()
	if got := <-sent; result.Err != nil || result.Slack == 0 || got < least || got > most {
		t.Errorf("server sent %d, client says %d to %d: %+v", got, least, most, result)
	}
}

func TestWrongAnswersAreRefused(t *testing.T) {
	answer := func(status int, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
		}
	}
	cases := []struct {
		name    string
		request Request
		handler http.HandlerFunc
		want    string
	}{
		{"not found", Request{Kind: Whole}, answer(404), "status 404, want 200"},
		{"shorter file", Request{Kind: Whole}, answer(200, "Content-Length", "17"), "Content-Length 17"},
		{"chunked", Request{Kind: Whole}, func(w http.ResponseWriter, _ *http.Request) {
			_ = http.NewResponseController(w).Flush()
		}, "Content-Length -1"},
		{"range ignored", Request{Kind: Ranged, Last: 9}, answer(200, "Content-Length", "10"), "status 200, want 206"},
		{
			"another range",
			Request{Kind: Ranged, Last: 9},
			answer(206, "Content-Length", "10", "Content-Range", "bytes 1-10/50331648"),
			`Content-Range "bytes 1-10/50331648"`,
		},
		{"body cut short", Request{Kind: Whole}, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(fileSize))
			_, _ = w.Write(make([]byte, 1000))
		}, "body ended after 1000 of 50331648 bytes"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			result := serve(t, c.handler).Do(t.Context(), c.request)
			if result.Err == nil || !strings.Contains(result.Err.Error(), c.want) {
				t.Errorf("error %v, want one that says %q", result.Err, c.want)
			}
		})
	}
}

func TestBytesBeyondTheBodyAreNoticed(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { // ends after one connection
		defer close(done)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		_, _ = conn.Read(make([]byte, 4096))
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd")
		_ = conn.Close()
	}()
	client := &Client{URL: &url.URL{Scheme: "http", Host: listener.Addr().String()}, Size: 3}
	result := client.Do(t.Context(), Request{Kind: Whole})
	if result.Err == nil || !strings.Contains(result.Err.Error(), "1 bytes follow the body") {
		t.Errorf("error %v, want a complaint about the fourth byte", result.Err)
	}
	_ = listener.Close()
	<-done
}

func TestInterruptionCutsADownload(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(fileSize))
		_, _ = w.Write(make([]byte, 10000))
		cancel()
		<-r.Context().Done() // until the client hangs up
	})
	if result := client.Do(ctx, Request{Kind: Whole}); !errors.Is(result.Err, context.Canceled) {
		t.Errorf("error %v, want %v", result.Err, context.Canceled)
	}
}

func TestProbeFindsSizeAndAbilities(t *testing.T) {
	client := serveFile(t, make(chan int64, 10))
	can, err := Probe(t.Context(), client.URL)
	if err != nil || can.Size != fileSize || !can.Can(Ranged) || !can.Can(Ranges) || !can.Can(Resumed) || can.Can(Missing) {
		t.Errorf("with ranges: %+v, %v", can, err)
	}
	client = serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "17") })
	if can, err := Probe(t.Context(), client.URL); err != nil || can.Size != 17 || can.Can(Ranged) || can.Can(Ranges) || !can.Can(Whole) {
		t.Errorf("without ranges: %+v, %v", can, err)
	}
	client = serve(t, http.NotFound)
	if _, err := Probe(t.Context(), client.URL); err == nil || !strings.Contains(err.Error(), "status 404") {
		t.Errorf("missing file: %v", err)
	}
}

func TestRunStopsAfterTooManyFailures(t *testing.T) {
	client := serve(t, http.NotFound)
	results := Run(t.Context(), make([]Request, 100), 2, 3, func() *Client { return &Client{URL: client.URL, Size: fileSize} })
	if len(results) < 3 || len(results) > 6 {
		t.Errorf("%d downloads attempted, want about three", len(results))
	}
}

func TestRequestTargetKeepsTheQuery(t *testing.T) {
	cases := []struct {
		url, id string
		kind    Kind
		want    string
	}{
		{"http://h", "", Whole, "/"},
		{"http://h/a%20b", "", Whole, "/a%20b"},
		{"http://h/f", "x-1", Whole, "/f?soak=x-1"},
		{"http://h/f?a=b", "x-1", Head, "/f?a=b&soak=x-1"},
		{"http://h/f?a=b", "", Whole, "/f?a=b"},
		{"http://h/d/f", "x-1", Missing, "/d/f.missing?soak=x-1"},
		{"http://h/d/f", "x-1", Listing, "/d/?soak=x-1"},
		{"http://h", "", Listing, "/"},
	}
	for _, c := range cases {
		u, err := url.Parse(c.url)
		if err != nil {
			t.Fatal(err)
		}
		if got := (Request{ID: c.id, Kind: c.kind}).uri(u); got != c.want {
			t.Errorf("%s of %s with id %q: %s, want %s", c.kind, c.url, c.id, got, c.want)
		}
	}
}
