package logger

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// slowly makes sure that a test, not the clock, decides when lines are written.
const slowly = time.Hour

// sinkRecorder is a sink that keeps each write apart.
type sinkRecorder struct {
	mu     sync.Mutex
	writes []string
}

func (r *sinkRecorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writes = append(r.writes, string(p))
	return len(p), nil
}

func (r *sinkRecorder) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.writes)
}

// stalledSink is a sink that stalls until it is opened.
type stalledSink struct {
	sinkRecorder
	open chan struct{}
	err  error // if set, what it says instead of writing once it is open
}

func newStalledSink() *stalledSink { return &stalledSink{open: make(chan struct{})} }

func (g *stalledSink) Write(p []byte) (int, error) {
	<-g.open
	if g.err != nil {
		return 0, g.err
	}
	return g.sinkRecorder.Write(p)
}

// smallDisk is a sink with room for a number of bytes, like a disk.
type smallDisk struct {
	bytes.Buffer
	room int
}

func (l *smallDisk) Write(p []byte) (int, error) {
	if len(p) <= l.room {
		l.room -= len(p)
		return l.Buffer.Write(p)
	}
	n, _ := l.Buffer.Write(p[:l.room]) // a bytes.Buffer takes everything
	l.room = 0
	return n, syscall.ENOSPC
}

func putLines(t *testing.T, w *Writer, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if n, err := w.Write([]byte(line)); n != len(line) || err != nil {
			t.Fatalf("Write(%q) = %d, %v", line, n, err)
		}
	}
}

func wantText(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

func wantErr(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("error = %v, want %v", got, want)
	}
}

func wantDropped(t *testing.T, w *Writer, want int64) {
	t.Helper()
	if got := w.Dropped(); got != want {
		t.Errorf("Dropped() = %d, want %d", got, want)
	}
}

func contents(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func openLog(t *testing.T, name string) *File {
	t.Helper()
	f, err := OpenFile(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() }) // after the test nobody reads what it says
	return f
}

func TestLineWaitsForTheFlushInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sink sinkRecorder
		w := NewWriter(&sink, WriterConfig{FlushInterval: time.Second})
		defer w.Close()
		for range 3 { // it must start anew after each
			putLines(t, w, "a\n")
			time.Sleep(time.Second / 2)
			putLines(t, w, "b\n")
			time.Sleep(time.Second/2 - 1)
			synctest.Wait()
			if got := sink.all(); len(got) > 0 {
				t.Fatalf("written early: %q", got)
			}
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			if got := sink.all(); !slices.Equal(got, []string{"a\nb\n"}) {
				t.Fatalf("writes = %q, want both lines in one", got)
			}
			sink.writes = nil
		}
	})
}

func TestFullBufferIsWrittenAtOnceAndEndsWithALine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sink sinkRecorder
		w := NewWriter(&sink, WriterConfig{BufferSize: 8, FlushInterval: slowly})
		defer w.Close()
		putLines(t, w, "abc\n", "def\n") // fills it to the last byte
		synctest.Wait()
		want := []string{"abc\ndef\n"}
		if got := sink.all(); !slices.Equal(got, want) {
			t.Fatalf("writes = %q, want %q", got, want)
		}
		putLines(t, w, "ghi\n", "jklm\n") // the second does not fit
		synctest.Wait()
		want = append(want, "ghi\n")
		if got := sink.all(); !slices.Equal(got, want) {
			t.Errorf("writes = %q, want %q", got, want)
		}
	})
}

func TestIdleWriterRunsNoTimer(t *testing.T) {
	for name, write := range map[string]func(*Writer){
		"new":            func(*Writer) {},
		"after interval": func(w *Writer) { putLines(t, w, "a\n"); time.Sleep(slowly) },
		"after Flush": func(w *Writer) {
			putLines(t, w, "a\n")
			wantErr(t, w.Flush(), nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := NewWriter(io.Discard)
				defer w.Close()
				write(w)
				synctest.Wait()
				if w.timer.Stop() {
					t.Error("the timer runs with nothing to write")
				}
			})
		})
	}
}

