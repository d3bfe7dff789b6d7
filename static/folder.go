package static

// This file is the answer for a folder: its index file, or a listing of what
// may be seen of it.

import (
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/gofiber/fiber/v2"

	"fullbore/static/listing"
)

// folder answers for an open folder, which it takes over.
func (h *Handler) folder(c *fiber.Ctx, f *file, name, urlPath string) error {
	defer closeQuietly(f)
	if !strings.HasSuffix(urlPath, "/") {
		return toSlash(c, urlPath)
	}
	index := path.Join(name, h.cfg.Index)
	file, kind, err := h.root.open(index)
	switch {
	case err == nil && kind == regular:
		return h.send(c, file, index)
	case err == nil:
		closeQuietly(file)
	case !isAbsent(err):
		return statusOf(c, err)
	}
	if h.listing == nil {
		return fiber.ErrForbidden
	}
	note(c, kindListing)
	dir := f.osFile()
	defer closeQuietly(dir)
	err = h.listing.Answer(c, listing.Folder{Path: urlPath, IsRoot: name == ".", Source: &source{h, dir, name}})
	if err != nil {
		return statusOf(c, err)
	}
	return nil
}

// unlisted answers for what may not be read: a folder that may still be entered
// has its index file.
func (h *Handler) unlisted(c *fiber.Ctx, cause error, name, urlPath string) error {
	if h.root.only != "" {
		return statusOf(c, cause)
	}
	index := path.Join(name, h.cfg.Index)
	f, kind, err := h.root.open(index)
	switch {
	case err != nil:
		return statusOf(c, cause)
	case kind != regular:
		closeQuietly(f)
		return statusOf(c, cause)
	case !strings.HasSuffix(urlPath, "/"):
		closeQuietly(f)
		return toSlash(c, urlPath)
	}
	return h.send(c, f, index)
}

// source is an open folder as its listing sees it: folders, regular files and
// links, but not what is hidden.
type source struct {
	h    *Handler
	dir  *os.File
	name string // as seen from the root
}

// ReadDir is described with listing.Source.
func (s *source) ReadDir(n int) ([]listing.Name, error) {
	for {
		entries, err := s.dir.ReadDir(n)
		names := make([]listing.Name, 0, len(entries))
		for _, d := range entries {
			kind := d.Type()
			if s.h.hides(d.Name()) || (kind != 0 && kind != fs.ModeDir && kind != fs.ModeSymlink) {
				continue
			}
			names = append(names, listing.Name{Name: d.Name(), IsFolder: d.IsDir()})
		}
		if len(names) > 0 || err != nil {
			return names, err
		}
	}
}

// Stat is described with listing.Source.
func (s *source) Stat(base string) (listing.Entry, error) {
	v, kind, err := s.h.root.look(s.dir, path.Join(s.name, base), base)
	switch {
	case err != nil:
		return listing.Entry{}, err
	case kind == special:
		return listing.Entry{}, fs.ErrInvalid
	}
	return listing.Entry{IsFolder: kind == folder, Size: v.size, Modified: v.modTime}, nil
}

// ReadFile is described with listing.Source.
func (s *source) ReadFile(base string, limit int64) ([]byte, error) {
	f, kind, err := s.h.root.open(path.Join(s.name, base))
	if err != nil {
		return nil, err
	}
	defer closeQuietly(f)
	if kind != regular {
		return nil, fs.ErrInvalid
	}
	return io.ReadAll(io.LimitReader(f, limit))
}
