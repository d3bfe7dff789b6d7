package logger

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// errStalled is returned when the sink has taken nothing for the timeout.
var errStalled = fmt.Errorf("logger: the sink stalls: %w", os.ErrDeadlineExceeded)

var lineFeed = []byte{'\n'}

// How many empty blocks are kept: one fills while one is written, and more while lines
// come faster than the goroutine has its turn.
const (
	maxSpare  = 2
	busySpare = 8
)

// Writer collects lines in memory and writes them to a sink from its own goroutine,
// so that no request waits for a disk or for the reader of a pipe.
//
// The sink gets only whole lines, at most BufferSize bytes at once, so one that
// switches files between writes never splits a line. Lines that a failed write did
// not fully write are lost: there is no retry, but later lines are tried. A
// partially written line is ended with a line feed before anything else is written,
// so that a reader loses only that line. A notice of how many lines were lost
// precedes the next ones.
//
// It holds about MaxPending + BufferSize bytes at most and frees all but two buffers
// when the lines that wait have been written. No timer runs while there is nothing to write.
//
// If the sink is os.Stdout or os.Stderr and its reader goes away, the program dies
// unless it ignores or handles SIGPIPE, see os/signal.
//
// All methods are safe for concurrent use. The zero value is not usable, see
// NewWriter.
type Writer struct {
	sink   io.Writer
	config WriterConfig

	full     chan struct{} // a block is full; holds one signal
	timer    *time.Timer   // runs while a line waits
	requests chan request
	closing  chan struct{}
	done     chan struct{} // closed when the goroutine ends
	closed   sync.Once

	mu        sync.Mutex // guards what follows
	blocks    [][]byte   // waiting for the sink, oldest first; only the last has room
	pending   int        // bytes in blocks
	inHand    []byte     // the block being written
	spare     [][]byte   // empty blocks of BufferSize
	armed     bool       // timer runs for the lines in blocks
	shut      bool       // Close was called
	abandoned bool       // Close gave up waiting and counted what was left
	dropped   int64
	lastErr   error

	// Only the goroutine touches these.
	torn  bool  // the sink's last byte was not a line feed
	told  int64 // how much of dropped the notices have said
	intro []byte
}

// request asks the goroutine to write everything, and then perhaps to reopen the
// sink.
type request struct {
	reopen bool
	answer chan error // buffered: the asker may have left
}

// NewWriter starts a Writer in front of sink; Close stops it, after which the caller
// may close the sink. Calls of the sink's Write and Reopen never overlap. NewWriter
// panics if sink is nil.
func NewWriter(sink io.Writer, config ...WriterConfig) *Writer {
	if sink == nil {
		panic("logger: NewWriter: the sink is nil")
	}
	w := &Writer{
		sink:     sink,
		full:     make(chan struct{}, 1),
		timer:    time.NewTimer(time.Hour),
		requests: make(chan request),
		closing:  make(chan struct{}),
		done:     make(chan struct{}),
	}
	w.timer.Stop()
	if len(config) > 0 {
		w.config = config[0]
	}
	w.config.setDefaults()
	go w.run()
	return w
}

// Write copies p, one or more whole lines, and returns at once; a missing final line
// feed is added. The lines of one call stay together. Lines beyond MaxPending are
// dropped, which is not an error: see Dropped. After Close it fails with
// os.ErrClosed.
func (w *Writer) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	size := len(p)
	ended := p[len(p)-1] == '\n'
	if !ended {
		size++
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.shut {
		return 0, os.ErrClosed
	}
	if w.pending+size > w.config.MaxPending {
		w.dropped += int64(bytes.Count(p, lineFeed) + size - len(p))
		return len(p), nil
	}
	block := w.room(size)
	*block = append(*block, p...)
	if !ended {
		*block = append(*block, '\n')
	}
	w.pending += size
	w.schedule()
	return len(p), nil
}

// room returns the last block, or a new one if size bytes do not fit in it.
func (w *Writer) room(size int) *[]byte {
	if n := len(w.blocks); n > 0 {
		last := &w.blocks[n-1]
		if cap(*last)-len(*last) >= size {
			return last
		}
	}
	var fresh []byte
	if n := len(w.spare); n > 0 && size <= w.config.BufferSize {
		fresh, w.spare = w.spare[n-1], w.spare[:n-1]
	} else {
		fresh = make([]byte, 0, max(size, w.config.BufferSize))
	}
	w.blocks = append(w.blocks, fresh)
	return &w.blocks[len(w.blocks)-1]
}

// schedule makes sure that what was just added gets written.
func (w *Writer) schedule() {
	if w.fullBlocks() > 0 {
		select {
		case w.full <- struct{}{}:
		default: // already signaled
		}
	}
	if !w.armed {
		w.armed = true
		w.timer.Reset(w.config.FlushInterval)
	}
}

// fullBlocks counts the blocks that nothing will be added to any more.
func (w *Writer) fullBlocks() int {
	n := len(w.blocks)
	if n > 0 && len(w.blocks[n-1]) < w.config.BufferSize {
		n--
	}
	return n
}

// Dropped returns how many lines were lost since NewWriter.
func (w *Writer) Dropped() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dropped
}

// Flush waits until every line written before the call has gone to the sink, and
// returns the sink's last error with them. After Timeout it fails with
// os.ErrDeadlineExceeded, and the lines keep waiting. After Close it fails with
// os.ErrClosed.
func (w *Writer) Flush() error { return w.ask(false) }

// Reopen flushes and then calls the sink's Reopen() error, if it has one, as File
// and RotatingFile do; later lines go to the file that opens. It returns the errors
// of both. After Timeout it fails with os.ErrDeadlineExceeded: a sink that was stuck
// before the call is then not reopened, one that got stuck during it is, once it
// recovers. After Close it fails with os.ErrClosed.
func (w *Writer) Reopen() error { return w.ask(true) }

func (w *Writer) ask(reopen bool) error {
	timeout := time.NewTimer(w.config.Timeout)
	defer timeout.Stop()
	r := request{reopen: reopen, answer: make(chan error, 1)}
	select {
	case w.requests <- r:
	case <-w.closing:
		return os.ErrClosed
	case <-timeout.C:
		return errStalled
	}
	select {
	case err := <-r.answer:
		return err
	case <-timeout.C:
		return errStalled
	}
}

// Close writes all lines to the sink, stops the goroutine and returns the last error
// of any write since NewWriter. After Timeout it gives up: lines that the sink has not
// taken count as dropped, the error says how many and is os.ErrDeadlineExceeded, and
// the goroutine ends when the sink's Write returns. Later calls return the same. It
// does not close the sink.
func (w *Writer) Close() error {
	w.closed.Do(func() {
		w.mu.Lock()
		w.shut = true
		w.mu.Unlock()
		close(w.closing)
		timeout := time.NewTimer(w.config.Timeout)
		defer timeout.Stop()
		select {
		case <-w.done:
		case <-timeout.C:
			w.abandon()
		}
		w.timer.Stop()
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lastErr
}

// abandon counts what has not reached the sink and keeps the goroutine from writing
// any more.
func (w *Writer) abandon() {
	w.mu.Lock()
	defer w.mu.Unlock()
	left := bytes.Count(w.inHand, lineFeed)
	for _, b := range w.blocks {
		left += bytes.Count(b, lineFeed)
	}
	w.abandoned = true
	w.dropped += int64(left)
	w.blocks, w.spare, w.pending = nil, nil, 0
	w.lastErr = fmt.Errorf("logger: the sink stalls, %d lines are lost: %w", left, os.ErrDeadlineExceeded)
}
