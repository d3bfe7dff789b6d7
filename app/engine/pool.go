//go:build linux && (amd64 || arm64)

package engine

import (
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// pools are a pool for each file system: one that does not answer keeps its own.
type pools struct {
	most int // goroutines at once, for each

	mu sync.Mutex
	on map[device]*pool
}

// device is a file system, by its major and minor number.
type device struct{ major, minor uint32 }

// deviceOf is what a file is on; the zero value if the kernel does not tell. It asks no
// disk and no network: statx(2), AT_STATX_DONT_SYNC.
func deviceOf(fd int) device {
	var st unix.Statx_t
	if unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, 0, &st) != nil {
		return device{}
	}
	return device{st.Dev_major, st.Dev_minor}
}

// of is the pool of a file system.
func (p *pools) of(d device) *pool {
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.on[d]
	if one == nil {
		if p.on == nil {
			p.on = map[device]*pool{}
		}
		one = &pool{most: p.most}
		p.on[d] = one
	}
	return one
}

// wait waits until all is done, at most for a while.
func (p *pools) wait(timeout time.Duration) {
	p.mu.Lock()
	all := slices.Collect(maps.Values(p.on))
	p.mu.Unlock()
	until := time.Now().Add(timeout)
	for _, one := range all {
		one.wait(time.Until(until))
	}
}

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
