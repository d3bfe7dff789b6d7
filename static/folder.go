package static

// This file is the answer for a folder: its index file, or a listing of what
// may be seen of it.

import (
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/gofiber/fiber/v2"

	"fullbore/static/listing"
	"fullbore/static/source"
)

// folder answers for an open folder, which it takes over.
func (h *Handler) folder(c *fiber.Ctx, f source.File, name, urlPath string) error {
	defer closeQuietly(f)
	if !strings.HasSuffix(urlPath, "/") {
		return toSlash(c, urlPath)
	}
	index := path.Join(name, h.cfg.Index)
	file, info, err := h.open(c, index)
	switch {
	case err == nil && info.Kind == source.Regular:
		return h.send(c, file, info, index)
	case err == nil:
		closeQuietly(file)
	case !isAbsent(err):
		return statusOf(c, err)
	}
	if h.listing == nil {
		return fiber.ErrForbidden
	}
	note(c, kindListing)
	block(c)
	dir := h.root.List(f, name)
	defer closeQuietly(dir)
	err = h.listing.Answer(c, listing.Folder{Path: urlPath, IsRoot: name == ".", Source: &listed{dir, h, name}})
	if err != nil {
		return statusOf(c, err)
	}
	return nil
}

// unlisted answers for what may not be read: a folder that may still be entered
// has its index file.
func (h *Handler) unlisted(c *fiber.Ctx, cause error, name, urlPath string) error {
	if h.only != "" {
		return statusOf(c, cause)
	}
	index := path.Join(name, h.cfg.Index)
	f, info, err := h.open(c, index)
	switch {
	case err != nil:
		return statusOf(c, cause)
	case info.Kind != source.Regular:
		closeQuietly(f)
		return statusOf(c, cause)
	case !strings.HasSuffix(urlPath, "/"):
		closeQuietly(f)
		return toSlash(c, urlPath)
	}
	return h.send(c, f, info, index)
}

// listed is an open folder as its listing sees it: folders, regular files and
// links, but not what is hidden.
type listed struct {
	source.Folder
	h    *Handler
	name string // as seen from the root
}

// ReadDir is described with listing.Source.
func (l *listed) ReadDir(n int) ([]listing.Name, error) {
	for {
		entries, err := l.Folder.ReadDir(n)
		names := make([]listing.Name, 0, len(entries))
		for _, d := range entries {
			kind := d.Type()
			if l.h.hides(d.Name()) || (kind != 0 && kind != fs.ModeDir && kind != fs.ModeSymlink) {
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
func (l *listed) Stat(base string) (listing.Entry, error) {
	info, err := l.Look(base)
	switch {
	case err != nil:
		return listing.Entry{}, err
	case info.Kind == source.Special:
		return listing.Entry{}, fs.ErrInvalid
	}
	return listing.Entry{IsFolder: info.Kind == source.Directory, Size: info.Size, Modified: info.ModTime}, nil
}

// ReadFile is described with listing.Source.
func (l *listed) ReadFile(base string, limit int64) ([]byte, error) {
	f, info, err := l.h.root.Open(path.Join(l.name, base), source.MayWait)
	if err != nil {
		return nil, err
	}
	defer closeQuietly(f)
	if info.Kind != source.Regular {
		return nil, fs.ErrInvalid
	}
	return io.ReadAll(io.NewSectionReader(f, 0, limit))
}
