package logger

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"
)

// A download must not wait for a disk or for whoever reads a pipe, so between
// the two stands a Writer: requests copy their line into memory and go on, and
// one goroutine hands the lines to the sink. What cannot be kept is counted,
// and the count is written into the log itself.

// errStalled is what a wait ends with when the sink takes nothing.
var errStalled = fmt.Errorf("logger: the sink stalls: %w", os.ErrDeadlineExceeded)

var lineFeed = []byte{'\n'}

// maxSpare is how many empty blocks are kept: one fills while one is written.
const maxSpare = 2

// Writer gathers lines in memory and writes them to a sink from a goroutine of
// its own, so that whoever writes a line never waits for the sink.
//
// Only whole lines are handed to the sink, at most BufferSize bytes at once,
// so a sink that changes files between writes never splits a line. When a
// write fails, the lines it did not wholly write are lost, there is no second
// try; the next ones are tried again. If the sink took a piece of a line, it
// is ended with a line feed before anything else is written, so that a reader
// loses that line only. Before the next lines comes a notice of how many were
// lost.
//
// It holds at most about MaxPending + BufferSize bytes and gives back all but
// two buffers after a burst. While there is nothing to write, no timer runs.
//
// A sink that is os.Stdout or os.Stderr ends the whole program when its reader
// is gone, unless the program ignores or handles SIGPIPE, see os/signal.
//
// All methods are safe for concurrent use. The zero value is not usable, see
// NewWriter.
type Writer struct {
	sink   io.Writer
	config WriterConfig

	full     chan struct{} // a block has no room left; holds one signal
	timer    *time.Timer   // runs while a line waits
	requests chan request
	closing  chan struct{}
	done     chan struct{} // closed when the goroutine ends
	closed   sync.Once

	mu        sync.Mutex // guards what follows
	blocks    [][]byte   // wait for the sink, oldest first; only the last has room
	pending   int        // bytes in blocks
	inHand    []byte     // the block that is being written
	spare     [][]byte   // empty blocks of BufferSize
	armed     bool       // timer was started for the lines in blocks
	shut      bool       // Close was called
	abandoned bool       // Close gave up waiting: what is left is counted already
	dropped   int64
	lastErr   error

	// Only the goroutine touches these.
	torn  bool  // the last byte the sink took was no line feed
	told  int64 // of dropped, what notices have said
	intro []byte
}

// request asks the goroutine to write all it has, and then to reopen the sink.
type request struct {
	reopen bool
	answer chan error // has room for one, so that nobody need wait for it
}

// NewWriter starts a Writer in front of sink; Close stops it. The sink stays
// the caller's to close, after Close. It gets one Write at a time and no
// Reopen during one. A sink that is nil is a panic.
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

// Write takes a copy of p, one or more whole lines, and returns at once; a
// missing last line feed is added. What one call brings stays together. Lines
// that find MaxPending bytes waiting are dropped, which is no error here: see
// Dropped. After Close it fails with os.ErrClosed.
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
		w.dropped += countLines(p)
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

// schedule sees to it that what was just added gets written.
func (w *Writer) schedule() {
	if w.fullBlocks() > 0 {
		select {
		case w.full <- struct{}{}:
		default: // it has been told, and will look
		}
	}
	if !w.armed {
		w.armed = true
		w.timer.Reset(w.config.FlushInterval)
	}
}

// fullBlocks counts the blocks that nothing more will be added to.
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

// Flush waits until every line written before the call was handed to the sink,
// and returns the last error the sink had with them. A sink that takes longer
// than Timeout makes it fail with os.ErrDeadlineExceeded; the lines then still
// wait. After Close it fails with os.ErrClosed.
func (w *Writer) Flush() error { return w.ask(false) }

// Reopen hands to the sink every line written before the call and then calls
// its Reopen() error, if it has one, as File and RotatingFile do; later lines
// go to the file that opens. It returns the errors of both. A sink that takes
// longer than Timeout makes it fail with os.ErrDeadlineExceeded; if the sink
// was stuck before, it is not reopened then, and if it got stuck during the
// call, it is reopened once it is back. After Close it fails with
// os.ErrClosed.
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

// Close hands all lines to the sink, stops the goroutine and returns the last
// error that any write since NewWriter had. It waits for Timeout at most: lines
// that a stalled sink has not taken by then count as dropped, the error says
// how many and is os.ErrDeadlineExceeded, and the goroutine ends when the
// sink's Write returns. More calls return the same. It does not close the sink.
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

