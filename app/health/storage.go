package health

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dustin/go-humanize"
)

const (
	// Space is short if both the share and the bytes are below these: a tenth of a
	// large disk is plenty.
	shortShare, shortBytes = 0.10, 10 << 30
	emptyShare, emptyBytes = 0.02, 1 << 30
)

// Places are what matters on disk.
type Places struct {
	Root  string // where the served files are
	Log   string // the access log's file; "" for none
	State string // the state folder; "" for none

	// Look says why no file can be reached, or why what is served is not what has the
	// root's name now.
	Look func() (behind, gone error)
}

// storage is what was found there.
type storage struct {
	root         string
	behind, gone error // see Places.Look
	spaces       map[string]Space
	rooms        []room // what is written to; served files may fill a disk
}

// Space is how full a file system is.
type Space struct {
	Free, Size int64 // bytes available to us, as in df
}

// room is the space for something that is written to.
type room struct {
	what, path string
	Space
}

func measure(p Places) storage {
	s := storage{root: p.Root, spaces: make(map[string]Space, 2)}
	s.behind, s.gone = p.Look()
	// Unknown spaces are left out, which is not bad.
	if space, err := spaceOf(p.Root); err == nil {
		s.spaces["files"] = space
	}
	if space, err := spaceOf(p.Log); err == nil {
		s.rooms = append(s.rooms, room{"access log", p.Log, space})
	}
	if space, err := spaceOf(p.State); err == nil {
		s.spaces["state"] = space
		s.rooms = append(s.rooms, room{"state folder", p.State, space})
	}
	return s
}

// spaceOf is the space where a path is, or would be. "" is an error.
func spaceOf(path string) (Space, error) {
	if path == "" {
		return Space{}, fs.ErrInvalid
	}
	return diskSpace(existing(path))
}

// existing is the path, or the nearest folder above it that exists.
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

func (s storage) filesPart() Part {
	switch {
	case s.gone != nil:
		return Part{Name: "files", Score: 0, Reason: fmt.Sprintf("%s: %v", s.root, s.gone)}
	case s.behind != nil:
		return Part{Name: "files", Score: 50, Reason: fmt.Sprintf("%s: %v", s.root, s.behind)}
	default:
		return Part{Name: "files", Score: perfect}
	}
}

func (s storage) diskPart() Part {
	p := Part{Name: "disk", Score: perfect}
	for _, r := range s.rooms {
		if score := r.score(); score < p.Score {
			p.Score = score
			p.Reason = fmt.Sprintf("%s %s: %s of %s are free (%.1f %%)", r.what, r.path,
				humanize.IBytes(uint64(r.Free)), humanize.IBytes(uint64(r.Size)), 100*r.share()) //nolint:gosec // not negative
		}
	}
	return p
}

func (r room) share() float64 { return float64(r.Free) / float64(max(r.Size, 1)) }

func (r room) score() int {
	switch share := r.share(); {
	case share < emptyShare && r.Free < emptyBytes:
		return 10
	case share < shortShare && r.Free < shortBytes:
		return 50
	default:
		return 100
	}
}
