//go:build unix

package e2e

// The logger in a Fiber app that has nothing else of ours.

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// startFiberApp runs e2e/testdata/fiberapp under strace.
func startFiberApp(t *testing.T, file, log, trace, listener string) *server {
	t.Helper()
	app := built(t, "./e2e/testdata/fiberapp")
	return launch(t, asIs, needTool(t, "strace"), "-D", "-f", "-yy", "-o", trace, "-e", "trace=sendfile", app, file, log, listener).listening()
}

func TestFibersOwnWaysToSendAFileKeepSendfileAndAreLogged(t *testing.T) {
	const size = 64 << 20
	ways := []string{"/static", "/sendfile", "/sendstream"}
	for _, listener := range []string{"wire", "net"} {
		t.Run(listener, func(t *testing.T) {
			dir := t.TempDir()
			sparse(t, dir, "file", size)
			log, trace := filepath.Join(dir, "log"), filepath.Join(dir, "trace")
			s := startFiberApp(t, filepath.Join(dir, "file"), log, trace, listener)
			for _, way := range ways {
				c := dial(t, s.addr, 0)
				c.send(t, getRequest(way))
				c.header(t)
				if n, err := io.CopyN(io.Discard, c.r, size); err != nil {
					t.Fatalf("%s: %d bytes, %v", way, n, err)
				}
				c.Close()
				aborted := dial(t, s.addr, 64<<10)
				aborted.send(t, getRequest(way))
				aborted.header(t)
				_ = aborted.SetLinger(0)
				aborted.Close()
			}
			lines := waitForLines(t, log, 2*len(ways))
			_ = s.cmd.Process.Kill()
			<-s.done
			var byKernel int64
			for _, call := range regexp.MustCompile(`(?m)sendfile.* = (\d+)$`).FindAllSubmatch(wholeTrace(t, trace, s.cmd.Process.Pid), -1) {
				n, err := strconv.ParseInt(string(call[1]), 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				byKernel += n
			}
			// Fiber may send the first few KB in one write with the header.
			if want := int64(len(ways)) * (size - 8<<10); byKernel < want {
				t.Errorf("%d bytes went by sendfile, want all but a few KB of the %d that were received", byKernel, int64(len(ways))*size)
			}
			for _, way := range ways {
				checkWay(t, way, listener, size, lines)
			}
		})
	}
}

// checkWay looks at the two lines of one way: a whole download and an aborted
// one.
func checkWay(t *testing.T, way, listener string, size int64, lines []string) {
	t.Helper()
	var whole, cut int
	for _, line := range lines {
		var path, outcome string
		var sent int64
		if _, err := fmt.Sscan(line, &path, &sent, &outcome); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		switch {
		case path != way:
		case sent == size && outcome == "complete":
			whole++
		case sent < size && outcome == "aborted":
			cut++
		}
	}
	wantWhole, wantCut := 1, 1
	if listener == "net" { // nobody can tell what became of it; the declared length it is
		wantWhole, wantCut = 2, 0
	}
	if whole != wantWhole || cut != wantCut {
		t.Errorf("%s: %d logged as complete and %d as cut, want %d and %d:\n%s", way, whole, cut, wantWhole, wantCut, strings.Join(lines, ""))
	}
}

func waitForLines(t *testing.T, name string, n int) []string {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		content, _ := os.ReadFile(name)
		if bytes.Count(content, []byte("\n")) >= n {
			return strings.SplitAfter(strings.TrimSuffix(string(content), "\n"), "\n")
		}
		if time.Now().After(deadline) {
			t.Fatalf("want %d lines, there are:\n%s", n, content)
		}
	}
}
