//go:build linux

package load

// This file performs the kinds of download that are not a plain GET against Go's
// own file server, and compares with what it sent.

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// serveFolder serves a folder with one file, as net/http does, and counts bytes.
func serveFolder(t *testing.T, sent *atomic.Int64) *Client {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(folder, "file"), fileSize); err != nil {
		t.Fatal(err)
	}
	files := http.FileServer(http.Dir(folder))
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"one"`)
		files.ServeHTTP(counting{w, sent}, r)
	})
}

type counting struct {
	http.ResponseWriter
	sent *atomic.Int64
}

func (c counting) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.sent.Add(int64(n))
	return n, err
}

func TestEveryKindIsAnsweredByNetHTTP(t *testing.T) {
	client := serveFolder(t, new(atomic.Int64))
	can, err := Probe(t.Context(), client.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range Kinds {
		if !can.Can(kind) {
			t.Errorf("%s is not among %v", kind, can.Kinds)
		}
	}
}

func TestKindsKnowWhatWasSent(t *testing.T) {
	var sent atomic.Int64
	client := serveFolder(t, &sent)
	for _, c := range []struct {
		request Request
		status  int
	}{
		{Request{Kind: Ranges, Spans: []Span{{0, 99}, {1 << 20, 3 << 20}, {fileSize - 1, fileSize - 1}}}, 206},
		{Request{Kind: Head}, 200},
		{Request{Kind: Missing}, 404},
		{Request{Kind: Listing}, 200},
		{Request{Kind: Whole}, 200},
	} {
		sent.Store(0)
		result := client.Do(t.Context(), c.request)
		least, most := result.Sent()
		// The handler counts a moment after its last byte has left.
		for deadline := time.Now().Add(time.Minute); sent.Load() < least && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		if got := sent.Load(); result.Err != nil || result.Status != c.status || got < least || got > most || result.Received != got {
			t.Errorf("%s: server sent %d, client says %d to %d: %+v", c.request.Kind, got, least, most, result)
		}
		if result.FirstByte <= 0 || result.FirstByte > result.Duration {
			t.Errorf("%s: first byte after %v of %v", c.request.Kind, result.FirstByte, result.Duration)
		}
	}
}

func TestResumedDownloadGetsTheRest(t *testing.T) {
	var ranges []string
	inner := serveFolder(t, new(atomic.Int64))
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		ranges = append(ranges, r.Header.Get("Range")+" if "+r.Header.Get("If-Range")+" "+r.URL.Query().Get("soak"))
		target := *inner.URL
		target.Path = "/file"
		response, err := http.DefaultClient.Do(&http.Request{URL: &target, Header: r.Header, Method: r.Method})
		if err != nil {
			t.Error(err)
			return
		}
		defer response.Body.Close()
		for name, values := range response.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(response.StatusCode)
		_, _ = copyUntilClosed(w, response)
	})
	defer http.DefaultClient.CloseIdleConnections()
	result := client.Do(t.Context(), Request{ID: "r-1", Kind: Resumed, Take: 1 << 20})
	if result.Err != nil || result.Before == nil || result.Before.Received != 1<<20 || result.Received != fileSize-1<<20 {
		t.Fatalf("%+v after %+v", result, result.Before)
	}
	if got := strings.Join(ranges, ", "); got != ` if  r-1a, bytes=1048576- if "one" r-1b` && got != ` if  r-1a, bytes=1048576-50331647 if "one" r-1b` {
		t.Errorf("asked for %q", got)
	}
}

func copyUntilClosed(w http.ResponseWriter, response *http.Response) (int64, error) {
	buffer := make([]byte, 256<<10)
	var n int64
	for {
		read, err := response.Body.Read(buffer)
		if _, failed := w.Write(buffer[:read]); failed != nil {
			return n, failed
		}
		n += int64(read)
		if err != nil {
			return n, err
		}
	}
}

func TestSlowReaderTakesItsTimeAndKnowsWhatWasSent(t *testing.T) {
	sent := make(chan int64, 1)
	client := serveFile(t, sent)
	result := client.Do(t.Context(), Request{Kind: Slow, Take: 1 << 20, Over: 100 * time.Millisecond})
	least, most := result.Sent()
	if got := <-sent; result.Err != nil || result.Received != 1<<20 || least != got || most != got {
		t.Errorf("server sent %d, client says %d to %d: %+v", got, least, most, result)
	}
	if result.Duration < 100*time.Millisecond {
		t.Errorf("took %v, slower was asked for", result.Duration)
	}
}

func TestOnePartIsNotSeveralRanges(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Range", "bytes 0-9/50331648")
		w.Header().Set("Content-Length", "10")
		w.WriteHeader(http.StatusPartialContent)
	})
	result := client.Do(t.Context(), Request{Kind: Ranges, Spans: []Span{{0, 1}, {8, 9}}})
	if result.Err == nil || !strings.Contains(result.Err.Error(), "multipart/byteranges") {
		t.Errorf("error %v, want one about the type", result.Err)
	}
}

func TestTableAndDiagnosisAgree(t *testing.T) {
	sent := make(chan int64, 1)
	client := serveFile(t, sent)
	if err := client.connect(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if err := client.ask(t.Context(), &Request{Kind: Whole}, func(*http.Response) error { return nil }); err != nil {
		t.Fatal(err)
	}
	var result Result
	result.Length = fileSize
	if err := client.stall(t.Context(), &result); err != nil {
		t.Fatal(err)
	}
	ours, theirs := addrPort(client.conn.LocalAddr()), addrPort(client.conn.RemoteAddr())
	diag, found := diagnose(theirs, ours)
	row, inTable, err := findSocket(client.socketTables(), theirs, ours)
	if err != nil || !found || !inTable || diag.unacked != row.unacked || diag.probing != row.probing || diag.unacked == 0 {
		t.Errorf("sock_diag says %+v, the table %+v (found %v, %v), %v", diag, row, found, inTable, err)
	}
	client.reset()
	client.release()
	<-sent
}