func TestLineWithoutLineFeedGetsOne(t *testing.T) {
	var sink sinkRecorder
	w := NewWriter(&sink)
	putLines(t, w, "", "a", "b\nc", "d\n")
	wantErr(t, w.Close(), nil)
	wantText(t, strings.Join(sink.all(), ""), "a\nb\nc\nd\n")
}

func TestCallerMayReuseItsLine(t *testing.T) {
	var sink sinkRecorder
	w := NewWriter(&sink)
	line := []byte("first\n")
	putLines(t, w, string(line))
	if _, err := w.Write(line); err != nil {
		t.Fatal(err)
	}
	copy(line, "XXXXX")
	wantErr(t, w.Close(), nil)
	wantText(t, strings.Join(sink.all(), ""), "first\nfirst\n")
}

func TestConcurrentLinesStayWholeAndInOrder(t *testing.T) {
	const writers, lines = 100, 1000
	name := filepath.Join(t.TempDir(), "access.log")
	w := NewWriter(openLog(t, name), WriterConfig{
		BufferSize:    4 << 10,
		MaxPending:    64 << 20, // here nobody waits between two lines
		FlushInterval: time.Millisecond,
	})
	var wg sync.WaitGroup
	for g := range writers {
		wg.Go(func() {
			for i := range lines {
				if _, err := fmt.Fprintf(w, "%d %d %s\n", g, i, strings.Repeat("x", i%200)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	wantErr(t, w.Close(), nil)
	wantDropped(t, w, 0)
	wantOrderedLines(t, contents(t, name), writers, lines)
}

// wantOrderedLines checks lines of "writer number padding".
func wantOrderedLines(t *testing.T, text string, writers, lines int) {
	t.Helper()
	next := make([]int, writers)
	for line := range strings.Lines(text) {
		var g, i int
		if _, err := fmt.Sscanf(line, "%d %d", &g, &i); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		if want := fmt.Sprintf("%d %d %s\n", g, next[g], strings.Repeat("x", i%200)); line != want {
			t.Fatalf("line %q, want %q", line, want)
		}
		next[g]++
	}
	for g, n := range next {
		if n != lines {
			t.Errorf("writer %d: %d lines, want %d", g, n, lines)
		}
	}
}

func TestPipeThatIsNotReadLosesLinesAndSaysHowMany(t *testing.T) {
	r, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer pipe.Close()
	w := NewWriter(pipe, WriterConfig{BufferSize: 4 << 10, MaxPending: 16 << 10})
	// Far more than pipe and Writer hold. That it returns is the point.
	const lines = 10_000
	for i := range lines {
		putLines(t, w, fmt.Sprintf("line %d %s\n", i, strings.Repeat("x", 90)))
	}
	if w.Dropped() == 0 {
		t.Fatal("nothing was dropped")
	}
	read := make(chan string)
	go func() {
		data, err := io.ReadAll(r)
		if err != nil {
			t.Error(err)
		}
		read <- string(data)
	}()
	putLines(t, w, "the last\n")
	wantErr(t, w.Close(), nil)
	wantErr(t, pipe.Close(), nil)

	var got, told int64
	for line := range strings.Lines(<-read) {
		var n int64
		if _, err := fmt.Sscanf(line, "# access log: %d lines lost\n", &n); err == nil {
			told += n
			continue
		}
		got++
	}
	if told != w.Dropped() || got+told != lines+1 {
		t.Errorf("%d lines came, %d were said to be lost, %d counted, of %d", got, told, w.Dropped(), lines+1)
	}
}

func TestPipeWithoutReaderFailsEachWriteAndGoesOn(t *testing.T) {
	r, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	wantErr(t, r.Close(), nil)
	var seen []error
	w := NewWriter(pipe, WriterConfig{OnError: func(err error) { seen = append(seen, err) }})
	for range 2 {
		putLines(t, w, "a\n", "b\n")
		wantErr(t, w.Flush(), syscall.EPIPE)
	}
	wantErr(t, w.Close(), syscall.EPIPE)
	wantDropped(t, w, 4)
	if len(seen) < 2 {
		t.Errorf("OnError was told %d times: %v", len(seen), seen)
	}
	for _, err := range seen {
		wantErr(t, err, syscall.EPIPE)
	}
}

func TestFullDiskFailsFlushAndClose(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no device that is always full: ", err)
	}
	defer full.Close()
	w := NewWriter(full)
	putLines(t, w, "a\n", "b\n")
	wantErr(t, w.Flush(), syscall.ENOSPC)
	putLines(t, w, "c\n")
	wantErr(t, w.Close(), syscall.ENOSPC)
	wantDropped(t, w, 3)
}

func TestTornLineIsEndedAndCounted(t *testing.T) {
	for _, tt := range []struct {
		name    string
		room    int
		dropped int64
		want    string
	}{
		{"nothing fits", 0, 3, "# access log: 3 lines lost\nddd\n"},
		{"cut in the first", 2, 3, "aa\n# access log: 3 lines lost\nddd\n"},
		{"cut before a line feed", 3, 3, "aaa\n# access log: 3 lines lost\nddd\n"},
		{"cut after a line feed", 4, 2, "aaa\n# access log: 2 lines lost\nddd\n"},
		{"cut in the last", 11, 1, "aaa\nbbb\nccc\n# access log: 1 lines lost\nddd\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sink := &smallDisk{room: tt.room}
			w := NewWriter(sink, WriterConfig{FlushInterval: slowly})
			putLines(t, w, "aaa\n", "bbb\n", "ccc\n")
			wantErr(t, w.Flush(), syscall.ENOSPC)
			wantDropped(t, w, tt.dropped)
			sink.room = 1000
			putLines(t, w, "ddd\n")
			wantErr(t, w.Flush(), nil)
			wantErr(t, w.Close(), syscall.ENOSPC) // it remembers
			wantText(t, sink.String(), tt.want)
		})
	}
}

func TestTornNoticeIsEndedAndRepeated(t *testing.T) {
	sink := &smallDisk{}
	w := NewWriter(sink, WriterConfig{FlushInterval: slowly})
	putLines(t, w, "a\n")
	wantErr(t, w.Flush(), syscall.ENOSPC)
	sink.room = 5
	putLines(t, w, "b\n")
	wantErr(t, w.Flush(), syscall.ENOSPC)
	sink.room = 1000
	wantErr(t, w.Close(), syscall.ENOSPC)
	wantText(t, sink.String(), "# acc\n# access log: 2 lines lost\n")
}

func TestShortWriteWithoutErrorIsOne(t *testing.T) {
	w := NewWriter(sinkFunc(func(p []byte) (int, error) { return len(p) - 1, nil }))
	putLines(t, w, "a\n", "b\n")
	wantErr(t, w.Close(), io.ErrShortWrite)
	wantDropped(t, w, 1)
}

type sinkFunc func([]byte) (int, error)

func (f sinkFunc) Write(p []byte) (int, error) { return f(p) }

// A sink may have written all and still have an error to tell, as RotatingFile
// has when it cannot rotate.
func TestErrorAfterAWholeWriteLosesNothing(t *testing.T) {
	var sink sinkRecorder
	w := NewWriter(sinkFunc(func(p []byte) (int, error) {
		n, _ := sink.Write(p) // never fails
		return n, syscall.EACCES
	}))
	putLines(t, w, "a\n")
	wantErr(t, w.Flush(), syscall.EACCES)
	wantErr(t, w.Close(), syscall.EACCES)
	wantDropped(t, w, 0)
	wantText(t, strings.Join(sink.all(), ""), "a\n")
}

func TestNoticeIsTheCallersOwn(t *testing.T) {
	sink := &smallDisk{}
	w := NewWriter(sink, WriterConfig{Notice: func(dst []byte, n int64) []byte {
		dst = append(dst, `{"lost":`...)
		return append(strconv.AppendInt(dst, n, 10), "}\n"...)
	}})
	putLines(t, w, "{}\n", "{}\n")
	wantErr(t, w.Flush(), syscall.ENOSPC)
	sink.room = 100
	wantErr(t, w.Flush(), nil)
	wantErr(t, w.Close(), syscall.ENOSPC)
	wantText(t, sink.String(), `{"lost":2}`+"\n")
}

// TestFileSizeLimitTearsOneLine lets the kernel cut a write short: a shell sets
// the limit and runs this binary again, as helper.
func TestFileSizeLimitTearsOneLine(t *testing.T) {
	const env = "LOGGER_TEST_LIMITED_FILE"
	if name := os.Getenv(env); name != "" {
		writeBeyondLimit(t, name)
		return
	}
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no shell to set the limit: ", err)
	}
	name := filepath.Join(t.TempDir(), "access.log")
	cmd := exec.Command(shell, "-c", `ulimit -f 8 && exec "$0" -test.run='^TestFileSizeLimitTearsOneLine$'`, os.Args[0])
	cmd.Env = append(os.Environ(), env+"="+name)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("helper: %v\n%s", err, out)
	}
	var torn int
	for line := range strings.Lines(contents(t, name)) {
		switch {
		case len(line) == 100 && strings.HasPrefix(line, "line "):
		case strings.HasPrefix(line, "# access log: "):
		default:
			torn++
		}
	}
	if torn != 1 {
		t.Errorf("%d torn lines, want one:\n%s", torn, contents(t, name))
	}
}

func writeBeyondLimit(t *testing.T, name string) {
	const sigxfsz = syscall.Signal(25) // not in every system's syscall
	signal.Ignore(sigxfsz)
	file := openLog(t, name)
	w := NewWriter(file, WriterConfig{FlushInterval: slowly})
	line := func(i int) string { return fmt.Sprintf("line %094d\n", i) }
	for i := range 100 {
		putLines(t, w, line(i))
	}
	wantErr(t, w.Flush(), syscall.EFBIG)
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	wantDropped(t, w, 100-info.Size()/100)
	// Room again, with the cut left at the end of the file.
	tail := info.Size() % 100
	if tail == 0 {
		t.Fatalf("no line was torn at %d bytes", info.Size())
	}
	wantErr(t, os.Truncate(name, 1000+tail), nil)
	putLines(t, w, line(100))
	wantErr(t, w.Flush(), nil)
	wantErr(t, w.Close(), syscall.EFBIG)
}

func TestMovedFileGetsLinesUntilReopen(t *testing.T) {
	dir := t.TempDir()
	name, moved := filepath.Join(dir, "access.log"), filepath.Join(dir, "access.log.1")
	w := NewWriter(openLog(t, name), WriterConfig{FlushInterval: slowly})
	putLines(t, w, "a\n")
	wantErr(t, w.Flush(), nil)
	wantErr(t, os.Rename(name, moved), nil)
	putLines(t, w, "b\n")
	wantErr(t, w.Reopen(), nil)
	putLines(t, w, "c\n")
	wantErr(t, w.Close(), nil)
	wantText(t, contents(t, moved), "a\nb\n")
	wantText(t, contents(t, name), "c\n")
}

func TestTruncatedFileGetsNoHole(t *testing.T) {
	name := filepath.Join(t.TempDir(), "access.log")
	w := NewWriter(openLog(t, name), WriterConfig{FlushInterval: slowly})
	putLines(t, w, "a\n")
	wantErr(t, w.Flush(), nil)
	wantErr(t, os.Truncate(name, 0), nil)
	putLines(t, w, "b\n")
	wantErr(t, w.Close(), nil)
	wantText(t, contents(t, name), "b\n")
}

func TestDeletedFileIsMadeAnewByReopen(t *testing.T) {
	name := filepath.Join(t.TempDir(), "access.log")
	w := NewWriter(openLog(t, name), WriterConfig{FlushInterval: slowly})
	putLines(t, w, "a\n")
	wantErr(t, w.Flush(), nil)
	wantErr(t, os.Remove(name), nil)
	putLines(t, w, "lost with the file\n")
	wantErr(t, w.Reopen(), nil)
	putLines(t, w, "b\n")
	wantErr(t, w.Close(), nil)
	wantText(t, contents(t, name), "b\n")
}

func TestReopenThatFailsKeepsTheFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	wantErr(t, os.Mkdir(dir, 0o750), nil)
	name := filepath.Join(dir, "access.log")
	w := NewWriter(openLog(t, name), WriterConfig{FlushInterval: slowly})
	wantErr(t, os.Rename(dir, dir+".old"), nil)
	putLines(t, w, "a\n")
	wantErr(t, w.Reopen(), os.ErrNotExist)
	putLines(t, w, "b\n")
	wantErr(t, w.Close(), nil)
	wantText(t, contents(t, filepath.Join(dir+".old", "access.log")), "a\nb\n")
}

