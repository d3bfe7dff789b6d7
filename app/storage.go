package app

// This file looks at what is on disks: whether the files are there, and how
// much room there is for logs and profiles. A network file system may not
// answer at all, so that is not waited for without end.

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/dustin/go-humanize"

	"fullbore/app/admin"
)

const (
	probePatience = 2 * time.Second
	probeFresh    = time.Second

	// Room is short when both the share and the number of bytes are below
	// these: a tenth of a large disk is plenty.
	shortShare, shortBytes = 0.10, 10 << 30
	emptyShare, emptyBytes = 0.02, 1 << 30
)

// places are the paths that matter.
type places struct {
	root  string                      // what is served
	open  func() (fs.FileInfo, error) // what is open of it, or why nothing can be served; nil: nothing is
	log   string                      // the access log's file; "" for none
	state string                      // the state folder; "" for none
}

// storage is what was found there.
type storage struct {
	root     string
	gone     error // why the files cannot be reached
	replaced bool  // another folder has the name of the one that is served
	rooms    []room
}

// room is what is left in a file system.
type room struct {
	what, path string
	free, size int64 // bytes
}

func measure(p places) storage {
	s := storage{root: p.root}
	s.replaced, s.gone = p.files()
	var pathErr *fs.PathError
	if errors.As(s.gone, &pathErr) {
		s.gone = pathErr.Err // the name is said anyway
	}
	for _, r := range []room{{what: "access log", path: p.log}, {what: "state folder", path: p.state}} {
		if r.path == "" {
			continue
		}
		var err error
		if r.free, r.size, err = diskSpace(existing(r.path)); err == nil { // what cannot be known is not bad
			s.rooms = append(s.rooms, r)
		}
	}
	return s
}

// files compares what has the root's name with what is open, which is what
// clients get.
func (p places) files() (replaced bool, err error) {
	named, err := os.Stat(p.root)
	if err != nil {
		return false, err
	}
	if !named.IsDir() && !named.Mode().IsRegular() {
		return false, errors.New("neither a folder nor a regular file")
	}
	if p.open == nil {
		return false, nil
	}
	opened, err := p.open()
	switch {
	case err != nil && named.IsDir() && errors.Is(err, fs.ErrNotExist):
		return false, fmt.Errorf("%w; SIGHUP serves the one that has its name now", err)
	case err != nil:
		return false, err
	case opened.IsDir() && !named.IsDir():
		return false, errors.New("it is a file now; a folder was opened")
	}
	return opened.IsDir() && !os.SameFile(named, opened), nil
}

// existing is the path, or the nearest folder above it that there is.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); err == nil {
			return path
		}
		parent := filepath.Dir(path)
		if parent == path {
			return path
		}
		path = parent
	}
}

func (s storage) filesPart() admin.Part {
	switch {
	case s.gone != nil:
		return admin.Part{Name: "files", Score: 0, Reason: fmt.Sprintf("%s: %v", s.root, s.gone)}
	case s.replaced:
		return admin.Part{Name: "files", Score: 50, Reason: s.root + " is another folder than the one that is served; SIGHUP serves the new one"}
	default:
		return admin.Part{Name: "files", Score: 100}
	}
}

func (s storage) diskPart() admin.Part {
	p := admin.Part{Name: "disk", Score: 100}
	for _, r := range s.rooms {
		if score := r.score(); score < p.Score {
			p.Score = score
			p.Reason = fmt.Sprintf("%s %s: %s of %s are free (%.1f %%)", r.what, r.path,
				humanize.IBytes(uint64(r.free)), humanize.IBytes(uint64(r.size)), 100*r.share()) //nolint:gosec // not negative
		}
	}
	return p
}

func (r room) share() float64 { return float64(r.free) / float64(max(r.size, 1)) }

func (r room) score() int {
	switch share := r.share(); {
	case share < emptyShare && r.free < emptyBytes:
		return 10
	case share < shortShare && r.free < shortBytes:
		return 50
	default:
		return 100
	}
}

// probe measures in a goroutine, one at a time: where the disk never answers
// there is one that waits for it, however many ask. Nobody can end that one,
// and so nobody waits for it at the end either. It is safe for concurrent use.
type probe struct {
	measure  func() storage
	patience time.Duration

	mu      sync.Mutex
	running chan struct{} // closed when it is over; nil: none runs
	began   time.Time
	last    storage
	at      time.Time
}

// look gives what was found at most a second ago, or for how long there has
// been no answer, if that is too long.
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
