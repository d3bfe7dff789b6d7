// Package storage stands between requests and the disks that have the files. A disk that
// hangs, or fails every time, is not asked again by each request: these are refused at
// once, and a look now and then finds out when it is back. Each mount below the root is a
// disk of its own, so that one does not take the others with it.
package storage

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// Config of a Storage.
type Config struct {
	Events  zerolog.Logger
	Timeout func() time.Duration // how long it may take to open a file
}

// Storage is the mounts that files are served from. It is safe for concurrent use.
type Storage struct {
	cfg   Config
	trips atomic.Int64

	mu     sync.Mutex // guards mounts, and users of each
	mounts map[mountID]*mount
}

// New returns a Storage that knows no mount yet; see Guard.
func New(cfg Config) *Storage {
	return &Storage{cfg: cfg, mounts: map[mountID]*mount{}}
}

// acquire is the mount of that identity, with one user more.
func (s *Storage) acquire(found mountPoint) *mount {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.mounts[found.id]
	if m == nil {
		m = newMount(s, found)
		s.mounts[found.id] = m
	}
	m.users++
	return m
}

// release takes a user from each; a mount without any is not looked at any more.
func (s *Storage) release(mounts []*mount) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range mounts {
		if m.users--; m.users == 0 {
			delete(s.mounts, m.id)
			m.forget()
		}
	}
}

// Failing is a mount that does not answer, or fails.
type Failing struct {
	Path   string
	Root   bool // all of what is served, but for other mounts below it
	Reason string
}

// Failing lists the mounts that requests are kept from, by path.
func (s *Storage) Failing() []Failing {
	s.mu.Lock()
	defer s.mu.Unlock()
	var failing []Failing
	for _, m := range s.mounts {
		if m.broken.Load() {
			failing = append(failing, Failing{Path: m.path, Root: m.isRoot, Reason: m.reason().Error()})
		}
	}
	slices.SortFunc(failing, func(a, b Failing) int { return cmp.Compare(a.Path, b.Path) })
	return failing
}

// Mounts is how many there are.
func (s *Storage) Mounts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.mounts)
}

// Trips is how often a mount was found to fail.
func (s *Storage) Trips() int64 { return s.trips.Load() }
