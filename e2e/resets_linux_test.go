package e2e

// What the records of connections that are cut anywhere say, against what the kernel took.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// strace is the witness: the records of many downloads that toxiproxy cuts at random add
// up to what sendfile took, to the byte on event loops; and what each client got begins
// like the file.
func TestRecordsOfCutDownloadsAddUpToWhatTheKernelTook(t *testing.T) {
	const downloads, size, workers = 300, 6 << 20, 16
	strace := needTool(t, "strace")
	folder := t.TempDir()
	noise(t, filepath.Join(folder, "file"), size, 5)
	content, err := os.ReadFile(filepath.Join(folder, "file"))
	if err != nil {
		t.Fatal(err)
	}
	trace := filepath.Join(t.TempDir(), "trace")
	s := startBy(t, []string{strace, "-D", "-f", "-o", trace, "-e", "trace=sendfile"}, folder)
	proxies := cutters(t, s.addr, workers, size)

	got, failures := make([]int64, downloads), make([]error, downloads)
	var all sync.WaitGroup
	for worker, proxy := range proxies {
		all.Go(func() {
			for i := worker; i < downloads; i += workers {
				got[i], failures[i] = prefixOf(content, proxy, fmt.Sprintf("/file?%d", i))
			}
		})
	}
	all.Wait()
	if err := errors.Join(failures...); err != nil {
		t.Fatal(err)
	}
	var sent int64
	outcomes := map[string]int{}
	for _, r := range s.records(downloads) {
		i, err := strconv.Atoi(r.Query)
		if err != nil || r.Status != http.StatusOK || r.Sent < got[i] {
			t.Fatalf("%d bytes arrived: %+v", got[i], r)
		}
		sent += r.Sent
		outcomes[r.Outcome]++
	}
	if outcomes["aborted"] == 0 {
		t.Errorf("nothing was cut: %v", outcomes)
	}
	s.stop()
	taken := sumOf(t, joined(wholeTrace(t, trace, s.cmd.Process.Pid)), `sendfile.*= (\d+)`)
	var written int64
	if !onLoops() { // the last 4 KiB of each are read and written
		written = downloads * 4 << 10
	}
	if sent < taken || sent > taken+written {
		t.Errorf("the records say %d bytes; the kernel took %d by sendfile, and %d otherwise at most", sent, taken, written)
	}
	t.Logf("%v: %d bytes in the records, %d by sendfile", outcomes, sent, taken)
}

// prefixOf asks for a target and returns how much of the content came. Other bytes are an
// error; that the connection was cut is none.
func prefixOf(content []byte, addr, target string) (int64, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	if _, err := io.WriteString(conn, "GET "+target+" HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"); err != nil {
		return 0, err
	}
	answer, err := io.ReadAll(conn)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, err
	}
	head, body, _ := bytes.Cut(answer, []byte("\r\n\r\n"))
	if !bytes.HasPrefix(content, body) || !strings.HasPrefix("HTTP/1.1 200 ", string(head[:min(len(head), 13)])) {
		return 0, fmt.Errorf("%s: %d bytes that are no prefix of the file after %q", target, len(body), head)
	}
	return int64(len(body)), nil
}