func TestReopenOfASinkWithoutOneFlushes(t *testing.T) {
	var sink sinkRecorder
	w := NewWriter(&sink, WriterConfig{FlushInterval: slowly})
	defer w.Close()
	putLines(t, w, "a\n")
	wantErr(t, w.Reopen(), nil)
	wantText(t, strings.Join(sink.all(), ""), "a\n")
}

func TestClosedWriterRefuses(t *testing.T) {
	var sink sinkRecorder
	w := NewWriter(&sink)
	putLines(t, w, "a\n")
	wantErr(t, w.Close(), nil)
	wantErr(t, w.Close(), nil)
	_, err := w.Write([]byte("b\n"))
	wantErr(t, err, os.ErrClosed)
	wantErr(t, w.Flush(), os.ErrClosed)
	wantErr(t, w.Reopen(), os.ErrClosed)
	wantText(t, strings.Join(sink.all(), ""), "a\n")
}

func TestConcurrentCloseIsOne(t *testing.T) {
	w := NewWriter(&smallDisk{})
	putLines(t, w, "a\n")
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() { wantErr(t, w.Close(), syscall.ENOSPC) })
	}
	wg.Wait()
}

func TestFlushGivesUpOnAStalledSinkAndKeepsTheLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := newStalledSink()
		w := NewWriter(sink)
		putLines(t, w, "a\n")
		wantErr(t, w.Flush(), os.ErrDeadlineExceeded) // the goroutine took the request
		putLines(t, w, "b\n")
		wantErr(t, w.Flush(), os.ErrDeadlineExceeded) // it cannot even take it
		close(sink.open)
		wantErr(t, w.Close(), nil)
		wantText(t, strings.Join(sink.all(), ""), "a\nb\n")
		wantDropped(t, w, 0)
	})
}

