package cli

import (
	"context"
	"io/fs"
	"os"
	"time"
)

// The config file is polled, not watched for events: editors and deployments
// replace a file by renames, links or links of folders, and stat(2) follows all
// of them, on network file systems too.
const (
	lookEvery = time.Second

	// settleTime is how long a changed file must be left alone before it is read.
	settleTime = 200 * time.Millisecond

	// awayTime is how long a file may be missing while it is replaced.
	awayTime = 2 * time.Second
)

// reloader calls reload on SIGHUP and when the config file has changed, never
// twice at once.
type reloader struct {
	file   string           // "": there is none
	reload func(asked bool) // asked: by a person, who wants to know
	asked  chan struct{}

	// Owned by run. nil is a missing file.
	read  fs.FileInfo // the version that was read
	found fs.FileInfo // the version of the last look
	since time.Time   // when found was first seen
}

func newReloader(file string, reload func(asked bool)) *reloader {
	return &reloader{file: file, reload: reload, asked: make(chan struct{}, 1)}
}

// ask requests a reload without waiting for it. Requests made before one begins
// are merged.
func (r *reloader) ask() {
	select {
	case r.asked <- struct{}{}:
	default:
	}
}

// run reloads as needed until ctx ends.
func (r *reloader) run(ctx context.Context) {
	look := time.NewTimer(0)
	defer look.Stop()
	if r.file == "" {
		look.Stop()
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.asked:
			r.read = stat(r.file)
			r.reload(true)
		case <-look.C:
			look.Reset(r.look())
		}
	}
}

// look reloads if the file is another version than was read and has settled.
// The first version seen always is, since it may have changed after the start.
// It returns the time until the next look.
func (r *reloader) look() time.Duration {
	now := stat(r.file)
	if !sameVersion(now, r.found) {
		r.found, r.since = now, time.Now()
	}
	if sameVersion(now, r.read) {
		return lookEvery
	}
	settled := settleTime
	if now == nil {
		settled = awayTime
	}
	if wait := settled - time.Since(r.since); wait > 0 {
		return min(wait, lookEvery)
	}
	r.read = now
	r.reload(false)
	return lookEvery
}

// stat describes the file that name leads to; nil if there is none.
func stat(name string) fs.FileInfo {
	info, err := os.Stat(name)
	if err != nil {
		return nil
	}
	return info
}

// sameVersion reports whether a file has neither been replaced nor changed. The
// mode counts because a file that could not be read may be made readable.
func sameVersion(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == b
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) && a.Mode() == b.Mode()
}
