//go:build unix

package e2e

// What the server prints: records of its access log, and lines on standard error.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

func (s *server) wait() int {
	s.t.Helper()
	select {
	case <-s.done:
	case <-time.After(patience):
		s.t.Fatal("the server did not end")
	}
	return s.cmd.ProcessState.ExitCode()
}

// record is a line of the access log.
type record struct {
	Path, Query, Method, Outcome, Error, Range, Rule string
	Status                                           int
	Size                                             int64
	Sent                                             int64   `json:"bytes_sent"`
	Received                                         int64   `json:"bytes_received"`
	DurationMS                                       float64 `json:"duration_ms"`
	TTFBMS                                           float64 `json:"ttfb_ms"`
}

// records waits until the log has n lines, or more, and returns them all.
func (s *server) records(n int) []record {
	s.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		content, err := os.ReadFile(s.log)
		if err != nil {
			s.t.Fatal(err)
		}
		if lines := bytes.Count(content, []byte("\n")); lines >= n {
			return parseRecords(s.t, content)
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("want %d access records, the log has:\n%s", n, content)
		}
	}
}

func parseRecords(t *testing.T, content []byte) []record {
	t.Helper()
	var records []record
	for line := range bytes.Lines(content) {
		var r record
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("not JSON: %v: %q", err, line)
		}
		records = append(records, r)
	}
	return records
}

// lineCollector keeps what a process prints and lets tests wait for a line.
type lineCollector struct {
	mu    sync.Mutex
	text  strings.Builder
	grew  *sync.Cond
	ended bool
}

func newLineCollector() *lineCollector {
	c := &lineCollector{}
	c.grew = sync.NewCond(&c.mu)
	return c
}

func (c *lineCollector) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text.Write(p)
	c.grew.Broadcast()
	return len(p), nil
}

func (c *lineCollector) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	c.grew.Broadcast()
}

func (c *lineCollector) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

// wait returns the first whole line that begins so.
func (c *lineCollector) wait(t *testing.T, prefix string) string {
	t.Helper()
	return c.waitLine(t, "begins with "+prefix, func(line string) bool { return strings.HasPrefix(line, prefix) })
}

// waitFor returns the first whole line that has all the words in it.
func (c *lineCollector) waitFor(t *testing.T, words ...string) string {
	t.Helper()
	return c.waitLine(t, fmt.Sprintf("contains %q", words), func(line string) bool {
		for _, word := range words {
			if !strings.Contains(line, word) {
				return false
			}
		}
		return true
	})
}

func (c *lineCollector) waitLine(t *testing.T, what string, is func(line string) bool) string {
	t.Helper()
	timeout := time.AfterFunc(patience, c.close)
	defer timeout.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		for line := range strings.Lines(c.text.String()) {
			if strings.HasSuffix(line, "\n") && is(line) {
				return strings.TrimSuffix(line, "\n")
			}
		}
		if c.ended {
			t.Fatalf("no line %s; it printed:\n%s", what, c.text.String())
		}
		c.grew.Wait()
	}
}
