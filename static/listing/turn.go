package listing

// Whoever needs a place to read a folder, the turn at a large one, or memory,
// waits here, so that memory is bounded however many ask.

import (
	"context"
	"time"

	"golang.org/x/sync/semaphore"
)

// waiting is how many requests may wait while they hold names or a page.
const waiting = 64

// turn is for a few at a time.
type turn struct {
	places   chan struct{}
	queue    chan struct{}
	patience time.Duration
}

// newTurn is for so many places, and so many who wait.
func newTurn(places, queue int, patience time.Duration) turn {
	return turn{make(chan struct{}, places), make(chan struct{}, queue), patience}
}

// take waits for a place. Whoever gets it gives it back by release, once.
func (t turn) take() (release func(), err error) {
	release = func() { <-t.places }
	select {
	case t.places <- struct{}{}:
		return release, nil
	default:
	}
	select {
	case t.queue <- struct{}{}:
		defer func() { <-t.queue }()
	default:
		return nil, ErrBusy
	}
	timer := time.NewTimer(t.patience)
	defer timer.Stop()
	select {
	case t.places <- struct{}{}:
		return release, nil
	case <-timer.C:
		return nil, ErrBusy
	}
}

// fewKB, in bytes, is what a page may hold uncounted: no more than a download
// costs. So folders of usual size open even when slow clients hold all memory.
const fewKB = 16 << 10

// memory is what pages hold together until their clients have taken them.
type memory struct {
	total int64
	free  *semaphore.Weighted
	queue chan struct{}
}

func newMemory(total int64) *memory {
	return &memory{total: total, free: semaphore.NewWeighted(total), queue: make(chan struct{}, waiting)}
}

// take waits for n bytes.
func (m *memory) take(n int64) (*held, error) {
	if n <= fewKB {
		return nil, nil
	}
	n = min(n, m.total)
	h := &held{m, n}
	if m.free.TryAcquire(n) {
		return h, nil
	}
	select {
	case m.queue <- struct{}{}:
		defer func() { <-m.queue }()
	default:
		return nil, ErrBusy
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if m.free.Acquire(ctx, n) != nil {
		return nil, ErrBusy
	}
	return h, nil
}

// held is memory that a page holds. nil holds nothing.
type held struct {
	memory *memory
	bytes  int64
}

// shrink gives back all but n bytes.
func (h *held) shrink(n int64) {
	if h != nil && n < h.bytes {
		h.memory.free.Release(h.bytes - n)
		h.bytes = n
	}
}
