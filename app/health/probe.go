package health

import (
	"sync"
	"time"
)

const (
	probePatience = 2 * time.Second
	probeFresh    = time.Second / 2
)

// probe measures in a single goroutine: if a network file system never answers, only one
// goroutine hangs, however many callers ask. It cannot be stopped, so nobody waits for
// it. It is safe for concurrent use.
type probe struct {
	measure  func() storage
	patience time.Duration

	mu      sync.Mutex
	running chan struct{} // closed at its end; nil: none runs
	began   time.Time
	last    storage
	at      time.Time
}

// look returns what was found lately, or, if the answer takes too long,
// for how long it has been missing.
func (p *probe) look() (found storage, stuck time.Duration) {
	p.mu.Lock()
	if p.running == nil {
		if !p.at.IsZero() && time.Since(p.at) < probeFresh {
			defer p.mu.Unlock()
			return p.last, 0
		}
		p.running, p.began = make(chan struct{}), time.Now()
		go p.run(p.running)
	}
	running, began := p.running, p.began
	p.mu.Unlock()

	timeout := time.NewTimer(max(0, p.patience-time.Since(began)))
	defer timeout.Stop()
	select {
	case <-running:
	case <-timeout.C:
		return storage{}, time.Since(began)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last, 0
}

func (p *probe) run(running chan struct{}) {
	found := p.measure()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last, p.at, p.running = found, time.Now(), nil
	close(running)
}