func TestCloseGivesUpOnAStalledSinkAndCounts(t *testing.T) {
	t.Run("that comes back", func(t *testing.T) {
		wantGivenUp(t, nil, "a\nb\n") // what it was busy with, nothing new
	})
	t.Run("that fails then", func(t *testing.T) {
		wantGivenUp(t, syscall.EPIPE, "")
	})
}

func wantGivenUp(t *testing.T, afterwards error, want string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		sink := newStalledSink()
		sink.err = afterwards
		told := 0
		w := NewWriter(sink, WriterConfig{BufferSize: 4, OnError: func(error) { told++ }})
		putLines(t, w, "a\n", "b\n", "c\n") // one block in hand, one waits
		err := w.Close()
		wantErr(t, err, os.ErrDeadlineExceeded)
		if err != nil && !strings.Contains(err.Error(), "3 lines") {
			t.Errorf("error %q does not say how many lines", err)
		}
		wantDropped(t, w, 3)
		close(sink.open) // the bubble fails the test if the goroutine stays
		synctest.Wait()
		wantText(t, strings.Join(sink.all(), ""), want)
		wantErr(t, w.Close(), os.ErrDeadlineExceeded)
		wantDropped(t, w, 3)
		if told != 0 {
			t.Errorf("OnError was called %d times after Close", told)
		}
	})
}

