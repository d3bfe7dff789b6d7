package cli

// This file decides when settings are reloaded: when SIGHUP asks for it, and
// when the config file has become another one. Editors and deployments replace
// a file rather than write it, by renames, links or links of folders, so its
// folder is watched, and the folders of what it links to.

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settleTime is how long a file must be left alone before it is read.
	settleTime = 200 * time.Millisecond

	// awayTime is how long a file may be missing while it is replaced.
	awayTime = 2 * time.Second
)

// reloader calls reload, never twice at once.
type reloader struct {
	file   string                   // "": there is none
	reload func(asked bool)         // asked: by a person, who wants to know
	warn   func(event, text string) // says what does not work
	asked  chan struct{}

	// Owned by run.
	watcher *fsnotify.Watcher // nil: the file is not watched
	seen    fs.FileInfo       // of the file when it was last read; nil: it was not there
	named   bool              // what happened was to the file itself
	away    time.Time         // since when it is missing; zero: it is there
	settle  *time.Timer
	pending bool // settle runs
}

func newReloader(file string, reload func(asked bool), warn func(event, text string)) *reloader {
	return &reloader{file: file, reload: reload, warn: warn, asked: make(chan struct{}, 1)}
}

// ask asks for a reload. It does not wait; a second one that comes before the
// first begins is the same.
func (r *reloader) ask() {
	select {
	case r.asked <- struct{}{}:
	default:
	}
}

// run reloads when that is due, until ctx ends.
func (r *reloader) run(ctx context.Context) {
	r.settle = time.NewTimer(time.Hour)
	defer r.settle.Stop()
	r.settle.Stop()
	var events chan fsnotify.Event
	var failures chan error
	if r.file != "" {
		var err error
		if r.watcher, err = fsnotify.NewWatcher(); err != nil {
			r.warn("config", r.file+" is not watched, SIGHUP reloads it: "+err.Error())
		} else {
			defer func() { _ = r.watcher.Close() }() // nothing is left to do about it
			events, failures = r.watcher.Events, r.watcher.Errors
			r.look()
			r.later(settleTime) // what came between the start and now
		}
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.asked:
			r.seen = r.stat()
			r.reload(true)
		case event := <-events:
			r.happened(event)
		case err := <-failures:
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				r.warn("config", r.file+" may change unseen, SIGHUP reloads it: "+err.Error())
			}
			r.named = true // perhaps; that was lost
			r.later(settleTime)
		case <-r.settle.C:
			r.pending = false
			r.settled()
		}
	}
}

// happened notes an event in one of the folders. What happens to other files
// there must not put off the reload for ever.
func (r *reloader) happened(event fsnotify.Event) {
	named := filepath.Base(event.Name) == filepath.Base(r.file)
	r.named = r.named || named
	if named || !r.pending {
		r.later(settleTime)
	}
}

func (r *reloader) later(d time.Duration) {
	r.settle.Reset(d)
	r.pending = true
}

// settled reloads if the file is another one than that which was read.
func (r *reloader) settled() {
	whole := r.look()
	now := r.stat()
	if now == nil {
		r.missing()
		return
	}
	same := r.seen != nil && os.SameFile(now, r.seen) && now.Size() == r.seen.Size() && now.ModTime().Equal(r.seen.ModTime())
	if r.named || !same {
		r.seen = now
		r.reload(false)
	}
	r.named, r.away = false, time.Time{}
	if !whole {
		r.later(awayTime)
	}
}

// missing gives a file time to come back, then lets the reload say that it is
// gone. It is looked for from then on, too: perhaps its folder is gone as well,
// and nothing will tell.
func (r *reloader) missing() {
	switch {
	case r.away.IsZero():
		r.away = time.Now()
	case r.seen != nil && time.Since(r.away) >= awayTime:
		r.seen = nil
		r.reload(false)
	}
	r.later(awayTime)
}

// stat is the file as it is now; nil: it is not there.
func (r *reloader) stat() fs.FileInfo {
	info, err := os.Stat(r.file)
	if err != nil {
		return nil
	}
	return info
}

// look watches the folders that the way to the file leads through now, and no
// others. It reports whether all of them could be.
func (r *reloader) look() (whole bool) {
	wanted, watched := foldersOf(r.file), r.watcher.WatchList()
	for _, folder := range watched {
		if !slices.Contains(wanted, folder) {
			_ = r.watcher.Remove(folder) // one that is gone is not watched either
		}
	}
	whole = true
	for _, folder := range wanted {
		// Also those that are: a folder of this name may be another by now.
		whole = r.watcher.Add(folder) == nil && whole
	}
	return whole
}

// linksMax is how many links in a row are followed; path_resolution(7).
const linksMax = 40

// foldersOf lists the folders whose change can make the file another one.
func foldersOf(file string) []string {
	var folders []string
	add := func(name string) {
		if dir := filepath.Dir(name); !slices.Contains(folders, dir) {
			folders = append(folders, dir)
		}
	}
	add(file)
	name := file
	for range linksMax {
		to, err := os.Readlink(name)
		if err != nil {
			break
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(name), to)
		}
		name = to
		add(name)
	}
	if resolved, err := filepath.EvalSymlinks(file); err == nil {
		add(resolved)
	}
	return folders
}
