package app

import (
	"errors"
	"fmt"
)

// look says whether what is served can be reached, and follows its name: where
// the name leads to something else by now, or what is open is dead, what has
// the name is opened and takes its place. A link was switched, a folder
// exchanged, a file system mounted, or mounted again. Until the new one can be
// opened, the old one stays in force.
//
// gone is why no file can be reached, behind why it is not what has the name
// now. It blocks as long as the file system does.
func (f *files) look() (behind, gone error) {
	g := f.enter()
	if g == nil {
		return nil, errors.New("closed")
	}
	defer g.leave()
	g.guard.Follow()
	replaced, dead := g.Alive()
	if !replaced && dead == nil {
		return nil, nil
	}
	next, err := f.openGeneration(g.cfg)
	switch {
	case err != nil && !replaced:
		return nil, dead
	case err != nil && dead == nil:
		return fmt.Errorf("another one has its name now, but cannot be served: %w", errors.Unwrap(err)), nil
	case err != nil:
		return nil, fmt.Errorf("%w; what has its name now cannot be served: %w", dead, errors.Unwrap(err))
	}
	// It may have changed again; and where a file system makes up identities, all
	// are others each time.
	if replaced, err := next.Alive(); replaced || err != nil || !f.now.CompareAndSwap(g, next) {
		next.leave()
		return nil, dead
	}
	g.leave()
	f.sayFollowed(g, next, dead)
	return nil, nil
}

// mounts says for the health score what is wrong with the disks that files come from.
func (f *files) mounts() (score int, reasons []string) {
	score = 100
	for _, failing := range f.disks.Failing() {
		if score = min(score, 50); failing.Root {
			score = 0
		}
		reasons = append(reasons, failing.Path+": "+failing.Reason)
	}
	return score, reasons
}

func (f *files) sayFollowed(old, next *generation, dead error) {
	why := "another folder, file or mount has its name"
	switch {
	case dead != nil:
		why = dead.Error()
	case old.target != next.target:
		why = "it led to " + old.target
	}
	f.events.Info().Str("event", "files").Str("path", next.cfg.Path).Str("target", next.target).Str("before", old.target).
		Str("reason", why).Msgf("%s leads to %s now and is followed: %s", next.cfg.Path, next.target, why)
}