func TestBurstIsBoundedAndGivenBack(t *testing.T) {
	const buffer, pending = 1 << 10, 16 << 10
	synctest.Test(t, func(t *testing.T) {
		sink := newStalledSink()
		w := NewWriter(sink, WriterConfig{BufferSize: buffer, MaxPending: pending})
		line := strings.Repeat("x", 127) + "\n"
		const lines = 10_000
		for range lines {
			putLines(t, w, line)
		}
		synctest.Wait()
		if got, limit := held(w), pending+2*buffer; got > limit {
			t.Errorf("a stall holds %d bytes, want at most %d", got, limit)
		}
		close(sink.open)
		wantErr(t, w.Flush(), nil)
		if got, limit := held(w), maxSpare*buffer; got > limit {
			t.Errorf("idle after a burst holds %d bytes, want at most %d", got, limit)
		}
		wantErr(t, w.Close(), nil)
		text := strings.Join(sink.all(), "")
		if got := int64(strings.Count(text, line)); got+w.Dropped() != lines {
			t.Errorf("%d lines written and %d dropped of %d", got, w.Dropped(), lines)
		}
	})
}

// held is how much memory w has for lines.
func held(w *Writer) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := cap(w.inHand)
	for _, b := range slices.Concat(w.blocks, w.spare) {
		n += cap(b)
	}
	return n
}

func TestWriteOfMoreThanABufferStaysTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sink sinkRecorder
		w := NewWriter(&sink, WriterConfig{BufferSize: 4, MaxPending: 100, FlushInterval: slowly})
		putLines(t, w, "a\n", "bbb\nccc\n", "d\n")
		wantErr(t, w.Close(), nil)
		want := []string{"a\n", "bbb\nccc\n", "d\n"}
		if got := sink.all(); !slices.Equal(got, want) {
			t.Errorf("writes = %q, want %q", got, want)
		}
	})
}

func TestSteadyWriteAllocatesNothing(t *testing.T) {
	w := NewWriter(io.Discard)
	defer w.Close()
	line := bytes.Repeat([]byte("x"), 250)
	line[249] = '\n'
	fill := func() {
		for range 1000 { // about four buffers
			if _, err := w.Write(line); err != nil {
				t.Fatal(err)
			}
		}
		// What it costs to ask for a flush is some allocations, not per line.
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	fill()
	if perLine := testing.AllocsPerRun(100, fill) / 1000; perLine > 0.05 {
		t.Errorf("%.3f allocations per line", perLine)
	}
	wantDropped(t, w, 0) // 100 runs are far more than MaxPending
}

func BenchmarkWriter(b *testing.B) {
	line := bytes.Repeat([]byte("x"), 250)
	line[249] = '\n'
	file, err := os.Create(filepath.Join(b.TempDir(), "access.log"))
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	w := NewWriter(file)
	defer w.Close()
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := w.Write(line); err != nil {
			b.Fatal(err)
		}
		if i%2000 == 0 { // nothing else would make this loop wait for the file
			if err := w.Flush(); err != nil {
				b.Fatal(err)
			}
		}
	}
	if n := w.Dropped(); n > 0 {
		b.Errorf("%d lines were dropped, so this measured something else", n)
	}
}
