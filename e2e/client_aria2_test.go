//go:build unix

package e2e

// aria2: one file by many connections.

import (
	"cmp"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestAria2(t *testing.T) {
	t.Parallel()
	needTool(t, "aria2c")
	dir := t.TempDir()
	const size = 200 << 20
	sum := noise(t, filepath.Join(dir, "file"), size, 7)
	many := []string{"-x16", "-s16", "-k1M", "--check-integrity=true", "--console-log-level=warn", "--summary-interval=0", "-o", "file"}

	t.Run("many connections", func(t *testing.T) {
		s, into := start(t, dir), t.TempDir()
		aria2(t, into, append(many, "--checksum=sha-256="+sum, s.url("/file"))...)
		if sha256Of(t, filepath.Join(into, "file")) != sum {
			t.Error("the file is not the original")
		}
		var sent int64
		ranges := 0
		for _, r := range s.wholeLog() {
			sent += r.Sent
			if r.Status == 206 {
				ranges++
			}
		}
		// The first of 16 asks for the whole file; aria2 cuts it off when it
		// gets to the part of the next one.
		if ranges < 15 || sent < size {
			t.Errorf("%d ranges are logged, and %d bytes of %d", ranges, sent, size)
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		s, into := start(t, dir), t.TempDir()
		// The control file has what aria2 knows to be on disk; it is written
		// first with nothing, then every second.
		control := filepath.Join(into, "file.aria2")
		slow := program(t, into, "aria2c", append(many, "--no-conf", "-q", "--file-allocation=none", "--auto-save-interval=1",
			"--max-overall-download-limit=30M", s.url("/file?first"))...)
		saved, saves := "", 0
		killWhen(t, slow, func() bool {
			if now, err := os.ReadFile(control); err == nil && len(now) > 0 && string(now) != saved {
				saved = string(now)
				saves++
			}
			return saves == 3
		})
		aria2(t, into, append(many, "-c", "--checksum=sha-256="+sum, s.url("/file?second"))...)
		if sha256Of(t, filepath.Join(into, "file")) != sum {
			t.Error("the resumed file is not the original")
		}
		records := s.wholeLog()
		first, second := slices.Collect(byQuery(records, "first")), slices.Collect(byQuery(records, "second"))
		if !slices.ContainsFunc(first, func(r record) bool { return r.Status == 206 && r.Outcome == "aborted" }) {
			t.Errorf("no range was cut off by the interruption: %+v", first)
		}
		if got := covered(t, second); got == 0 || got >= size {
			t.Errorf("after the interruption aria2 asked for ranges of %d bytes, of %d", got, size)
		}
	})
	t.Run("metalink", func(t *testing.T) {
		const size = 16 << 20
		sum := noise(t, filepath.Join(dir, "small"), size, 8)
		s, into := start(t, dir), t.TempDir()
		write(t, filepath.Join(into, "file.meta4"), fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<metalink xmlns="urn:ietf:params:xml:ns:metalink"><file name="file"><size>%d</size>
<hash type="sha-256">%s</hash><url>%s</url></file></metalink>`, size, sum, s.url("/small")))
		aria2(t, into, "-q", "-x16", "-s16", "-k1M", "-M", "file.meta4")
		if sha256Of(t, filepath.Join(into, "file")) != sum {
			t.Error("the file is not the original")
		}
	})
}

// byQuery picks the records of one query.
func byQuery(records []record, query string) iter.Seq[record] {
	return func(yield func(record) bool) {
		for _, r := range records {
			if r.Query == query && !yield(r) {
				return
			}
		}
	}
}

// covered is how many different bytes the ranges of the 206 answers have.
func covered(t *testing.T, records []record) (total int64) {
	t.Helper()
	var spans [][2]int64
	for _, r := range records {
		if r.Status != 206 {
			continue
		}
		var span [2]int64
		if _, err := fmt.Sscanf(r.Range, "%d-%d", &span[0], &span[1]); err != nil {
			t.Fatalf("range %q: %v", r.Range, err)
		}
		spans = append(spans, span)
	}
	slices.SortFunc(spans, func(a, b [2]int64) int { return cmp.Compare(a[0], b[0]) })
	var end int64
	for _, span := range spans {
		from := max(span[0], end)
		end = max(end, span[1]+1)
		total += max(0, end-from)
	}
	return total
}
