//go:build linux && (amd64 || arm64)

package engine

import (
	"sync"
	"time"
)

// pool is goroutines that may wait for a disk. They are started when there is
// work and end when there is none; each holds a thread while it waits.
type pool struct {
	most int // at once

	mu      sync.Mutex
	queue   []func()
	running int
	idle    sync.WaitGroup
}

// do has work done, after what was there before.
func (p *pool) do(work func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = append(p.queue, work)
	if p.running < p.most {
		p.running++
		p.idle.Add(1)
		go p.run()
	}
}

func (p *pool) run() {
	defer p.idle.Done()
	for {
		p.mu.Lock()
		if len(p.queue) == 0 {
			p.running--
			p.mu.Unlock()
			return
		}
		work := p.queue[0]
		p.queue[0] = nil
		if p.queue = p.queue[1:]; len(p.queue) == 0 {
			p.queue = nil
		}
		p.mu.Unlock()
		work()
	}
}

// isWanted reports whether work waits for one of them.
func (p *pool) isWanted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.queue) > 0
}

// wait waits until all is done, at most for a while: a disk that does not answer
// keeps its goroutine.
func (p *pool) wait(timeout time.Duration) {
	ended := make(chan struct{})
	go func() { p.idle.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(timeout):
	}
}