// abandon counts what has not reached the sink and keeps the goroutine from
// writing more.
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

// run is the goroutine: it sleeps until a block is full, a line has waited long
// enough, or somebody asks.
func (w *Writer) run() {
	defer close(w.done)
	for {
		select {
		case <-w.full:
			_ = w.writeBlocks(false) // told to OnError and kept for Close
		case <-w.timer.C:
			_ = w.writeBlocks(true) // as above
		case r := <-w.requests:
			r.answer <- w.serve(r)
		case <-w.closing:
			_ = w.writeBlocks(true) // as above
			_ = w.introduce()       // as above; a last notice if there is a need
			return
		}
	}
}

func (w *Writer) serve(r request) error {
	err := errors.Join(w.writeBlocks(true), w.introduce())
	sink, ok := w.sink.(interface{ Reopen() error })
	if !r.reopen || !ok {
		return err
	}
	return errors.Join(err, sink.Reopen())
}

// writeBlocks writes the blocks there are now, or only the full ones, and
// returns the last error. It stops there even if more have come: under load
// it would go on for ever, with a few lines each time.
func (w *Writer) writeBlocks(all bool) error {
	w.mu.Lock()
	n := w.fullBlocks()
	if all {
		n = len(w.blocks)
		w.armed = false
		w.timer.Stop()
	}
	w.mu.Unlock()
	var last error
	for range n {
		if err := w.writeBlock(w.take()); err != nil {
			last = err
		}
		w.giveBack()
	}
	return last
}

// take moves the oldest block out of the queue.
func (w *Writer) take() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.blocks) == 0 { // abandoned since it was counted
		return nil
	}
	w.inHand = w.blocks[0]
	w.blocks = slices.Delete(w.blocks, 0, 1)
	w.pending -= len(w.inHand)
	return w.inHand
}

// giveBack keeps the block that was written for the next lines, unless there
// are enough already or it is of an odd size.
func (w *Writer) giveBack() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if cap(w.inHand) == w.config.BufferSize && len(w.spare) < maxSpare {
		w.spare = append(w.spare, w.inHand[:0])
	}
	w.inHand = nil
}

func (w *Writer) writeBlock(block []byte) error {
	if len(block) == 0 {
		return nil
	}
	n, err := 0, w.introduce()
	if err == nil {
		n, err = w.put(block)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.abandoned {
		// A line whose line feed was written was written whole.
		w.dropped += int64(bytes.Count(block[n:], lineFeed))
	}
	return err
}

// introduce ends a torn line and says how many lines were lost. It leaves both
// for the next time if it fails.
func (w *Writer) introduce() error {
	w.mu.Lock()
	lost := w.dropped - w.told
	abandoned := w.abandoned
	w.mu.Unlock()
	if abandoned || (!w.torn && lost == 0) {
		return nil
	}
	w.intro = w.intro[:0]
	if w.torn {
		w.intro = append(w.intro, '\n')
	}
	if lost > 0 {
		w.intro = w.config.Notice(w.intro, lost)
	}
	n, err := w.put(w.intro)
	if n < len(w.intro) {
		return err
	}
	w.told += lost
	return nil
}

// put writes p to the sink and returns how much of it got there. Only a whole
// write can come with no error; a sink that wrote all may still have one to
// tell, as RotatingFile has.
func (w *Writer) put(p []byte) (int, error) {
	n, err := w.sink.Write(p)
	n = min(max(n, 0), len(p)) // a sink that lies must not make us panic
	if n > 0 {
		w.torn = p[n-1] != '\n'
	}
	if n < len(p) && err == nil {
		err = io.ErrShortWrite
	}
	if err != nil {
		w.failed(err)
	}
	return n, err
}

func (w *Writer) failed(err error) {
	w.mu.Lock()
	abandoned := w.abandoned
	if !abandoned {
		w.lastErr = err
	}
	w.mu.Unlock()
	if !abandoned && w.config.OnError != nil {
		w.config.OnError(err)
	}
}

// countLines counts the lines in p; the last may lack its line feed.
func countLines(p []byte) int64 {
	n := int64(bytes.Count(p, lineFeed))
	if p[len(p)-1] != '\n' {
		n++
	}
	return n
}
