package logger

import (
	"bytes"
	"errors"
	"io"
	"slices"
)

// run is the goroutine: it sleeps until a block is full, a line has waited long
// enough, or someone asks.
func (w *Writer) run() {
	defer close(w.done)
	for {
		select {
		case <-w.full:
			_ = w.writeBlocks(false) // OnError and Close get the error
		case <-w.timer.C:
			_ = w.writeBlocks(true) // as above
		case r := <-w.requests:
			r.answer <- w.serve(r)
		case <-w.closing:
			_ = w.writeBlocks(true) // as above
			_ = w.introduce()       // as above; a last notice if needed
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

// writeBlocks writes the present blocks, or only the full ones, and returns the last
// error. Blocks added meanwhile wait: under load it would never end, with a few lines
// each time.
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
	if all {
		w.free()
	}
	return last
}

// free lets go of spare blocks after a burst.
func (w *Writer) free() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := min(len(w.spare), maxSpare); n < len(w.spare) {
		clear(w.spare[n:])
		w.spare = w.spare[:n]
	}
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

// giveBack keeps the written block for reuse, unless there are enough or its size is
// odd.
func (w *Writer) giveBack() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if cap(w.inHand) == w.config.BufferSize && len(w.spare) < busySpare {
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
		// A line is written once its line feed is.
		w.dropped += int64(bytes.Count(block[n:], lineFeed))
	}
	return err
}

// introduce ends a torn line and says how many lines were lost. If it fails, both are
// left for the next time.
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

// put writes p to the sink and returns how much of it was written. A short write
// always has an error; a full one may have one, too, as RotatingFile's.
func (w *Writer) put(p []byte) (int, error) {
	n, err := w.sink.Write(p)
	n = min(max(n, 0), len(p)) // a sink that miscounts must not make us panic
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
